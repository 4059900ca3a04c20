//! Expands `#[flow]`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Result, ext::IdentExt};

use crate::{
    options::{self, FlowOptions},
    parts::{PRIVATE, Parts, name_of, other_ways},
    signature::{self, Function, Kind},
};

/// Turns a function into a flow.
pub fn expand(options: TokenStream, tokens: TokenStream) -> Result<TokenStream> {
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
    let (limits, schedules) = (options.limits(), options.schedules()?);
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
    let (asyncness, call) = if function.is_async {
        (
            Some(quote!(async)),
            quote!(#PRIVATE::call_async(#name::__entry(), #name::__run_async, #named).await),
        )
    } else {
        (None, quote!(#PRIVATE::call(#name::__entry(), #named)))
    };
    let any_arguments = function.parameters.iter().map(|p| {
        let ident = format_ident!("_{}", p.ident.unraw());
        quote!(#ident: impl ::core::marker::Sized)
    });
    let any_arguments: Vec<TokenStream> = any_arguments.collect();
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
                limits: &[#(#limits),*],
                schedules: &[#(#schedules),*],
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
                #vis fn submit(#(#any_arguments),*)
                where
                    for<'a> &'a (): #PRIVATE::HasSubmit,
                {
                }

                /// Nor have they `map`.
                #[doc(hidden)]
                #vis fn map(#(#any_arguments),*)
                where
                    for<'a> &'a (): #PRIVATE::HasMap,
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
