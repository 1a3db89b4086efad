//! The attribute `#[coalesce]` of the crate `coalescer`. Use it from there, as `coalescer::coalesce`,
//! with the feature `macros`.

use proc_macro::TokenStream;

mod duration;
mod expand;
mod function;
mod key;
mod refuse;
mod settings;

/// Coalesces calls of a function: those with equal arguments share one execution.
///
/// TODO
#[proc_macro_attribute]
pub fn coalesce(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(attribute.into(), item.into()).into()
}
