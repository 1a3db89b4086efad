//! `web [ADDRESS]`: serves the site, by default at 127.0.0.1:8080.
//!
//! ```sh
//! cargo run -p web
//! ```

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use web::{Site, serve};

fn main() -> ExitCode {
    match run(std::env::args().nth(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("web: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(address: Option<String>) -> Result<(), Box<dyn Error>> {
    let address = address.as_deref().unwrap_or("127.0.0.1:8080");
    let address: SocketAddr = address
        .parse()
        .map_err(|_| format!("{address} is not an address; use one such as 127.0.0.1:8080"))?;
    let site = Arc::new(Site::new());
    let server = serve(address, move |request| site.answer(request))
        .map_err(|error| format!("cannot listen on {address}: {error}"))?;
    println!("listening on http://{address}/");
    server.join()?;
    Ok(())
}
