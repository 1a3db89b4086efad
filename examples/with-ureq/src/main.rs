//! A rate-limited API behind a coalescer: one request for all who ask for the same.
//!
//! ```sh
//! cargo run -p with-ureq
//! ```
//!
//! The program starts an API on the loopback that answers ten requests per second, and the others with
//! status 429. Many threads call it, first without and then with a coalescer.
//!
//! There are three ways to treat a 429. This example takes the second:
//!
//! | the 429 is | effect on the API |
//! |---|---|
//! | an error (the default) | all waiting calls share it, but the next call sends a request, and is refused |
//! | an error, with an `error_window` | calls within that window get the same error, and the API gets no request |
//! | a value that is not shared (`share_if`, `ShareWith::Nobody`) | each follower sends its own request, all at once, which is what the limit forbids |
//!
//! `share_with` is for values that belong to one caller, but a refusal concerns all. An `error_window`
//! keeps every error of the function, for each key. To keep only the 429, make it a variant of the
//! value. For one pause over all keys, store the end of the pause with the client, and check it first in
//! the function.
//!
//! The function uses a client that is shared by all calls. It takes a connection from the client's pool
//! only when it sends a request, so followers hold none.
//!
//! Copy `rates.rs`.

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
const CALLS: usize = 4; // per thread
const LIMIT: u64 = 10;
const SECOND: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("with-ureq: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let api = Api::start(LIMIT, SECOND)?;
    let (client, address) = (client(), api.address());
    let rates = Rates::new(settings(), &address);
    let calls = THREADS * CALLS;
    println!("{calls} calls for one rate by {THREADS} threads; the API answers {LIMIT} per second");

    measure("without a coalescer", &api, || match ask(&client, &address, "EUR") {
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
    measure("with a coalescer", &api, coalesced)?;
    thread::sleep(SECOND);
    measure("with it, a second later", &api, coalesced)?;
    println!("{}", rates.stats());
    Ok(())
}

/// Calls from many threads, and prints the results. `call` returns `true` if it got a rate.
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
