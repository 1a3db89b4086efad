//! `cargo +nightly fuzz run gates`: see `check`.

#![no_main]

#[path = "../check.rs"]
mod check;
#[path = "../messages.rs"]
mod messages;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    check::check(data);
});
