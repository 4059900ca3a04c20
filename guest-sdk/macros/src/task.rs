//! Expands `#[task]`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{LitStr, Result, ext::IdentExt, spanned::Spanned};

use crate::{
    options::{self, TaskOptions, option},
    parts::{PRIVATE, Parts, local, name_of, other_ways},
    signature::{self, Function, Kind},
};

/// Turns a function into a task.
pub fn expand(options: TokenStream, tokens: TokenStream) -> Result<TokenStream> {
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
    let (asyncness, finish) = if function.is_async {
        (Some(quote!(async)), quote!(#PRIVATE::finish_async))
    } else {
        (None, quote!(#PRIVATE::finish))
    };
    let finish = |future: TokenStream| {
        // Spanned so that a value that is none is shown where it is named.
        let call = quote_spanned!(value.span()=> #finish::<#value>);
        if function.is_async {
            quote!(#call(#future).await)
        } else {
            quote!(#call(#future))
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
    let (tags, limits) = (options.tags(), options.limits());
    let result = parts.call(function);
    let result = if function.is_async {
        quote!(#PRIVATE::block_on(async move { #result })?)
    } else {
        result
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
    let (cache, key) = cache(function, parts, options)?;
    Ok(quote! {
        static __ENTRY: #PRIVATE::Task = #PRIVATE::Task {
            signature: #signature,
            policy: #policy,
            task_run_name: #task_run_name,
            tags: &[#(#tags),*],
            limits: &[#(#limits),*],
            cache: #cache,
        };

        #PRIVATE::inventory::submit!(#PRIVATE::Registered(&__ENTRY));

        fn __run(arguments: &str) -> ::guest_sdk::Result<::std::string::String> {
            #parse
            #json_of(#result)
        }

        #key
    })
}

/// The `Cache` of the registry, and the function that makes the key of arguments, if the author
/// has one.
fn cache(
    function: &Function,
    parts: &Parts,
    options: &TaskOptions,
) -> Result<(TokenStream, TokenStream)> {
    let Some(cache) = options.cache()? else {
        return Ok((option(None::<TokenStream>), TokenStream::new()));
    };
    let (expiration, lock) = (option(cache.expiration_ms), cache.lock);
    let entry = |key| {
        option(Some(quote! {
            #PRIVATE::Cache {
                key: #key,
                expiration_ms: #expiration,
                lock: #lock,
            }
        }))
    };
    let Some(key) = cache.key else {
        return Ok((entry(option(None::<TokenStream>)), TokenStream::new()));
    };
    let (parse, idents) = (parts.parse(function), &parts.idents);
    let types = function.parameters.iter().map(|p| &p.ty);
    let locals = (0..idents.len()).map(local);
    let body = &key.body;
    let of_arguments = quote_spanned!(body.span()=> #PRIVATE::cache_key(arguments, #key));
    let key = quote! {
        #[allow(dead_code)]
        struct __Inputs {
            #(#idents: #types,)*
        }

        fn __cache_key(arguments: &str) -> ::guest_sdk::Result<::std::string::String> {
            #parse
            let arguments = __Inputs { #(#idents: #locals,)* };
            #of_arguments
        }
    };
    Ok((entry(option(Some(quote!(__cache_key)))), key))
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
