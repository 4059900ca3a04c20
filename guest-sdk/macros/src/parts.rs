//! Pieces of code that flows and tasks share.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Ident, LitStr, ext::IdentExt, spanned::Spanned};

use crate::{options::option, signature::Function};

/// The module of the SDK that only the macros name.
pub struct Private;

/// See [`Private`].
pub const PRIVATE: Private = Private;

impl ToTokens for Private {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(quote!(::guest_sdk::__private));
    }
}

/// Doc comment of the type beside the function.
pub fn other_ways(kind: &str, name: &Ident) -> String {
    let name = name.unraw();
    format!("Other ways to run the {kind} [`{name}`](fn@{name}).")
}

/// Pieces that flows and tasks share.
pub struct Parts {
    pub idents: Vec<Ident>,
    /// `x: impl Argument<T>`
    pub arguments: Vec<TokenStream>,
    /// `("x", x.into_argument())`
    pub named: Vec<TokenStream>,
}

impl Parts {
    pub fn new(function: &Function) -> Self {
        let idents: Vec<_> = function
            .parameters
            .iter()
            .map(|p| p.ident.clone())
            .collect();
        let arguments = function.parameters.iter().map(|p| {
            let (ident, ty) = (&p.ident, &p.ty);
            quote!(#ident: impl ::guest_sdk::Argument<#ty>)
        });
        let named = function.parameters.iter().map(|p| {
            let (ident, name) = (&p.ident, &p.name);
            quote!((#name, ::guest_sdk::Argument::into_argument(#ident)))
        });
        Self {
            arguments: arguments.collect(),
            named: named.collect(),
            idents,
        }
    }

    /// The `Signature` of the registry.
    pub fn signature(
        &self,
        function: &Function,
        name: &LitStr,
        description: &Option<LitStr>,
        version: &Option<LitStr>,
    ) -> TokenStream {
        let description = match description {
            Some(text) => Some(text.value()),
            None => description_of(function),
        };
        let (description, version) = (option(description), option(version.as_ref()));
        let parameters = function.parameters.iter().map(|p| {
            let (ty, name) = (&p.ty, &p.name);
            let parameter = quote_spanned!(ty.span()=> #PRIVATE::Parameter::of::<#ty>(#name));
            match &p.default {
                None => parameter,
                Some(default) => quote_spanned! {default.span()=>
                    #parameter.with_default(|| {
                        let default: #ty = #default;
                        #PRIVATE::default_value(default)
                    })
                },
            }
        });
        let value = &function.value;
        let result = quote_spanned!(value.span()=> #PRIVATE::result_schema::<#value>);
        quote! {
            #PRIVATE::Signature {
                name: #name,
                description: #description,
                version: #version,
                parameters: &[#(#parameters),*],
                result: #result,
                run: __run,
            }
        }
    }

    /// The end of `run`, spanned so that a value that is none is shown where it is named.
    pub fn json_of(&self, function: &Function) -> TokenStream {
        let value = &function.value;
        quote_spanned!(value.span()=> #PRIVATE::json_of::<#value>)
    }

    /// Makes the parameters of the JSON in `arguments`.
    pub fn parse(&self, function: &Function) -> TokenStream {
        let mutability = (!self.idents.is_empty()).then(|| quote!(mut));
        let takes = function.parameters.iter().enumerate().map(|(n, p)| {
            let (ty, name) = (&p.ty, &p.name);
            let ident = local(n);
            let default = p.default.as_ref().map(|default| quote!(|| #default));
            let default = option(default);
            quote!(let #ident: #ty = parsed.take(#name, #default)?;)
        });
        quote! {
            #[allow(unused_variables)]
            let #mutability parsed = #PRIVATE::Arguments::parse(arguments)?;
            #(#takes)*
        }
    }

    /// Calls the plain function with what [`parse`](Self::parse) made, as a `Result`.
    pub fn call(&self, function: &Function) -> TokenStream {
        let name = &function.name;
        let locals = (0..self.idents.len()).map(local);
        let call = quote!(#name::call(#(#locals),*));
        let call = if function.is_async {
            quote!(#call.await)
        } else {
            call
        };
        if function.fails {
            quote!(#PRIVATE::Failing::unify(#call))
        } else {
            quote!(::guest_sdk::Result::<_>::Ok(#call))
        }
    }
}

/// The variable for the n-th parameter.
pub fn local(n: usize) -> Ident {
    format_ident!("argument_{n}", span = Span::mixed_site())
}

/// The name that was given, or else the one that the function's makes.
pub fn name_of(given: &Option<LitStr>, default: impl FnOnce() -> String) -> LitStr {
    match given {
        Some(name) => name.clone(),
        None => LitStr::new(&default(), Span::call_site()),
    }
}

/// The doc comment as text.
fn description_of(function: &Function) -> Option<String> {
    let lines = function.docs.iter().filter_map(|attr| {
        let syn::Meta::NameValue(doc) = &attr.meta else {
            return None;
        };
        let syn::Expr::Lit(syn::ExprLit {
            lit: syn::Lit::Str(line),
            ..
        }) = &doc.value
        else {
            return None;
        };
        let line = line.value();
        Some(
            line.strip_prefix(' ')
                .unwrap_or(&line)
                .trim_end()
                .to_owned(),
        )
    });
    let text = lines.collect::<Vec<_>>().join("\n").trim().to_owned();
    (!text.is_empty()).then_some(text)
}
