use std::borrow::Cow;

use coalescer::coalesce;

#[coalesce]
fn optional(name: Option<&str>) -> usize {
    name.map_or(0, str::len)
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
