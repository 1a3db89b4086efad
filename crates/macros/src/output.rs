//! The return type of the function, as the value and the error of its group.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{GenericArgument, PathArguments, ReturnType, Signature, Type, parse_quote};

use crate::function::bare;
use crate::settings::Settings;

/// The function's return type, split into value and error.
pub(crate) struct Output {
    pub(crate) value: TokenStream,
    pub(crate) error: TokenStream,
    /// The return type if its name is not `Result`. It may still be a `Result` under another name.
    pub(crate) plain: Option<Type>,
    pub(crate) is_result: bool,
}

impl Output {
    pub(crate) fn of(sig: &Signature, settings: &Settings) -> Self {
        let library = &settings.library;
        let ty = match &sig.output {
            ReturnType::Default => parse_quote!(()),
            ReturnType::Type(_, ty) => bare(ty).clone(),
        };
        if !is_called_result(&ty) {
            let error = quote!(::core::convert::Infallible);
            return Self { value: quote!(#ty), error, plain: Some(ty), is_result: false };
        }
        let (value, error) = match &type_arguments(&ty)[..] {
            [value, error] => (quote!(#value), quote!(#error)),
            // An alias such as `io::Result<T>`: its error type is not visible here.
            _ => {
                let of = quote_spanned!(ty.span()=> <#ty as #library::macro_support::Returned>);
                (quote!(#of::Value), quote!(#of::Error))
            }
        };
        Self { value, error, plain: None, is_result: true }
    }
}

/// True if the function returns a `Result`.
pub(crate) fn is_fallible(sig: &Signature) -> bool {
    match &sig.output {
        ReturnType::Default => false,
        ReturnType::Type(_, ty) => is_called_result(bare(ty)),
    }
}

fn is_called_result(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    path.path.segments.last().is_some_and(|last| last.ident == "Result")
}

fn type_arguments(ty: &Type) -> Vec<&Type> {
    let Type::Path(path) = ty else { return Vec::new() };
    match path.path.segments.last().map(|last| &last.arguments) {
        Some(PathArguments::AngleBracketed(arguments)) => {
            let types = arguments.args.iter().filter_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            });
            types.collect()
        }
        _ => Vec::new(),
    }
}
