//! What Prometheus sees of a program that coalesces.
//!
//! ```text
//! program start ──▶ install: the recorder, then the library's metrics
//! GET /metrics  ──▶ answer:  publish what is new, then render
//! ```

use coalescer::Manager;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// The upper ends of the histograms' buckets, in seconds.
pub const SECONDS: [f64; 9] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0];

/// Installs the recorder, and has the library's metrics described and measured. Once, where the
/// program starts.
///
/// # Errors
///
/// If the program has a recorder already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let seconds = Matcher::Suffix("_seconds".into());
    let exporter =
        PrometheusBuilder::new().set_buckets_for_metric(seconds, &SECONDS)?.install_recorder()?;
    coalescer::metrics::enable();
    Ok(exporter)
}

/// The body of `GET /metrics`, whose type is `text/plain; version=0.0.4`.
#[must_use]
pub fn answer(exporter: &PrometheusHandle, coalescers: &Manager) -> String {
    coalescers.publish_metrics();
    exporter.render()
}
