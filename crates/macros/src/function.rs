//! The annotated function: its signature is parsed, its body is passed on as tokens.

use proc_macro2::{Group, Ident, TokenTree};
use syn::parse::{Parse, ParseStream};
use syn::visit::Visit;
use syn::{
    Attribute, Error, FnArg, Lifetime, Pat, PatIdent, PatType, Receiver, Result, Signature, Token,
    Type, TypeImplTrait, TypeReference, Visibility,
};

/// The function.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// The body, with its braces.
    pub(crate) body: Group,
}

/// An argument that has a name.
pub(crate) struct Argument<'a> {
    pub(crate) name: &'a Ident,
    pub(crate) mutability: Option<Token![mut]>,
    pub(crate) ty: &'a Type,
}

impl Parse for Function {
    fn parse(input: ParseStream) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let is_function = input.peek(Token![fn])
            || input.peek(Token![const])
                && (input.peek2(Token![fn]) || input.peek2(Token![unsafe]))
            || input.peek(Token![async])
            || input.peek(Token![unsafe]) && !input.peek2(Token![impl])
            || input.peek(Token![extern]) && !input.peek2(Token![crate]);
        if !is_function {
            return Err(input.error("`#[coalesce]` stands on a function or a method"));
        }
        let sig = input.parse()?;
        match input.parse()? {
            TokenTree::Group(body) => Ok(Self { attrs, vis, sig, body }),
            other => {
                let what = "`#[coalesce]` needs the function's body; in a trait, put it on the \
                            methods of the `impl`";
                Err(Error::new(other.span(), what))
            }
        }
    }
}

impl Function {
    pub(crate) fn receiver(&self) -> Option<&Receiver> {
        self.sig.receiver()
    }

    /// The arguments except `self`.
    pub(crate) fn typed(&self) -> impl Iterator<Item = &PatType> {
        self.sig.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(argument) => Some(argument),
            FnArg::Receiver(_) => None,
        })
    }

    /// The arguments except `self` that have a name.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = Argument<'_>> {
        self.typed().filter_map(|argument| named(argument).ok())
    }

    /// True if the function has type or const parameters.
    pub(crate) fn is_generic(&self) -> bool {
        self.sig.generics.type_params().next().is_some()
            || self.sig.generics.const_params().next().is_some()
    }
}

/// The argument, if it has a plain name.
pub(crate) fn named(argument: &PatType) -> Result<Argument<'_>> {
    match &*argument.pat {
        Pat::Ident(PatIdent { by_ref: None, mutability, ident, subpat: None, .. }) => {
            Ok(Argument { name: ident, mutability: *mutability, ty: &argument.ty })
        }
        pattern => Err(Error::new_spanned(
            pattern,
            "give this argument a name, so that the key can use it; destructure it in the body",
        )),
    }
}

impl Argument<'_> {
    /// The argument's type, if it is a reference.
    pub(crate) fn referred(&self) -> Option<&TypeReference> {
        match bare(self.ty) {
            Type::Reference(reference) => Some(reference),
            _ => None,
        }
    }
}

/// The type without parentheses and invisible groups around it.
pub(crate) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Paren(paren) => bare(&paren.elem),
        Type::Group(group) => bare(&group.elem),
        _ => ty,
    }
}

/// The parts of a type that may not live as long as the program (references and lifetimes), and the
/// parts without a name (`impl Trait`).
#[derive(Default)]
pub(crate) struct Found<'a> {
    pub(crate) references: Vec<&'a TypeReference>,
    pub(crate) lifetimes: Vec<&'a Lifetime>,
    pub(crate) impls: Vec<&'a TypeImplTrait>,
}

impl<'a> Found<'a> {
    pub(crate) fn in_type(ty: &'a Type) -> Self {
        let mut found = Self::default();
        found.visit_type(ty);
        found
    }

    /// An error at the first borrowed part, with the text `what`.
    pub(crate) fn borrowed(&self, what: &str) -> Option<Error> {
        let reference =
            self.references.first().map(|found| Error::new_spanned(found.and_token, what));
        reference.or_else(|| self.lifetimes.first().map(|found| Error::new_spanned(found, what)))
    }
}

impl<'a> Visit<'a> for Found<'a> {
    fn visit_type_reference(&mut self, reference: &'a TypeReference) {
        match &reference.lifetime {
            Some(lifetime) if lifetime.ident == "static" => self.visit_type(&reference.elem),
            _ => self.references.push(reference),
        }
    }

    fn visit_lifetime(&mut self, lifetime: &'a Lifetime) {
        if lifetime.ident != "static" {
            self.lifetimes.push(lifetime);
        }
    }

    fn visit_type_impl_trait(&mut self, found: &'a TypeImplTrait) {
        self.impls.push(found);
    }

    // References inside the type of a function, such as `fn(&str)`, borrow nothing.
    fn visit_type_fn_ptr(&mut self, _: &'a syn::TypeFnPtr) {}
    fn visit_parenthesized_generic_arguments(&mut self, _: &'a syn::ParenthesizedGenericArguments) {
    }
    fn visit_bound_lifetimes(&mut self, _: &'a syn::BoundLifetimes) {}
}
