//! A manager: coalescers that are found by their function or by a name.

mod by_function;
mod by_name;
mod defaults;
mod groups;
mod handles;
mod reports;

use std::time::Duration;

use coalescer::{Coalescer, Manager, Settings};

type Lengths = Coalescer<String, usize, String>;

#[expect(clippy::ptr_arg, reason = "the function of a coalescer of `String` keys")]
fn length(word: &String) -> Result<usize, String> {
    Ok(word.len())
}

fn same_length(word: &String) -> Result<usize, String> {
    length(word)
}

fn number<const N: u32>(_: &u8) -> Result<u32, ()> {
    Ok(N)
}

/// A manager whose results never expire.
fn endless() -> Manager {
    Manager::with_defaults(Settings::new().window(Duration::MAX))
}

fn executed(manager: &Manager) -> u64 {
    manager.stats().total.executed_requests
}
