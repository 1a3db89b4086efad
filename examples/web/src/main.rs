//! `web [ADDRESS] [--status ADDRESS] [--demo]`: serves the site, by default at 127.0.0.1:8080, and status pages,
//! by default at 127.0.0.1:8081.
//!
//! ```sh
//! cargo run -p web
//! ```
//!
//! To see what the layer does, start the program with clients of its own, and open <http://127.0.0.1:8081/> in a
//! browser:
//!
//! ```sh
//! cargo run --release -p web -- --demo
//! ```
//!
//! The page shows the pages that are made now and who waits for them, the share of requests that were answered
//! from the window or by another request's run, how long requests took, and why requests did not share. Its charts
//! move once in a second and show two minutes. There is a [picture] of it, `docs/live.png`. In a chart, the arrow
//! keys read a second's numbers. `p` stops the page.
//!
//! [picture]: https://github.com/coalescer-rs/coalescer/blob/main/docs/live.png
//!
//! All who reach the status address can read the paths of the site's pages. They see no query and no address of a
//! client. `/live`, `/stats` and `/in-flight` are the same numbers as JSON.

use std::error::Error;
use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use web::{Monitor, Options, Site, Status, USAGE, keep_asking, serve};

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => return failed(&error),
    };
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&*error),
    }
}

fn failed(error: &(impl Display + ?Sized)) -> ExitCode {
    eprintln!("web: {error}");
    ExitCode::FAILURE
}

fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let site = Arc::new(Site::new());
    let monitor = site.monitor();
    Monitor::end_windows(&monitor)?;
    let status = Status::new(monitor);
    let server = serve(options.site, move |request| site.answer(request))
        .map_err(|error| cannot_listen(options.site, &error))?;
    serve(options.status, move |request| status.answer(&request))
        .map_err(|error| cannot_listen(options.status, &error))?;
    println!("listening on http://{}/", options.site);
    println!("status pages on http://{}/", options.status);
    if !options.status.ip().is_loopback() {
        eprintln!("web: all who reach {} can read the paths of the site's pages", options.status);
    }
    if options.demo {
        keep_asking(options.site)?;
    }
    server.join()?;
    Ok(())
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> String {
    format!("cannot listen on {address}: {error}; --help says how to choose another address")
}
