//! The expansion: the function as a call of its group, and the functions that give access to the group.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{FnArg, Pat, PatType, Result, ReturnType, Signature, Type, parse_quote, parse2};

use crate::function::{Argument, Function, named};
use crate::key::{Key, referenced};
use crate::output::Output;
use crate::refuse;
use crate::settings::Settings;

/// The coalesced function. On an error: the unchanged function and the error, so that the compiler does
/// not report every call of it too.
pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> TokenStream {
    try_expand(attribute, item.clone()).unwrap_or_else(|wrong| {
        let wrong = wrong.to_compile_error();
        quote!(#wrong #item)
    })
}

fn try_expand(attribute: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let function: Function = parse2(item)?;
    let settings: Settings = parse2(attribute)?;
    let key = refuse::check(&function, &settings)?;
    let output = Output::of(&function.sig, &settings);
    Ok(Expansion { function: &function, settings: &settings, key, output }.write())
}

pub(crate) struct Expansion<'a> {
    pub(crate) function: &'a Function,
    pub(crate) settings: &'a Settings,
    pub(crate) key: Key<'a>,
    pub(crate) output: Output,
}

impl Expansion<'_> {
    fn write(&self) -> TokenStream {
        let function = self.write_function();
        let access = match &self.settings.group {
            // The user's own group needs no access functions.
            Some(_) => TokenStream::new(),
            None if self.is_associated() => self.write_access(),
            None => self.write_type(),
        };
        quote!(#function #access)
    }

    /// True if the function stands in an `impl`, to which the expansion can add only functions.
    pub(crate) fn is_associated(&self) -> bool {
        self.function.receiver().is_some() || self.settings.said("associated").is_some()
    }

    /// The function under its own name, which calls its group.
    fn write_function(&self) -> TokenStream {
        let Function { attrs, vis, .. } = self.function;
        let library = &self.settings.library;
        let sig = self.signature();
        let (by, lent) = self.key.lent(library);
        let (no_result, run) = (self.write_check(), self.write_run());
        let group = self.write_group();
        quote! {
            #(#attrs)*
            #vis #sig {
                #no_result
                #library::macro_support::#by(#group, #lent #library::macro_support::Execute(#run))
            }
        }
    }

    /// The signature with the shared value as its result. The `mut` of an argument moves to the body.
    /// So do the attributes of arguments that the body binds again, because they concern their use.
    fn signature(&self) -> Signature {
        let library = &self.settings.library;
        let Output { value, error, .. } = &self.output;
        let mut sig = self.function.sig.clone();
        for input in &mut sig.inputs {
            let FnArg::Typed(argument) = input else { continue };
            if self.is_bound_again(argument) {
                argument.attrs.clear();
            }
            if let Pat::Ident(name) = &mut *argument.pat {
                name.mutability = None;
            }
        }
        sig.output = parse_quote! {
            -> ::core::result::Result<::std::sync::Arc<#value>, #library::Error<#error>>
        };
        sig
    }

    /// The group that the function calls.
    fn write_group(&self) -> TokenStream {
        if let Some(group) = &self.settings.group {
            let library = &self.settings.library;
            // The annotation lets a type that derefs to a group, such as a `LazyLock`, coerce.
            return quote_spanned! {group.span()=>
                { let group: &#library::Group<_, _, _, _> = &#group; group }
            };
        }
        let (access, types) = (self.access_name(), self.types());
        match self.is_associated() {
            true => quote!(Self::#access #types ()),
            false => {
                let name = &self.function.sig.ident;
                quote!(#name::#access #types ())
            }
        }
    }

    /// The function that a leader runs.
    fn write_run(&self) -> TokenStream {
        let Function { sig, body, .. } = self.function;
        let library = &self.settings.library;
        let bindings = self.write_bindings();
        let body = if bindings.is_empty() {
            quote!(#body)
        } else {
            let statements = body.stream();
            quote!({ #bindings #statements })
        };
        let ty = match &sig.output {
            ReturnType::Default => quote!(()),
            ReturnType::Type(_, ty) => quote!(#ty),
        };
        let run = quote!(|| -> #ty #body);
        if self.output.is_result { run } else { quote!(#library::macro_support::unfailing(#run)) }
    }

    /// The `let` statements at the start of the body. An argument that the key borrows is cloned,
    /// because the body may consume it. An argument with `mut` is bound again.
    fn write_bindings(&self) -> TokenStream {
        let library = &self.settings.library;
        let again = self.function.typed().filter(|argument| self.is_bound_again(argument));
        let bindings = again.filter_map(|typed| {
            let (attrs, argument) = (&typed.attrs, named(typed).ok()?);
            let Argument { name, mutability, .. } = argument;
            let value = if self.is_lent(&argument) {
                let lent = referenced(&argument);
                quote!({
                    #[allow(unused_imports)]
                    use #library::macro_support::Unfit as _;
                    #library::macro_support::Again(#lent).owned()
                })
            } else {
                quote!(#name)
            };
            Some(quote!(#(#attrs)* let #mutability #name = #value;))
        });
        bindings.collect()
    }

    fn is_bound_again(&self, argument: &PatType) -> bool {
        named(argument)
            .is_ok_and(|argument| argument.mutability.is_some() || self.is_lent(&argument))
    }

    /// True if the key borrows this argument and the body owns it.
    fn is_lent(&self, argument: &Argument<'_>) -> bool {
        let is_part = self.key.parts().iter().any(|part| part.name == argument.name);
        is_part && argument.referred().is_none()
    }

    /// A check at build time that the value type is not a `Result` under another name.
    fn write_check(&self) -> TokenStream {
        let Some(ty @ Type::Path(_)) = &self.output.plain else { return TokenStream::new() };
        let library = &self.settings.library;
        let what = "this is a `Result` under another name, so `#[coalesce]` would take its errors for \
                    values and keep them; write it as `Result<Value, Error>`";
        let check = quote_spanned! {ty.span()=>
            {
                #[allow(unused_imports)]
                use #library::macro_support::NoResult as _;
                ::core::assert!(!#library::macro_support::Probe::<#ty>::IS_RESULT, #what);
            }
        };
        // An item can name neither type parameters nor `Self`, so those functions have a block in
        // the body. The compiler evaluates that block only when it builds the function.
        if self.function.is_generic() || self.is_associated() {
            quote_spanned!(ty.span()=> const #check)
        } else {
            quote_spanned!(ty.span()=> const _: () = #check;)
        }
    }

    /// For a free function: a type with the function's name, which has the access functions. Types and
    /// functions have separate namespaces. Unlike a module, a type can stand in a function's body and
    /// refer to the items there.
    fn write_type(&self) -> TokenStream {
        let Function { vis, sig, .. } = self.function;
        let (name, attrs) = (&sig.ident, self.attributes());
        let doc = format!(" Access to the flights of the function [`{0}`](fn@{0}).", name.unraw());
        let access = self.write_access();
        quote! {
            #(#attrs)*
            #[doc = #doc]
            #[allow(non_camel_case_types, missing_debug_implementations)]
            #vis enum #name {}
            #(#attrs)*
            impl #name { #access }
        }
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::{Delimiter, TokenStream, TokenTree};
    use quote::quote;

    use super::expand;

    const BEFORE: &str = include_str!("shown/before.rs");
    const AFTER: &str = include_str!("shown/after.rs");

    #[test]
    fn the_expansion_is_what_the_documentation_shows() {
        let attribute = "#[coalesce(window = \"250ms\", max_requests = 1_000)]\n";
        let (docs, function) = BEFORE.split_once(attribute).expect("the attribute is this one");
        let item = format!("{docs}{function}").parse().expect("it is Rust");
        let settings = quote!(window = "250ms", max_requests = 1_000);
        let shown = AFTER.parse().expect("it is Rust");
        assert_eq!(essence(expand(settings, item)), essence(shown));
    }

    /// The tokens, one a line, without the attributes that silence lints.
    fn essence(tokens: TokenStream) -> Vec<String> {
        let mut essence = Vec::new();
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(hash)
                    if hash.as_char() == '#' && tokens.peek().is_some_and(quiets) =>
                {
                    tokens.next();
                }
                TokenTree::Group(group) => {
                    essence.push(format!("{:?}", group.delimiter()));
                    essence.extend(self::essence(group.stream()));
                    essence.push("end".to_owned());
                }
                other => essence.push(other.to_string()),
            }
        }
        essence
    }

    fn quiets(token: &TokenTree) -> bool {
        matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket
            && group.stream().to_string().starts_with("allow"))
    }
}
