//! Exchange rates from a rate-limited API, through a coalescer. This is the file to copy.

use std::sync::Arc;
use std::time::Duration;

use coalescer::{Builder, Coalescer, Error, ForCoalescer, Stats};
use ureq::Agent;
use ureq::http::{HeaderMap, StatusCode, header::RETRY_AFTER};

/// What a currency costs, as the API writes it.
pub(crate) type Rate = String;

/// How long the API is left alone that says "too many" and does not say for how long.
const PAUSE: Duration = Duration::from_secs(1);

/// Why there is no rate. It need not be `Clone` to be shared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("the API has had too many requests, and wants none for {} s", .retry_after.as_secs())]
    TooManyRequests { retry_after: Duration },
    #[error("the API says {0}")]
    Status(StatusCode),
    #[error("the API cannot be reached: {0}")]
    Http(#[from] ureq::Error),
}

/// The rates of all currencies.
pub(crate) struct Rates(Coalescer<String, Rate, ApiError>);

/// What is set for an API that counts requests.
pub(crate) fn settings() -> Builder<ForCoalescer, String, Rate> {
    Coalescer::builder()
        .name("rates")
        // A rate may be so old.
        .window(Duration::from_secs(1))
        // Who has been told "too many" would be told so again, and that would count as well. So the
        // error is kept and handed on, and the API is asked for this currency once in a pause.
        .error_window(PAUSE)
        // Nobody waits longer for the request of another caller.
        .max_wait(Duration::from_secs(20))
}

impl Rates {
    /// The rates of the API at this address, such as `http://127.0.0.1:8080`.
    pub(crate) fn new(settings: Builder<ForCoalescer, String, Rate>, address: &str) -> Self {
        let (client, address) = (client(), address.to_owned());
        Self(settings.build(move |currency: &String| ask(&client, &address, currency)))
    }

    /// What a currency costs: from the API, or from whoever is asking it for the same currency.
    ///
    /// If the API gives none, everyone who asks gets that one error until the pause is over.
    pub(crate) fn of(&self, currency: &str) -> Result<Arc<Rate>, Error<ApiError>> {
        self.0.execute(currency)
    }

    /// How many calls there were, and what became of them.
    pub(crate) fn stats(&self) -> Stats {
        self.0.stats()
    }
}

/// A client that keeps its connections.
pub(crate) fn client() -> Agent {
    let config = Agent::config_builder()
        // A status is read below, together with the fields that come with it.
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(10)))
        .proxy(None)
        .build();
    config.into()
}

/// One request.
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
