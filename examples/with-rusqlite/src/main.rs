//! A pool of SQLite connections behind a coalescer: one query for all who search for the same word.
//!
//! ```sh
//! cargo run -p with-rusqlite
//! ```
//!
//! The program creates a file in a temporary directory, and searches it from many threads, first
//! without and then with a coalescer. Copy `search.rs`: it takes the connection inside the function,
//! looks keys up by `&str`, bounds the number of kept results, and forgets them after the commit of a
//! write. `counts.rs` does the same with the attribute.
//!
//! `examples/stampede` puts a database under more load than it can answer, and measures latencies.

mod counts;
#[cfg(test)]
mod exhaustion_tests;
mod search;
#[cfg(test)]
mod tests;
#[cfg(test)]
#[path = "../../../tests/support/watchdog.rs"]
mod watchdog;

use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use coalescer::DEFAULT_WINDOW;

use search::Search;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const THREADS: usize = 64;
const CALLS: usize = 5; // per thread
const CONNECTIONS: u32 = 8;
const TEXTS: usize = 20_000;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("with-rusqlite: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let directory = tempfile::Builder::new().prefix("with-rusqlite-").tempdir()?;
    let search = Search::open(&directory.path().join("texts.sqlite"), CONNECTIONS, DEFAULT_WINDOW)?;
    let texts: Vec<_> = (0..TEXTS).map(text).collect();
    search.add(texts.iter().map(|(title, body)| (title.as_str(), body.as_str())))?;

    println!("{} searches for one word, by {THREADS} threads:", THREADS * CALLS);
    measure("without a coalescer", &search, || Ok(search.uncoalesced("heron")?.len()))?;
    measure("with a coalescer", &search, || Ok(search.find("heron")?.len()))?;
    println!("  {}\n", search.stats());

    let before = search.find("heron")?.len();
    search.add([("A new one", "A heron has come.")])?;
    let after = search.find("heron")?.len();
    println!(
        "{before} texts contain the word. After one more is committed, a search finds {after},"
    );
    println!(
        "and the function with the attribute counts {}.",
        counts::count(search.pool(), "heron")?
    );
    Ok(())
}

fn text(number: usize) -> (String, String) {
    let bird = ["sparrow", "heron", "owl", "wren", "finch"][number % 5];
    let birds =
        format!("On day {number} a {bird} was seen at the river, and it stayed for a while. ");
    (format!("Day {number}"), birds.repeat(4))
}

/// Calls from many threads, and prints the number of queries.
fn measure(name: &str, search: &Search, call: impl Fn() -> Result<usize> + Sync) -> Result<()> {
    let (before, start) = (search.queries(), Instant::now());
    thread::scope(|scope| {
        let calls = || (0..CALLS).try_for_each(|_| call().map(drop));
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(calls)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("a search does not panic"))
    })?;
    let queries = search.queries() - before;
    println!("  {name}: {queries} queries, {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
    Ok(())
}
