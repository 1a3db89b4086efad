//! Eight threads ask for three reports. Prints the text that Prometheus would scrape.
//!
//! ```sh
//! cargo run -p with-metrics
//! ```

use std::convert::Infallible;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use coalescer::Manager;

/// A slow report.
fn report(id: &u32) -> Result<String, Infallible> {
    thread::sleep(Duration::from_millis(20));
    Ok(format!("report {id}"))
}

fn main() -> ExitCode {
    let exporter = match with_metrics::install() {
        Ok(exporter) => exporter,
        Err(error) => {
            eprintln!("with-metrics: {error}");
            return ExitCode::FAILURE;
        }
    };
    let coalescers = Manager::new();
    let ask = || {
        for id in 0..3 {
            let Err(error) = coalescers.execute(report, &id) else { continue };
            eprintln!("report {id}: {error:#}");
        }
    };
    thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(ask))));
    print!("{}", with_metrics::answer(&exporter, &coalescers));
    ExitCode::SUCCESS
}
