//! An axum server over a blocking database: the requests for a page that come together cost one query.
//!
//! ```sh
//! cargo run -p with-axum # then: curl http://127.0.0.1:3000/pages/heron
//! ```
//!
//! Copy `site.rs`. A handler awaits a ticket, so it holds no thread while it waits. The query is a job on
//! tokio's threads for blocking work: one for each query, and not one for each request. A request that is
//! cancelled, or that waits too long, gives its call up, and the query goes on for the others.

mod site;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use site::Site;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const ADDRESS: &str = "127.0.0.1:3000";
const CONNECTIONS: u32 = 4;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("with-axum: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let directory = tempfile::Builder::new().prefix("with-axum-").tempdir()?;
    let runtime = Runtime::new()?;
    let site =
        Site::open(&directory.path().join("pages.sqlite"), CONNECTIONS, runtime.handle().clone())?;
    site.write("heron", "A heron was seen at the river.")?;
    runtime.block_on(async {
        let listener = TcpListener::bind(ADDRESS).await?;
        println!("http://{ADDRESS}/pages/heron, and the counters at http://{ADDRESS}/stats");
        axum::serve(listener, site.router()).await?;
        Ok(())
    })
}
