//! What a function's key is made of.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Expr, Path, Result, Type};

use crate::function::{Argument, Found, Function, bare};
use crate::settings::{SaidKey, Settings};

/// As many parts as a tuple may have that is `Hash` and `Eq`.
const MOST_PARTS: usize = 12;

/// The key of a function.
pub(crate) enum Key<'a> {
    /// These arguments. One is the key itself, several are a tuple.
    Arguments(Vec<Argument<'a>>),
    /// An expression, of this type when it is owned.
    Said { ty: &'a Type, expr: &'a Expr },
}

impl<'a> Key<'a> {
    /// What the attribute says, or else all arguments that it does not skip.
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
                "a key has at most {MOST_PARTS} parts; say what it is: `key: Type = expression`"
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

    /// The function that takes this key, and the arguments by which it does, with commas.
    pub(crate) fn lent(&self) -> (Ident, TokenStream) {
        match self {
            Self::Arguments(parts) => {
                let lent = parts.iter().map(lent);
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

/// `key = argument` or `key = (one, another)`, which are all whose type can be seen.
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
        let what = "the type of this expression cannot be seen from here; say it, as in \
                    `key: u64 = user.id`";
        return Err(Error::new_spanned(expr, what));
    };
    if settings.skips(&name.to_string()) {
        return Err(Error::new(name.span(), format!("`{name}` is in `skip(..)` as well")));
    }
    function.arguments().find(|argument| argument.name == name).ok_or_else(|| {
        let what = format!(
            "there is no argument `{name}`; for anything else than arguments say the \
                            type too: `key: Type = {name}`"
        );
        Error::new(name.span(), what)
    })
}

/// Why an argument cannot be a part of a key, as far as its type can be seen.
pub(crate) fn refuse_part(argument: &Argument<'_>) -> Result<()> {
    let name = argument.name;
    let inner = argument.referred().map_or(argument.ty, |reference| &reference.elem);
    let what = format!(
        "what is borrowed inside an argument cannot be kept in a key; leave the argument out with \
         `skip({name})`, or say an owned key: `key: Type = expression`"
    );
    Found::in_type(inner).borrowed(&what).map_or(Ok(()), Err)
}

/// What the key holds of an argument: for a reference, what owns what it refers to.
fn owned(argument: &Argument<'_>) -> TokenStream {
    let Some(reference) = argument.referred() else {
        let ty = argument.ty;
        return quote!(#ty);
    };
    match bare(&reference.elem) {
        // As these two are written by people, and as they are to be read in documentation.
        Type::Path(path) if is_str(&path.path) => quote!(::std::string::String),
        Type::Slice(slice) => {
            let elem = &slice.elem;
            quote!(::std::vec::Vec<#elem>)
        }
        referred => quote!(<#referred as ::std::borrow::ToOwned>::Owned),
    }
}

fn is_str(path: &Path) -> bool {
    path.is_ident("str")
}

/// The argument as a reference, which is what a key is looked up by. It stands where the type does,
/// so that a compiler that finds it unfit points there.
pub(crate) fn lent(argument: &Argument<'_>) -> TokenStream {
    let mut name = argument.name.clone();
    let ty = argument.referred().map_or(argument.ty, |reference| &reference.elem);
    let span = name.span().located_at(ty.span());
    name.set_span(span);
    match argument.referred() {
        Some(_) => quote!(#name),
        None => quote_spanned!(span=> &#name),
    }
}

/// The argument as [`Key::lent`] wants it, in a signature without lifetimes.
pub(crate) fn declared(argument: &Argument<'_>) -> TokenStream {
    let name = argument.name;
    match argument.referred() {
        Some(reference) => {
            let elem = &reference.elem;
            quote!(#name: &#elem)
        }
        None => {
            let ty = argument.ty;
            quote!(#name: #ty)
        }
    }
}
