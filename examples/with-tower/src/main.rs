//! An axum server with slow pages: the requests for a page that come together cost one run of its function.
//!
//! ```sh
//! cargo run -p with-tower # then, in two shells at once: curl http://127.0.0.1:3000/pages/heron
//! ```

use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use coalescer_http::CoalesceLayer;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use with_tower::{Site, router};

const ADDRESS: &str = "127.0.0.1:3000";

/// How long a read of a page takes.
const SLOW: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("with-tower: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> std::io::Result<()> {
    let site = Site::new(|| {
        println!("a page is read");
        sleep(SLOW);
    });
    site.write("heron".into(), "A heron was seen at the river.\n".into());
    Runtime::new()?.block_on(async {
        let pages = router(site, CoalesceLayer::new().tower(tokio::time::sleep));
        let listener = TcpListener::bind(ADDRESS).await?;
        println!("http://{ADDRESS}/pages/heron");
        axum::serve(listener, pages).await
    })
}
