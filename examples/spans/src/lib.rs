//! A log of executions and waits: which thread ran, which ones waited for it, and how long.

use std::io;
use std::thread;
use std::time::Duration;

use coalescer::Coalescer;
use tracing::level_filters::LevelFilter;
use tracing::{Span, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::prelude::*;

/// A subscriber that writes a line at the start and at the end of each span. Without
/// `with_span_events` it would write no line. The filter selects the spans of the library by their
/// target, `coalescer`, at the level `debug`.
pub fn subscriber<W>(writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(false)
        .with_thread_names(true)
        .with_span_events(FmtSpan::NEW | FmtSpan::CLOSE);
    let filter =
        Targets::new().with_default(LevelFilter::INFO).with_target("coalescer", LevelFilter::DEBUG);
    tracing_subscriber::registry().with(lines.with_filter(filter))
}

/// Asks for one report from three threads.
///
/// # Errors
///
/// If a thread cannot be started.
pub fn ask() -> io::Result<()> {
    let reports = Coalescer::builder().name("reports").build(|id: &u32| {
        // The library does not record keys, because they may be secret. This one is not.
        Span::current().record("key", id);
        thread::sleep(Duration::from_millis(20));
        Ok::<String, io::Error>(format!("report {id}"))
    });
    let ask = |name: &str| {
        let reports = reports.clone();
        thread::Builder::new().name(name.into()).spawn(move || reports.execute(&7).map(drop))
    };
    let threads = [ask("ada")?, ask("grace")?, ask("edith")?];
    for thread in threads {
        if let Ok(Err(error)) = thread.join() {
            eprintln!("no report: {error:#}");
        }
    }
    Ok(())
}
