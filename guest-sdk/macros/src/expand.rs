//! What a flow and a task become.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Ident, LitStr, Result, ext::IdentExt, spanned::Spanned};

use crate::{
    options::{self, FlowOptions, TaskOptions, option},
    signature::{self, Function, Kind},
};

pub fn task(options: TokenStream, tokens: TokenStream) -> Result<TokenStream> {
    let function = signature::parse(Kind::Task, tokens)?;
    let options: TaskOptions = options::parse(options)?;
    if let Some(name) = &options.task_run_name {
        check_template(name, &function)?;
    }
    let parts = Parts::new(&function);
    let entry = task_entry(&function, &parts, &options)?;
    let Function {
        body,
        name,
        vis,
        module_vis,
        docs,
        value,
        ..
    } = &function;
    let Parts {
        arguments,
        named,
        idents,
        hidden,
        ..
    } = &parts;
    let private = quote!(::guest_sdk::__private);
    let (asyncness, finish) = match function.is_async {
        true => (Some(quote!(async)), quote!(#private::finish_async)),
        false => (None, quote!(#private::finish)),
    };
    let finish = |future: TokenStream| {
        // Spanned so that a value that is none is shown where it is named.
        let call = quote_spanned!(value.span()=> #finish::<#value>);
        match function.is_async {
            true => quote!(#call(#future).await),
            false => quote!(#call(#future)),
        }
    };
    let (call, call_with_options) = (
        finish(quote!(#name::submit(#(#idents),*))),
        finish(quote!(self.submit(#(#idents),*))),
    );
    let map = map(&function);
    Ok(quote! {
        #[doc(hidden)]
        #body

        #(#docs)*
        #[allow(dead_code, clippy::too_many_arguments)]
        #vis #asyncness fn #name(#(#arguments),*) -> ::guest_sdk::Result<#value> {
            #call
        }

        #[allow(dead_code, unused_imports, clippy::too_many_arguments)]
        #[doc = concat!("Other ways to run the task [`", stringify!(#name), "`](fn@", stringify!(#name), ").")]
        #vis mod #name {
            use super::*;

            /// Runs the plain function, for unit tests.
            #[doc(inline)]
            #module_vis use super::#hidden as call;

            #entry

            ::guest_sdk::__task_options!(#module_vis);

            /// Starts a task run.
            #module_vis fn submit(#(#arguments),*) -> ::guest_sdk::TaskFuture<#value> {
                self::options().submit(#(#idents),*)
            }

            /// What a call overrides, as a builder.
            #module_vis fn options() -> Options {
                Options(#private::CallOptions::new())
            }

            impl Options {
                /// Starts a task run.
                #module_vis fn submit(self, #(#arguments),*) -> ::guest_sdk::TaskFuture<#value> {
                    self.0.submit(&ENTRY, ::std::vec![#(#named),*])
                }

                /// Starts a task run and waits for it.
                #module_vis #asyncness fn call(self, #(#arguments),*) -> ::guest_sdk::Result<#value> {
                    #call_with_options
                }
            }

            #map
        }
    })
}

fn task_entry(function: &Function, parts: &Parts, options: &TaskOptions) -> Result<TokenStream> {
    let private = quote!(::guest_sdk::__private);
    let name = name_of(&options.name, || function.name.unraw().to_string());
    let signature = parts.signature(function, &name, &options.description, &options.version);
    let policy = options.policy()?;
    let task_run_name = option(options.task_run_name.as_ref());
    let tags = options.tags();
    let result = parts.call(function);
    let result = match function.is_async {
        true => quote!(#private::block_on(async move { #result })?),
        false => result,
    };
    let result = match &options.retry_if {
        None => result,
        Some(path) => {
            let path = &path.0;
            quote_spanned! {path.span()=>
                #result.map_err(|error: ::guest_sdk::Error| {
                    let retry_if: fn(&::guest_sdk::Error) -> bool = #path;
                    if retry_if(&error) { error } else { error.into_permanent() }
                })
            }
        }
    };
    let parse = parts.parse(function);
    let json_of = parts.json_of(function);
    Ok(quote! {
        static ENTRY: #private::Task = #private::Task {
            signature: #signature,
            policy: #policy,
            task_run_name: #task_run_name,
            tags: &[#(#tags),*],
        };

        #private::inventory::submit!(#private::Registered(&ENTRY));

        fn run(arguments: &str) -> ::guest_sdk::Result<::std::string::String> {
            #parse
            #json_of(#result)
        }
    })
}

/// `map`, where there is anything to map over: items, or tuples of them.
fn map(function: &Function) -> TokenStream {
    let types: Vec<_> = function.parameters.iter().map(|p| &p.ty).collect();
    let generics: Vec<_> = (0..types.len()).map(|n| format_ident!("A{n}")).collect();
    let idents: Vec<_> = (0..types.len()).map(|n| format_ident!("a{n}")).collect();
    let (item, pattern) = match types.len() {
        0 => return TokenStream::new(),
        1 => (quote!(#(#generics)*), quote!(#(#idents)*)),
        _ => (quote!((#(#generics),*)), quote!((#(#idents),*))),
    };
    let (vis, value) = (&function.module_vis, &function.value);
    let bounds = quote! {
        I: ::core::iter::IntoIterator<Item = #item>,
        #(#generics: ::guest_sdk::Argument<#types>,)*
    };
    quote! {
        /// Starts a task run for each item.
        #vis fn map<I, #(#generics),*>(items: I) -> ::std::vec::Vec<::guest_sdk::TaskFuture<#value>>
        where #bounds
        {
            self::options().map(items)
        }

        impl Options {
            /// Starts a task run for each item.
            #vis fn map<I, #(#generics),*>(self, items: I) -> ::std::vec::Vec<::guest_sdk::TaskFuture<#value>>
            where #bounds
            {
                ::core::iter::Iterator::collect(::core::iter::Iterator::map(
                    ::core::iter::IntoIterator::into_iter(items),
                    |#pattern| ::core::clone::Clone::clone(&self).submit(#(#idents),*),
                ))
            }
        }
    }
}

pub fn flow(options: TokenStream, tokens: TokenStream) -> Result<TokenStream> {
    let function = signature::parse(Kind::Flow, tokens)?;
    let options: FlowOptions = options::parse(options)?;
    let parts = Parts::new(&function);
    let private = quote!(::guest_sdk::__private);
    let name = name_of(&options.name, || {
        function.name.unraw().to_string().replace('_', "-")
    });
    let signature = parts.signature(&function, &name, &options.description, &options.version);
    let policy = options.policy()?;
    let (parse, result) = (parts.parse(&function), parts.call(&function));
    let json_of = parts.json_of(&function);
    let (asyncness, run, call) = match function.is_async {
        false => (
            None,
            quote! {
                fn run(arguments: &str) -> ::guest_sdk::Result<::std::string::String> {
                    #parse
                    #json_of(#result)
                }
            },
            quote!(#private::call),
        ),
        true => (
            Some(quote!(async)),
            quote! {
                fn run(arguments: &str) -> ::guest_sdk::Result<::std::string::String> {
                    #private::block_on(run_async(arguments.into()))?
                }

                // Boxed, so that a flow can call itself.
                pub(super) fn run_async(
                    arguments: ::std::string::String,
                ) -> #private::LocalBoxFuture<'static, ::guest_sdk::Result<::std::string::String>> {
                    ::std::boxed::Box::pin(async move {
                        let arguments = arguments.as_str();
                        #parse
                        #json_of(#result)
                    })
                }
            },
            quote!(#private::call_async),
        ),
    };
    let Function {
        body,
        name: ident,
        vis,
        module_vis,
        docs,
        value,
        ..
    } = &function;
    let Parts {
        arguments,
        named,
        hidden,
        ..
    } = &parts;
    let named = quote!(::std::vec![#(#named),*]);
    let call = match function.is_async {
        true => quote!(#call(&#ident::ENTRY, #ident::run_async, #named).await),
        false => quote!(#call(&#ident::ENTRY, #named)),
    };
    let unsized_arguments = function.parameters.iter().map(|p| {
        let ident = format_ident!("_{}", p.ident.unraw());
        quote!(#ident: impl ::core::marker::Sized)
    });
    Ok(quote! {
        #[doc(hidden)]
        #body

        #(#docs)*
        #[allow(dead_code, clippy::too_many_arguments)]
        #vis #asyncness fn #ident(#(#arguments),*) -> ::guest_sdk::Result<#value> {
            #call
        }

        #[allow(dead_code, unused_imports, clippy::too_many_arguments)]
        #[doc = concat!("What belongs to the flow [`", stringify!(#ident), "`](fn@", stringify!(#ident), ").")]
        #vis mod #ident {
            use super::*;

            /// Runs the plain function, for unit tests.
            #[doc(inline)]
            #module_vis use super::#hidden as call;

            pub(super) static ENTRY: #private::Flow = #private::Flow {
                signature: #signature,
                policy: #policy,
            };

            #private::inventory::submit!(#private::Registered(&ENTRY));

            #run

            /// Flows have no `submit`; this is here to say so.
            #[doc(hidden)]
            #module_vis fn submit(#(#unsized_arguments),*)
            where
                for<'a> &'a (): #private::HasSubmit,
            {
            }
        }
    })
}

/// Pieces that flows and tasks share.
struct Parts {
    /// The hidden name of the plain function.
    hidden: Ident,
    idents: Vec<Ident>,
    /// `x: impl Argument<T>`
    arguments: Vec<TokenStream>,
    /// `("x", x.into_argument())`
    named: Vec<TokenStream>,
}

impl Parts {
    fn new(function: &Function) -> Self {
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
            hidden: function.body.sig.ident.clone(),
            arguments: arguments.collect(),
            named: named.collect(),
            idents,
        }
    }

    fn signature(
        &self,
        function: &Function,
        name: &LitStr,
        description: &Option<LitStr>,
        version: &Option<LitStr>,
    ) -> TokenStream {
        let private = quote!(::guest_sdk::__private);
        let description = match description {
            Some(text) => Some(text.value()),
            None => description_of(function),
        };
        let (description, version) = (option(description), option(version.as_ref()));
        let parameters = function.parameters.iter().map(|p| {
            let (ty, name) = (&p.ty, &p.name);
            let parameter = quote_spanned!(ty.span()=> #private::Parameter::of::<#ty>(#name));
            match &p.default {
                None => parameter,
                Some(default) => quote_spanned! {default.span()=>
                    #parameter.with_default(|| {
                        let default: #ty = #default;
                        #private::default_value(default)
                    })
                },
            }
        });
        let value = &function.value;
        let result = quote_spanned!(value.span()=> #private::result_schema::<#value>);
        quote! {
            #private::Signature {
                name: #name,
                description: #description,
                version: #version,
                parameters: &[#(#parameters),*],
                result: #result,
                run,
            }
        }
    }

    /// The end of `run`, spanned so that a value that is none is shown where it is named.
    fn json_of(&self, function: &Function) -> TokenStream {
        let value = &function.value;
        quote_spanned!(value.span()=> ::guest_sdk::__private::json_of::<#value>)
    }

    /// Makes the parameters of the JSON in `arguments`.
    fn parse(&self, function: &Function) -> TokenStream {
        let private = quote!(::guest_sdk::__private);
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
            let #mutability parsed = #private::Arguments::parse(arguments)?;
            #(#takes)*
        }
    }

    /// Calls the plain function with what [`parse`](Self::parse) made, as a `Result`.
    fn call(&self, function: &Function) -> TokenStream {
        let hidden = &self.hidden;
        let locals = (0..self.idents.len()).map(local);
        let call = quote!(super::#hidden(#(#locals),*));
        let call = match function.is_async {
            true => quote!(#call.await),
            false => call,
        };
        match function.fails {
            true => quote!(::guest_sdk::__private::Failing::unify(#call)),
            false => quote!(::guest_sdk::Result::<_>::Ok(#call)),
        }
    }
}

fn local(n: usize) -> Ident {
    format_ident!("argument_{n}", span = Span::mixed_site())
}

fn name_of(given: &Option<LitStr>, default: impl FnOnce() -> String) -> LitStr {
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

/// Refuses a name like `load-{tabel}` when no parameter is called so.
fn check_template(name: &LitStr, function: &Function) -> Result<()> {
    let text = name.value();
    for part in text.split('{').skip(1) {
        let placeholder = part.split_once('}').map_or(part, |(inside, _)| inside);
        if !function.parameters.iter().any(|p| p.name == placeholder) {
            return Err(syn::Error::new(
                name.span(),
                format!("`{{{placeholder}}}` names no parameter of this task"),
            ));
        }
    }
    Ok(())
}
