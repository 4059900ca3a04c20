//! Reads the function under the attribute, and refuses in plain words what cannot be a flow
//! or a task.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{
    Attribute, Error, Expr, ExprLit, FnArg, GenericArgument, Ident, Item, ItemFn, Lit, Meta, Pat,
    PathArguments, Result, ReturnType, Type, Visibility, ext::IdentExt, parse_quote,
    parse_quote_spanned, spanned::Spanned, visit::Visit,
};

/// A flow's or task's function, taken apart.
pub struct Function {
    /// The plain function, renamed to `call`.
    pub body: ItemFn,
    pub name: Ident,
    pub vis: Visibility,
    pub docs: Vec<Attribute>,
    pub is_async: bool,
    pub parameters: Vec<Parameter>,
    /// What the function gives when all is well.
    pub value: Type,
    /// Whether it returns a `Result`.
    pub fails: bool,
}

pub struct Parameter {
    pub ident: Ident,
    /// Its name in JSON.
    pub name: String,
    pub ty: Type,
    pub default: Option<Expr>,
}

/// Which attribute it is, for messages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Flow,
    Task,
}

impl Kind {
    fn a(self) -> &'static str {
        match self {
            Self::Flow => "a flow",
            Self::Task => "a task",
        }
    }
}

pub fn parse(kind: Kind, tokens: TokenStream) -> Result<Function> {
    let item: Item = syn::parse2(tokens.clone())
        .map_err(|_| Error::new_spanned(&tokens, not_a_function(kind)))?;
    let Item::Fn(mut body) = item else {
        return Err(Error::new_spanned(item, not_a_function(kind)));
    };
    check_shape(kind, &body)?;
    let mut parameters = Vec::new();
    let mut errors = None;
    for argument in &mut body.sig.inputs {
        match parameter(kind, argument) {
            Ok(parameter) => parameters.push(parameter),
            Err(error) => combine(&mut errors, error),
        }
    }
    if let ReturnType::Type(_, ty) = &body.sig.output
        && let Err(error) = check_type(ty, "a result")
    {
        combine(&mut errors, error);
    }
    if let Some(errors) = errors {
        return Err(errors);
    }
    let (value, fails) = value_of(&body.sig.output);
    let name = body.sig.ident.clone();
    let vis = body.vis.clone();
    let (docs, attrs) = body
        .attrs
        .drain(..)
        .partition(|attr| attr.path().is_ident("doc"));
    body.attrs = attrs;
    body.sig.ident = Ident::new("call", name.span());
    Ok(Function {
        is_async: body.sig.asyncness.is_some(),
        body,
        name,
        vis,
        docs,
        parameters,
        value,
        fails,
    })
}

fn combine(errors: &mut Option<Error>, error: Error) {
    match errors {
        Some(errors) => errors.combine(error),
        None => *errors = Some(error),
    }
}

fn not_a_function(kind: Kind) -> String {
    format!("{} is a function with a body", kind.a())
}

fn check_shape(kind: Kind, function: &ItemFn) -> Result<()> {
    let sig = &function.sig;
    let a = kind.a();
    if let Some(receiver) = sig.receiver() {
        return Err(Error::new_spanned(
            receiver,
            format!("{a} has no `self`: it is a free function, outside of any `impl`"),
        ));
    }
    if !sig.generics.params.is_empty() || sig.generics.where_clause.is_some() {
        return Err(Error::new_spanned(
            &sig.generics,
            format!("{a} cannot be generic: it is called by name, with JSON"),
        ));
    }
    if let Some(unsafety) = &sig.unsafety {
        return Err(Error::new_spanned(
            unsafety,
            format!("{a} cannot be unsafe"),
        ));
    }
    if let Some(constness) = &sig.constness {
        return Err(Error::new_spanned(
            constness,
            format!("{a} cannot be const"),
        ));
    }
    if let Some(abi) = &sig.abi {
        return Err(Error::new_spanned(abi, format!("{a} cannot be extern")));
    }
    Ok(())
}

fn parameter(kind: Kind, argument: &mut FnArg) -> Result<Parameter> {
    let FnArg::Typed(typed) = argument else {
        // A receiver was refused before.
        return Err(Error::new_spanned(argument, "no `self` here"));
    };
    let Pat::Ident(pattern) = &*typed.pat else {
        return Err(Error::new_spanned(
            &typed.pat,
            "a parameter needs a name, which it also has in JSON; take it apart in the body",
        ));
    };
    check_type(&typed.ty, "a parameter")?;
    let default = take_default(kind, &mut typed.attrs)?;
    Ok(Parameter {
        ident: pattern.ident.clone(),
        name: pattern.ident.unraw().to_string(),
        ty: (*typed.ty).clone(),
        default,
    })
}

/// Removes `#[default = ..]`, which only this macro understands.
fn take_default(kind: Kind, attrs: &mut Vec<Attribute>) -> Result<Option<Expr>> {
    let Some(at) = attrs.iter().position(|a| a.path().is_ident("default")) else {
        return Ok(None);
    };
    let attr = attrs.remove(at);
    if kind == Kind::Task {
        return Err(Error::new_spanned(
            attr,
            "only flows have defaults: a task is always called with all its arguments",
        ));
    }
    match attr.meta {
        Meta::NameValue(default) => Ok(Some(owned(default.value))),
        other => Err(Error::new_spanned(other, "write it as `#[default = 10]`")),
    }
}

/// A text stands for a `String` or whatever else the parameter is: none is a `&str`.
fn owned(default: Expr) -> Expr {
    match &default {
        Expr::Lit(ExprLit {
            lit: text @ Lit::Str(_),
            ..
        }) => parse_quote_spanned!(text.span()=> ::core::convert::Into::into(#text)),
        _ => default,
    }
}

/// Refuses types that cannot come out of JSON on their own.
fn check_type(ty: &Type, what: &'static str) -> Result<()> {
    struct Refused(&'static str, Option<Error>);

    impl<'ast> Visit<'ast> for Refused {
        fn visit_type_reference(&mut self, reference: &'ast syn::TypeReference) {
            let owned = match &*reference.elem {
                Type::Path(path) if path.path.is_ident("str") => "String".to_owned(),
                Type::Slice(slice) => format!("Vec<{}>", readable(&slice.elem)),
                elem => readable(elem),
            };
            let message = format!(
                "{} cannot be a reference: it crosses a sandbox as JSON, so take an owned `{owned}`",
                self.0
            );
            self.1
                .get_or_insert_with(|| Error::new_spanned(reference, message));
        }

        fn visit_type_impl_trait(&mut self, ty: &'ast syn::TypeImplTrait) {
            self.1.get_or_insert_with(|| {
                Error::new_spanned(ty, "`impl Trait` is generic; name one type instead")
            });
        }
    }

    let mut refused = Refused(what, None);
    refused.visit_type(ty);
    refused.1.map_or(Ok(()), Err)
}

/// Tokens as a person would write a type.
fn readable(ty: &Type) -> String {
    let mut text = ty.to_token_stream().to_string();
    for (spaced, close) in [(" < ", "<"), (" >", ">"), (" :: ", "::"), (" ,", ",")] {
        text = text.replace(spaced, close);
    }
    text
}

/// The value of a return type, and whether it is a `Result`.
fn value_of(output: &ReturnType) -> (Type, bool) {
    let ReturnType::Type(_, ty) = output else {
        return (parse_quote!(()), false);
    };
    let Type::Path(path) = &**ty else {
        return ((**ty).clone(), false);
    };
    let Some(last) = path.path.segments.last().filter(|s| s.ident == "Result") else {
        return ((**ty).clone(), false);
    };
    if let PathArguments::AngleBracketed(arguments) = &last.arguments
        && let Some(GenericArgument::Type(value)) = arguments.args.first()
    {
        return (value.clone(), true);
    }
    let value = quote::quote_spanned!(ty.span()=> <#ty as ::guest_sdk::__private::Failing>::Value);
    (Type::Verbatim(value), true)
}
