//! What a flow and a task become.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Ident, LitStr, Result, ext::IdentExt, spanned::Spanned};

use crate::{
    options::{self, FlowOptions, TaskOptions, option},
    signature::{self, Function, Kind},
};

/// The module of the SDK that only the macros name.
struct Private;

/// See [`Private`].
const PRIVATE: Private = Private;

impl ToTokens for Private {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(quote!(::guest_sdk::__private));
    }
}

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
        docs,
        value,
        ..
    } = &function;
    let Parts {
        arguments,
        named,
        idents,
        ..
    } = &parts;
    let (asyncness, finish) = match function.is_async {
        true => (Some(quote!(async)), quote!(#PRIVATE::finish_async)),
        false => (None, quote!(#PRIVATE::finish)),
    };
    let finish = |future: TokenStream| {
        // Spanned so that a value that is none is shown where it is named.
        let call = quote_spanned!(value.span()=> #finish::<#value>);
        match function.is_async {
            true => quote!(#call(#future).await),
            false => quote!(#call(#future)),
        }
    };
    let call = finish(quote!(#name::submit(#(#idents),*)));
    let call_with_options = finish(quote!(self.submit(#(#idents),*)));
    let map = map(&function);
    let other_ways = other_ways("task", name);
    Ok(quote! {
        #(#docs)*
        #[allow(dead_code, clippy::too_many_arguments)]
        #vis #asyncness fn #name(#(#arguments),*) -> ::guest_sdk::Result<#value> {
            #call
        }

        #[doc = #other_ways]
        #[allow(dead_code, non_camel_case_types)]
        #vis enum #name {}

        #[allow(dead_code, clippy::too_many_arguments)]
        const _: () = {
            #entry

            ::guest_sdk::__task_options!(#vis);

            impl #name {
                /// Runs the plain function, for unit tests.
                #body

                /// Starts a task run.
                #vis fn submit(#(#arguments),*) -> ::guest_sdk::TaskFuture<#value> {
                    Self::options().submit(#(#idents),*)
                }

                /// What a call overrides, as a builder.
                #vis fn options() -> __Options {
                    __Options(#PRIVATE::CallOptions::new())
                }
            }

            impl __Options {
                /// Starts a task run.
                #vis fn submit(self, #(#arguments),*) -> ::guest_sdk::TaskFuture<#value> {
                    self.0.submit(&__ENTRY, ::std::vec![#(#named),*])
                }

                /// Starts a task run and waits for it.
                #vis #asyncness fn call(self, #(#arguments),*) -> ::guest_sdk::Result<#value> {
                    #call_with_options
                }
            }

            #map
        };
    })
}

fn task_entry(function: &Function, parts: &Parts, options: &TaskOptions) -> Result<TokenStream> {
    let name = name_of(&options.name, || function.name.unraw().to_string());
    let signature = parts.signature(function, &name, &options.description, &options.version);
    let policy = options.policy()?;
    let task_run_name = option(options.task_run_name.as_ref());
    let tags = options.tags();
    let result = parts.call(function);
    let result = match function.is_async {
        true => quote!(#PRIVATE::block_on(async move { #result })?),
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
    let (parse, json_of) = (parts.parse(function), parts.json_of(function));
    Ok(quote! {
        static __ENTRY: #PRIVATE::Task = #PRIVATE::Task {
            signature: #signature,
            policy: #policy,
            task_run_name: #task_run_name,
            tags: &[#(#tags),*],
        };

        #PRIVATE::inventory::submit!(#PRIVATE::Registered(&__ENTRY));

        fn __run(arguments: &str) -> ::guest_sdk::Result<::std::string::String> {
            #parse
            #json_of(#result)
        }
    })
}

/// `map`, where there is anything to map over: items, or tuples of them.
fn map(function: &Function) -> TokenStream {
    let types: Vec<_> = function.parameters.iter().map(|p| &p.ty).collect();
    let generics: Vec<_> = (0..types.len()).map(|n| format_ident!("__A{n}")).collect();
    let idents: Vec<_> = (0..types.len()).map(|n| format_ident!("a{n}")).collect();
    let (item, pattern) = match types.len() {
        0 => return TokenStream::new(),
        1 => (quote!(#(#generics)*), quote!(#(#idents)*)),
        _ => (quote!((#(#generics),*)), quote!((#(#idents),*))),
    };
    let Function {
        name, vis, value, ..
    } = function;
    let bounds = quote! {
        __Items: ::core::iter::IntoIterator<Item = #item>,
        #(#generics: ::guest_sdk::Argument<#types>,)*
    };
    let generics = quote!(<__Items, #(#generics),*>);
    let futures = quote!(::std::vec::Vec<::guest_sdk::TaskFuture<#value>>);
    quote! {
        impl #name {
            /// Starts a task run for each item.
            #vis fn map #generics(items: __Items) -> #futures
            where #bounds
            {
                Self::options().map(items)
            }
        }

        impl __Options {
            /// Starts a task run for each item.
            #vis fn map #generics(self, items: __Items) -> #futures
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
    let flow_name = name_of(&options.name, || {
        function.name.unraw().to_string().replace('_', "-")
    });
    let signature = parts.signature(
        &function,
        &flow_name,
        &options.description,
        &options.version,
    );
    let policy = options.policy()?;
    let run = flow_run(&function, &parts);
    let Function {
        body,
        name,
        vis,
        docs,
        value,
        ..
    } = &function;
    let Parts {
        arguments, named, ..
    } = &parts;
    let named = quote!(::std::vec![#(#named),*]);
    let (asyncness, call) = match function.is_async {
        true => (
            Some(quote!(async)),
            quote!(#PRIVATE::call_async(#name::__entry(), #name::__run_async, #named).await),
        ),
        false => (None, quote!(#PRIVATE::call(#name::__entry(), #named))),
    };
    let submit_arguments = function.parameters.iter().map(|p| {
        let ident = format_ident!("_{}", p.ident.unraw());
        quote!(#ident: impl ::core::marker::Sized)
    });
    let other_ways = other_ways("flow", name);
    Ok(quote! {
        #(#docs)*
        #[allow(dead_code, clippy::too_many_arguments)]
        #vis #asyncness fn #name(#(#arguments),*) -> ::guest_sdk::Result<#value> {
            #call
        }

        #[doc = #other_ways]
        #[allow(dead_code, non_camel_case_types)]
        #vis enum #name {}

        #[allow(dead_code, clippy::too_many_arguments)]
        const _: () = {
            static __ENTRY: #PRIVATE::Flow = #PRIVATE::Flow {
                signature: #signature,
                policy: #policy,
            };

            #PRIVATE::inventory::submit!(#PRIVATE::Registered(&__ENTRY));

            #run

            impl #name {
                /// Runs the plain function, for unit tests.
                #body

                fn __entry() -> &'static #PRIVATE::Flow {
                    &__ENTRY
                }

                /// Flows have no `submit`; this is here to say so.
                #[doc(hidden)]
                #vis fn submit(#(#submit_arguments),*)
                where
                    for<'a> &'a (): #PRIVATE::HasSubmit,
                {
                }
            }
        };
    })
}

/// The functions that run a flow's body on its JSON parameters.
fn flow_run(function: &Function, parts: &Parts) -> TokenStream {
    let (parse, result, json_of) = (
        parts.parse(function),
        parts.call(function),
        parts.json_of(function),
    );
    if !function.is_async {
        return quote! {
            fn __run(arguments: &str) -> ::guest_sdk::Result<::std::string::String> {
                #parse
                #json_of(#result)
            }
        };
    }
    let name = &function.name;
    quote! {
        fn __run(arguments: &str) -> ::guest_sdk::Result<::std::string::String> {
            #PRIVATE::block_on(#name::__run_async(arguments.into()))?
        }

        impl #name {
            // Boxed, so that a flow can call itself.
            fn __run_async(
                arguments: ::std::string::String,
            ) -> #PRIVATE::LocalBoxFuture<'static, ::guest_sdk::Result<::std::string::String>> {
                ::std::boxed::Box::pin(async move {
                    let arguments = arguments.as_str();
                    #parse
                    #json_of(#result)
                })
            }
        }
    }
}

fn other_ways(kind: &str, name: &Ident) -> String {
    let name = name.unraw();
    format!("Other ways to run the {kind} [`{name}`](fn@{name}).")
}

/// Pieces that flows and tasks share.
struct Parts {
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
    fn json_of(&self, function: &Function) -> TokenStream {
        let value = &function.value;
        quote_spanned!(value.span()=> #PRIVATE::json_of::<#value>)
    }

    /// Makes the parameters of the JSON in `arguments`.
    fn parse(&self, function: &Function) -> TokenStream {
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
    fn call(&self, function: &Function) -> TokenStream {
        let name = &function.name;
        let locals = (0..self.idents.len()).map(local);
        let call = quote!(#name::call(#(#locals),*));
        let call = match function.is_async {
            true => quote!(#call.await),
            false => call,
        };
        match function.fails {
            true => quote!(#PRIVATE::Failing::unify(#call)),
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
