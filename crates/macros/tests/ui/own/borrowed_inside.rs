use std::borrow::Cow;

use coalescer::coalesce;

#[coalesce]
fn optional(names: Option<&[&str]>) -> usize {
    names.map_or(0, <[&str]>::len)
}

#[coalesce]
fn several(names: &[&str]) -> usize {
    names.len()
}

#[coalesce]
fn cow<'a>(name: Cow<'a, str>) -> usize {
    name.len()
}

fn main() {}
