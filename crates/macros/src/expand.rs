//! The expansion: the function as a call of its group, and the functions that give access to the group.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{
    Attribute, FnArg, GenericArgument, GenericParam, ImplGenerics, Meta, Pat, PatType,
    PathArguments, Result, ReturnType, Signature, Type, WhereClause, parse_quote, parse2,
};

use crate::function::{Argument, Function, bare, named};
use crate::key::{Key, declared, referenced};
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

/// The function's return type, split into value and error.
struct Output {
    value: TokenStream,
    error: TokenStream,
    /// The return type if its name is not `Result`. It may still be a `Result` under another name.
    plain: Option<Type>,
    is_result: bool,
}

impl Output {
    fn of(sig: &Signature, settings: &Settings) -> Self {
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

struct Expansion<'a> {
    function: &'a Function,
    settings: &'a Settings,
    key: Key<'a>,
    output: Output,
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
    fn is_associated(&self) -> bool {
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

    /// The access functions: one returns the group, the other forgets a key by the arguments.
    fn write_access(&self) -> TokenStream {
        let Function { vis, sig, .. } = self.function;
        let (access, attrs, ty) = (self.access_name(), self.attributes(), self.group_type());
        let (generics, bounds) = self.generics();
        let doc = format!(
            " The group of [`{0}`]({1}{0}): its counters, its running flights, and all its methods.",
            sig.ident.unraw(),
            if self.is_associated() { "Self::" } else { "fn@" }
        );
        let (flights, forget) = (self.write_flights(), self.write_forget());
        let in_a_trait = self.write_hint();
        quote! {
            #in_a_trait
            #(#attrs)*
            #[doc = #doc]
            #[allow(dead_code)]
            #vis fn #access #generics () -> &'static #ty #bounds { #flights }
            #forget
        }
    }

    /// A constant whose name is a message. An attribute cannot see that it stands in the `impl` of a
    /// trait. The compiler can, and its error names the first item that the trait does not have.
    fn write_hint(&self) -> TokenStream {
        if !self.is_associated() {
            return TokenStream::new();
        }
        let name = &self.function.sig.ident;
        let hint = format_ident!("{}_in_the_impl_of_a_trait_needs_group", name.unraw());
        quote! {
            #[doc(hidden)]
            #[allow(dead_code, non_upper_case_globals)]
            const #hint: () = ();
        }
    }

    /// The body of the access function: a static with the group, which is made at the first use.
    fn write_flights(&self) -> TokenStream {
        let library = &self.settings.library;
        let (types, build) = (self.group_types(), self.write_build());
        if !self.function.is_generic() && !self.is_associated() {
            return quote! {
                static FLIGHTS: ::std::sync::LazyLock<#library::macro_support::Flights> =
                    ::std::sync::LazyLock::new(|| {
                        #library::macro_support::Flights::of::<#types>(#build)
                    });
                FLIGHTS.group()
            };
        }
        // All instances of a generic function or `impl` share one static, so it maps types to groups.
        quote! {
            static FLIGHTS: ::std::sync::LazyLock<#library::macro_support::FlightsByType> =
                ::std::sync::LazyLock::new(#library::macro_support::FlightsByType::new);
            FLIGHTS.group::<#types>(|| #build)
        }
    }

    fn write_build(&self) -> TokenStream {
        let Settings { library, calls, sharing, on_slow, hasher, name, .. } = self.settings;
        let value = &self.output.value;
        let window = match self.settings.said("window") {
            Some(_) => TokenStream::new(),
            None => quote!(.window(#library::DEFAULT_WINDOW)),
        };
        let name = match name {
            Some(name) => quote!(#name),
            None => self.path(),
        };
        let key = self.key.ty();
        // The compiler must know the argument types before it checks the closure.
        let types = match sharing.is_some() || on_slow.is_some() {
            true => quote!(::<#key, #value>),
            false => TokenStream::new(),
        };
        let on_slow = on_slow.iter().map(|(word, after, hook)| quote!(.#word(#after, #hook)));
        let sharing = sharing.iter().map(|(word, rule)| quote!(.#word(#rule)));
        let hasher = hasher.iter().map(
            |ty| quote_spanned!(ty.span()=> .hasher(<#ty as ::core::default::Default>::default())),
        );
        quote! {
            #library::Group::builder #types ().name(#name) #window #calls #(#hasher)* #(#sharing)* #(#on_slow)* .build()
        }
    }

    /// The function's path, for people who read logs.
    fn path(&self) -> TokenStream {
        let name = self.function.sig.ident.unraw().to_string();
        if self.is_associated() {
            quote!(::std::format!("{}::{}", ::core::any::type_name::<Self>(), #name))
        } else {
            quote!(::core::concat!(::core::module_path!(), "::", #name))
        }
    }

    /// The function that forgets by the arguments, if the key consists of arguments.
    fn write_forget(&self) -> TokenStream {
        let Key::Arguments(parts) = &self.key else { return TokenStream::new() };
        let Function { vis, sig, .. } = self.function;
        let Settings { library, .. } = self.settings;
        let (generics, bounds) = self.generics();
        let (access, types, attrs) = (self.access_name(), self.types(), self.attributes());
        let forget = match self.is_associated() {
            true => format_ident!("{}_forget", sig.ident.unraw(), span = sig.ident.span()),
            false => Ident::new("forget", Span::call_site()),
        };
        let doc = format!(
            " Forgets the flight or the result of [`{0}`]({1}{0}) for these arguments, and returns \
             whether there was one.",
            sig.ident.unraw(),
            if self.is_associated() { "Self::" } else { "fn@" }
        );
        let declared = parts.iter().map(declared);
        let (by, lent) = self.key.lent(library);
        quote! {
            #(#attrs)*
            #[doc = #doc]
            #[allow(dead_code, clippy::all, clippy::pedantic)]
            #vis fn #forget #generics (#(#declared),*) -> bool #bounds {
                #library::macro_support::#by(Self::#access #types (), #lent #library::macro_support::Forget)
            }
        }
    }

    /// The group's key, value, error and hasher.
    fn group_types(&self) -> TokenStream {
        let Settings { library, hasher, .. } = self.settings;
        let Output { value, error, .. } = &self.output;
        let key = self.key.ty();
        let hasher = match hasher {
            Some(hasher) => quote!(#hasher),
            None => quote!(#library::DefaultHashBuilder),
        };
        quote!(#key, #value, #error, #hasher)
    }

    fn group_type(&self) -> TokenStream {
        let Settings { library, hasher, .. } = self.settings;
        let Output { value, error, .. } = &self.output;
        let (key, hasher) = (self.key.ty(), hasher.iter());
        quote!(#library::Group<#key, #value, #error #(, #hasher)*>)
    }

    /// `coalescer` for a free function, `find_user_coalescer` in an `impl`.
    fn access_name(&self) -> Ident {
        let name = &self.function.sig.ident;
        match self.is_associated() {
            true => format_ident!("{}_coalescer", name.unraw(), span = name.span()),
            false => Ident::new("coalescer", Span::call_site()),
        }
    }

    /// The type parameters of the function with their bounds, for the access functions. A function
    /// with lifetimes alone gives none: the access functions take references of any lifetime.
    fn generics(&self) -> (Option<ImplGenerics<'_>>, Option<&WhereClause>) {
        let (generics, _, bounds) = self.function.sig.generics.split_for_impl();
        match self.function.is_generic() {
            true => (Some(generics), bounds),
            false => (None, None),
        }
    }

    /// The type parameters as arguments: `::<T, N>`.
    fn types(&self) -> TokenStream {
        let parameters = self.function.sig.generics.params.iter().filter_map(|one| match one {
            GenericParam::Type(one) => Some(&one.ident),
            GenericParam::Const(one) => Some(&one.ident),
            GenericParam::Lifetime(_) => None,
        });
        match self.function.is_generic() {
            true => quote!(::<#(#parameters),*>),
            false => TokenStream::new(),
        }
    }

    /// The attributes of the function that also apply to the access functions: `cfg` and
    /// `doc(hidden)`.
    fn attributes(&self) -> Vec<&Attribute> {
        let goes_along = |attribute: &&Attribute| match &attribute.meta {
            Meta::List(list) if list.path.is_ident("doc") => list.tokens.to_string() == "hidden",
            meta => meta.path().is_ident("cfg"),
        };
        self.function.attrs.iter().filter(goes_along).collect()
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
