//! Exchange rates from a rate-limited API, through a coalescer. Copy this file.

use std::sync::Arc;
use std::time::Duration;

use coalescer::{Builder, Coalescer, Error, ForCoalescer, Stats};
use ureq::Agent;
use ureq::http::{HeaderMap, StatusCode, header::RETRY_AFTER};

/// The rate of a currency, as the API writes it.
pub(crate) type Rate = String;

/// Pause after a 429 that does not say how long to wait.
const PAUSE: Duration = Duration::from_secs(1);

/// A request that failed. Callers share it without `Clone`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("too many requests; the API accepts the next one in {} s", .retry_after.as_secs())]
    TooManyRequests { retry_after: Duration },
    #[error("the API answered {0}")]
    Status(StatusCode),
    #[error("the API cannot be reached: {0}")]
    Http(#[from] ureq::Error),
}

/// The rates of all currencies.
pub(crate) struct Rates(Coalescer<String, Rate, ApiError>);

/// Settings for an API that limits requests.
pub(crate) fn settings() -> Builder<ForCoalescer> {
    Coalescer::builder()
        .name("rates")
        // Maximum age of a rate.
        .window(Duration::from_secs(1))
        // Further requests would be refused, and could extend the pause. So calls for this currency get
        // the same error until the pause is over.
        .error_window(PAUSE)
        // No caller waits longer for the request of another call.
        .max_wait(Duration::from_secs(20))
}

impl Rates {
    /// The rates of the API at this address, such as `http://127.0.0.1:8080`.
    pub(crate) fn new(settings: Builder<ForCoalescer>, address: &str) -> Self {
        let (client, address) = (client(), address.to_owned());
        Self(settings.build(move |currency: &String| ask(&client, &address, currency)))
    }

    /// The rate of a currency. Calls for the same currency share one request.
    ///
    /// If the request fails, all calls get the same error until the pause is over.
    pub(crate) fn of(&self, currency: &str) -> Result<Arc<Rate>, Error<ApiError>> {
        self.0.execute(currency)
    }

    /// Counts of calls by their results.
    pub(crate) fn stats(&self) -> Stats {
        self.0.stats()
    }
}

/// A client with a pool of connections.
pub(crate) fn client() -> Agent {
    let config = Agent::config_builder()
        // `ask` reads the status and the headers itself.
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(10)))
        .proxy(None)
        .build();
    config.into()
}

/// Sends one request.
pub(crate) fn ask(client: &Agent, address: &str, currency: &str) -> Result<Rate, ApiError> {
    let mut response = client.get(format!("{address}/rates/{currency}")).call()?;
    match response.status() {
        StatusCode::OK => Ok(response.body_mut().read_to_string()?),
        StatusCode::TOO_MANY_REQUESTS => {
            Err(ApiError::TooManyRequests { retry_after: retry_after(response.headers()) })
        }
        other => Err(ApiError::Status(other)),
    }
}

fn retry_after(fields: &HeaderMap) -> Duration {
    let seconds = fields.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    seconds.map_or(PAUSE, Duration::from_secs)
}
