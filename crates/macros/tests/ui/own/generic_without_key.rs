use std::fmt::Display;

use coalescer::coalesce;

#[coalesce]
fn describe<T: Display>(thing: T) -> String {
    thing.to_string()
}

#[coalesce]
fn first<const N: usize>(numbers: [u64; N]) -> u64 {
    numbers[0]
}

#[coalesce(key = id)]
fn show(thing: impl Display, id: u64) -> String {
    format!("{thing} {id}")
}

fn main() {}
