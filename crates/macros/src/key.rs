//! The parts of a function's key.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Expr, GenericArgument, Index, Path, PathArguments, Result, Type};

use crate::function::{Argument, Found, Function, bare};
use crate::settings::{SaidKey, Settings};

/// The longest tuple for which std implements `Hash` and `Eq`.
const MOST_PARTS: usize = 12;

/// The key of a function.
pub(crate) enum Key<'a> {
    /// These arguments. One argument is the key itself; several make a tuple.
    Arguments(Vec<Argument<'a>>),
    /// An expression. `ty` is the type of the owned key.
    Said { ty: &'a Type, expr: &'a Expr },
}

impl<'a> Key<'a> {
    /// The key that the attribute gives, or else all arguments that are not skipped.
    pub(crate) fn of(function: &'a Function, settings: &'a Settings) -> Result<Self> {
        let parts = match &settings.key {
            Some(SaidKey { ty: Some(ty), expr }) => return Ok(Self::Said { ty, expr }),
            Some(SaidKey { ty: None, expr }) => said_parts(function, settings, expr)?,
            None => function
                .arguments()
                .filter(|argument| !settings.skips(&argument.name.to_string()))
                .collect(),
        };
        if let Some(one_too_many) = parts.get(MOST_PARTS) {
            let what = format!(
                "a key has at most {MOST_PARTS} parts; give it as `key: Type = expression`"
            );
            return Err(Error::new(one_too_many.name.span(), what));
        }
        Ok(Self::Arguments(parts))
    }

    pub(crate) fn parts(&self) -> &[Argument<'a>] {
        match self {
            Self::Arguments(parts) => parts,
            Self::Said { .. } => &[],
        }
    }

    /// The type of the owned key.
    pub(crate) fn ty(&self) -> TokenStream {
        let parts = match self {
            Self::Said { ty, .. } => return quote!(#ty),
            Self::Arguments(parts) => parts,
        };
        let owned = parts.iter().map(owned);
        match parts.len() {
            1 => quote!(#(#owned)*),
            _ => quote!((#(#owned),*)),
        }
    }

    /// The function of `macro_support` that takes this key, and its key arguments, with commas.
    pub(crate) fn lent(&self, library: &Path) -> (Ident, TokenStream) {
        match self {
            Self::Arguments(parts) => {
                let lent = parts.iter().map(|part| lent(part, library));
                (format_ident!("by_{}", parts.len()), quote!(#(#lent,)*))
            }
            Self::Said { expr: expr @ Expr::Reference(_), .. } => {
                (format_ident!("by_key"), quote!(#expr,))
            }
            Self::Said { expr, .. } => {
                (format_ident!("by_key"), quote_spanned!(expr.span()=> &(#expr),))
            }
        }
    }
}

/// `key = argument` or `key = (one, another)`. Only arguments have a type that the macro can see.
fn said_parts<'a>(
    function: &'a Function,
    settings: &Settings,
    expr: &Expr,
) -> Result<Vec<Argument<'a>>> {
    let exprs: Vec<&Expr> = match expr {
        Expr::Tuple(tuple) => tuple.elems.iter().collect(),
        one => vec![one],
    };
    exprs.into_iter().map(|expr| said_part(function, settings, expr)).collect()
}

fn said_part<'a>(function: &'a Function, settings: &Settings, expr: &Expr) -> Result<Argument<'a>> {
    let name = match expr {
        Expr::Path(path) if path.qself.is_none() => path.path.get_ident(),
        _ => None,
    };
    let Some(name) = name.filter(|name| *name != "self") else {
        let what = "the macro cannot see the type of this expression; add it, as in \
                    `key: u64 = user.id`";
        return Err(Error::new_spanned(expr, what));
    };
    if settings.skips(&name.to_string()) {
        return Err(Error::new(name.span(), format!("`{name}` is also in `skip(..)`")));
    }
    function.arguments().find(|argument| argument.name == name).ok_or_else(|| {
        let what = format!(
            "there is no argument `{name}`; for an expression that is not an argument, add \
             its type: `key: Type = {name}`"
        );
        Error::new(name.span(), what)
    })
}

/// Refuses an argument that cannot be part of a key, as far as its type is visible.
pub(crate) fn refuse_part(argument: &Argument<'_>) -> Result<()> {
    refuse_type(argument.name, argument.ty)
}

fn refuse_type(name: &Ident, ty: &Type) -> Result<()> {
    match Form::of(ty) {
        Form::Reference(ty) | Form::Owned(ty) => {
            if let Some(cow) = cow(ty) {
                let what = format!(
                    "a key cannot keep this `Cow`, which may borrow; take a reference, as in \
                     `{name}: &str`, or give an owned key, as in `key: String = &*{name}`"
                );
                return Err(Error::new_spanned(cow, what));
            }
            let what = format!(
                "a key cannot keep the borrowed data in this argument; leave the argument out \
                 with `skip({name})`, or give an owned key: `key: Type = expression`"
            );
            Found::in_type(ty).borrowed(&what).map_or(Ok(()), Err)
        }
        Form::Option(part) => refuse_type(name, part),
        Form::Tuple(parts) => parts.into_iter().try_for_each(|part| refuse_type(name, part)),
    }
}

/// Returns the type if it is a `Cow` that may borrow for less than `'static`.
fn cow(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let is_cow = path.path.segments.last().is_some_and(|last| last.ident == "Cow");
    (is_cow && Found::in_type(ty).borrowed("").is_some()).then_some(ty)
}

/// The form of an argument: how a look-up borrows it, and how a key owns it.
enum Form<'a> {
    /// `&T`, without the reference.
    Reference(&'a Type),
    Owned(&'a Type),
    /// `Option<&T>`, without the `Option`.
    Option(&'a Type),
    /// `(&T, U, ..)`, a tuple with a reference in it.
    Tuple(Vec<&'a Type>),
}

impl<'a> Form<'a> {
    fn of(ty: &'a Type) -> Self {
        match bare(ty) {
            Type::Reference(reference) => Self::Reference(bare(&reference.elem)),
            Type::Tuple(tuple) if tuple.elems.iter().any(borrows) => {
                Self::Tuple(tuple.elems.iter().collect())
            }
            ty => match referring_option(ty) {
                Some(part) => Self::Option(part),
                None => Self::Owned(ty),
            },
        }
    }

    /// The owned type in the key.
    fn owned(&self) -> TokenStream {
        match self {
            Self::Owned(ty) => quote!(#ty),
            // These two as people write them, because documentation shows them.
            Self::Reference(Type::Path(path)) if path.path.is_ident("str") => {
                quote!(::std::string::String)
            }
            Self::Reference(Type::Slice(slice)) => {
                let elem = &slice.elem;
                quote!(::std::vec::Vec<#elem>)
            }
            Self::Reference(ty) => quote!(<#ty as ::std::borrow::ToOwned>::Owned),
            Self::Option(part) => {
                let part = Form::of(part).owned();
                quote!(::core::option::Option<#part>)
            }
            Self::Tuple(parts) => {
                let parts = parts.iter().map(|part| Form::of(part).owned());
                quote!((#(#parts,)*))
            }
        }
    }

    /// The reference to a value of this form, by which a key is looked up.
    fn lent(&self, library: &Path, value: TokenStream) -> TokenStream {
        match self {
            Self::Reference(_) => value,
            Self::Owned(_) => quote!(&#value),
            Self::Option(_) => quote!(&#library::Parts(#value)),
            Self::Tuple(parts) => {
                let parts = parts.iter().enumerate().map(|(at, part)| {
                    let at = Index::from(at);
                    Form::of(part).lent(library, quote!(#value.#at))
                });
                quote!(&#library::Parts((#(#parts,)*)))
            }
        }
    }

    /// The argument's type, for a signature without named lifetimes.
    fn declared(&self) -> TokenStream {
        match self {
            Self::Reference(ty) => quote!(&#ty),
            Self::Owned(ty) => quote!(#ty),
            Self::Option(part) => {
                let part = Form::of(part).declared();
                quote!(::core::option::Option<#part>)
            }
            Self::Tuple(parts) => {
                let parts = parts.iter().map(|part| Form::of(part).declared());
                quote!((#(#parts,)*))
            }
        }
    }
}

/// True if a part of a tuple contains a reference that a key can own.
fn borrows(ty: &Type) -> bool {
    !matches!(Form::of(ty), Form::Owned(_))
}

/// The type inside an `Option` of a reference.
fn referring_option(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Option")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first()? {
        GenericArgument::Type(part) if matches!(bare(part), Type::Reference(_)) => Some(part),
        _ => None,
    }
}

/// The type of an argument in the key: for a reference, the owned type.
fn owned(argument: &Argument<'_>) -> TokenStream {
    Form::of(argument.ty).owned()
}

/// The argument as a reference, by which a key is looked up. It has the span of the argument's type,
/// so that the compiler's errors point there.
pub(crate) fn lent(argument: &Argument<'_>, library: &Path) -> TokenStream {
    let name = placed(argument);
    let span = name.span();
    match Form::of(argument.ty) {
        Form::Owned(_) => quote_spanned!(span=> &#name),
        form => form.lent(library, quote!(#name)),
    }
}

/// A reference to the argument itself.
pub(crate) fn referenced(argument: &Argument<'_>) -> TokenStream {
    let name = placed(argument);
    quote_spanned!(name.span()=> &#name)
}

fn placed(argument: &Argument<'_>) -> Ident {
    let mut name = argument.name.clone();
    let ty = argument.referred().map_or(argument.ty, |reference| &reference.elem);
    name.set_span(name.span().located_at(ty.span()));
    name
}

/// The argument as [`Key::lent`] needs it, for a signature without named lifetimes.
pub(crate) fn declared(argument: &Argument<'_>) -> TokenStream {
    let (name, ty) = (argument.name, Form::of(argument.ty).declared());
    quote!(#name: #ty)
}
