//! Prints the spans of three threads that ask for one report.
//!
//! ```sh
//! cargo run -p spans
//! ```

use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    let subscriber = spans::subscriber(io::stdout);
    if let Err(error) = tracing::subscriber::set_global_default(subscriber) {
        eprintln!("spans: {error}");
        return ExitCode::FAILURE;
    }
    match spans::ask() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("spans: {error:#}");
            ExitCode::FAILURE
        }
    }
}
