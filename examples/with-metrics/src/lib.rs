//! The metrics of a program that coalesces, in the text format of Prometheus.
//!
//! ```text
//! program start ──▶ install: the recorder, then the metrics of the library
//! GET /metrics  ──▶ answer:  publish the counters, then render
//! ```

use coalescer::Manager;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper bounds of the histogram buckets, in seconds.
pub const SECONDS: [f64; 9] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0];

/// Installs the recorder and enables the metrics of the library. Call it once, when the program starts.
///
/// # Errors
///
/// If the program already has a recorder.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let seconds = Matcher::Suffix("_seconds".into());
    let exporter =
        PrometheusBuilder::new().set_buckets_for_metric(seconds, &SECONDS)?.install_recorder()?;
    coalescer::metrics::enable();
    Ok(exporter)
}

/// The body of `GET /metrics`, with the type `text/plain; version=0.0.4`. It has the counters of all
/// coalescers of the manager, and of no others.
#[must_use]
pub fn answer(exporter: &PrometheusHandle, coalescers: &Manager) -> String {
    coalescers.publish_metrics();
    exporter.render()
}
