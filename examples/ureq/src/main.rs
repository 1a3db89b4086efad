//! A rate-limited API behind a coalescer: one request for all who ask for the same.
//!
//! ```sh
//! cargo run -p with-ureq
//! ```
//!
//! starts an API on the loopback that answers ten requests a second and says 429 to the others, and asks
//! it from many threads: each for itself, and then through a coalescer.
//!
//! What should become of a 429? There are three ways to treat it, and the one to take is the second:
//!
//! | | what the API sees |
//! |---|---|
//! | an error, as all are (the default) | everyone who waited shares it; the next call asks at once, and is refused |
//! | an error, and an `error_window` | the same, but for as long as the window the next calls get the error that is there already, and the API is left alone |
//! | a value that is not shared (`share_if`, `ShareWith::Nobody`) | each follower asks by itself, all at once: what the limit was to prevent |
//!
//! `share_with` is for what is in a value and belongs to one caller; a refusal is for all. An
//! `error_window` keeps every error of the function, and is a pause for each key. Where only the 429 is
//! to be kept, make it a variant of the value; where one pause is to hold for all keys, keep the time
//! when it ends beside the client, and look at it first in the function.
//!
//! `rates.rs` is what to copy.

mod api;
mod rates;
#[cfg(test)]
mod tests;

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use api::Api;
use rates::{ApiError, Rates, ask, client, settings};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const THREADS: usize = 16;
const CALLS: usize = 4; // each thread
const LIMIT: u64 = 10;
const SECOND: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("with-ureq: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let api = Api::start(LIMIT, SECOND)?;
    let (client, address) = (client(), api.address());
    let rates = Rates::new(settings(), &address);
    let calls = THREADS * CALLS;
    println!("{calls} calls for one rate by {THREADS} threads; the API answers {LIMIT} a second");

    measure("each for itself", &api, || match ask(&client, &address, "EUR") {
        Ok(_) => Ok(true),
        Err(ApiError::TooManyRequests { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    })?;
    let coalesced = || match rates.of("EUR") {
        Ok(_) => Ok(true),
        Err(error) => match error.failed().map(|error| &**error) {
            Some(ApiError::TooManyRequests { .. }) => Ok(false),
            _ => Err(error.into()),
        },
    };
    measure("coalesced, at once", &api, coalesced)?;
    thread::sleep(SECOND);
    measure("coalesced, a second later", &api, coalesced)?;
    println!("{}", rates.stats());
    Ok(())
}

/// Calls from many threads, each of which says whether it got a rate, and tells what came of it.
fn measure(name: &str, api: &Api, call: impl Fn() -> Result<bool> + Sync) -> Result<()> {
    let got: Vec<bool> = thread::scope(|scope| {
        let calls = || (0..CALLS).map(|_| call()).collect::<Result<Vec<_>>>();
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(calls)).collect();
        let got = threads.into_iter().map(|thread| thread.join().expect("a call does not panic"));
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(got.collect::<Result<Vec<_>>>()?.concat())
    })?;
    let rates = got.iter().filter(|got| **got).count();
    let served = api.take_served();
    println!(
        "  {name}: {rates} got a rate, {} got a 429; the API answered {} and refused {}",
        got.len() - rates,
        served.answered,
        served.refused
    );
    Ok(())
}
