//! The functions beside the coalesced one: access to its group, and `forget`; and the group that they
//! build.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, GenericParam, ImplGenerics, Meta, WhereClause};

use crate::expand::Expansion;
use crate::function::Function;
use crate::key::{Key, declared};
use crate::output::Output;
use crate::settings::Settings;

impl Expansion<'_> {
    /// The access functions: one returns the group, the other forgets a key by the arguments.
    pub(crate) fn write_access(&self) -> TokenStream {
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
        let Settings { library, calls, sharing, error_sharing, on_slow, hasher, name, .. } =
            self.settings;
        let Output { value, error, .. } = &self.output;
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
        let error_sharing =
            error_sharing.iter().map(|(word, rule)| quote!(.#word::<#error, _>(#rule)));
        let hasher = hasher.iter().map(
            |ty| quote_spanned!(ty.span()=> .hasher(<#ty as ::core::default::Default>::default())),
        );
        quote! {
            #library::Group::builder #types ().name(#name) #window #calls #(#hasher)* #(#sharing)* #(#on_slow)* #(#error_sharing)* .build()
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
    pub(crate) fn access_name(&self) -> Ident {
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
    pub(crate) fn types(&self) -> TokenStream {
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
    pub(crate) fn attributes(&self) -> Vec<&Attribute> {
        let goes_along = |attribute: &&Attribute| match &attribute.meta {
            Meta::List(list) if list.path.is_ident("doc") => list.tokens.to_string() == "hidden",
            meta => meta.path().is_ident("cfg"),
        };
        self.function.attrs.iter().filter(goes_along).collect()
    }
}
