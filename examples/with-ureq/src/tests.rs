//! Real requests over the loopback, which the API counts. Its span of time ends only when a test says so.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

#[path = "../../../tests/support/watchdog.rs"]
#[expect(dead_code, reason = "nothing here waits for another thread")]
mod watchdog;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use coalescer::{Error, ManualClock};
use ureq::http::StatusCode;

use crate::api::{Api, Served};
use crate::rates::{ApiError, Rates, ask, client, settings};
use watchdog::watched;

/// Calls on as many threads.
fn at_once<R: Send>(count: usize, call: impl Fn() -> R + Sync) -> Vec<R> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(&call)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn api(limit: u64) -> Api {
    Api::start(limit, Duration::MAX).unwrap()
}

/// The rates of an API, on a manual clock.
fn rates(api: &Api) -> (Rates, ManualClock) {
    let clock = ManualClock::new();
    (Rates::new(settings().clock(clock.clone()), &api.address()), clock)
}

#[test]
fn fifty_calls_are_one_request() {
    watched(|| {
        let api = api(10);
        let (client, address) = (client(), api.address());
        let alone = at_once(50, || ask(&client, &address, "EUR"));
        let refused =
            alone.iter().filter(|got| matches!(got, Err(ApiError::TooManyRequests { .. }))).count();
        assert_eq!((alone.iter().filter(|got| got.is_ok()).count(), refused), (10, 40));
        assert_eq!(api.take_served(), Served { answered: 10, refused: 40 });

        api.begin_span();
        let (rates, _) = rates(&api);
        let got: Vec<_> =
            at_once(50, || rates.of("EUR")).into_iter().map(|got| got.unwrap()).collect();
        assert_eq!(*got[0], "1.08");
        assert!(got.iter().all(|rate| Arc::ptr_eq(rate, &got[0])));
        assert_eq!(api.take_served(), Served { answered: 1, refused: 0 });
    });
}

#[test]
fn all_calls_share_a_refusal_and_send_nothing_until_the_pause_is_over() {
    // S16, S18.
    watched(|| {
        let api = api(1);
        let (rates, clock) = rates(&api);
        rates.of("JPY").unwrap();
        let errors: Vec<_> = at_once(50, || rates.of("EUR"))
            .into_iter()
            .map(|got| match got {
                Err(Error::Failed(error)) => error,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(errors.iter().all(|error| Arc::ptr_eq(error, &errors[0])));
        let ApiError::TooManyRequests { retry_after } = *errors[0] else { panic!() };
        assert_eq!(retry_after, Duration::from_secs(1));
        assert_eq!(api.take_served(), Served { answered: 1, refused: 1 });

        api.begin_span();
        rates.of("EUR").unwrap_err(); // still in the pause
        clock.advance(Duration::from_secs(1));
        assert_eq!(*rates.of("EUR").unwrap(), "1.08");
        assert_eq!(api.take_served(), Served { answered: 1, refused: 0 });
    });
}

#[test]
fn without_an_error_window_each_further_call_is_a_request() {
    // S18. Shows that the error window makes the pause of the test above.
    watched(|| {
        let api = api(0);
        let rates = Rates::new(settings().error_window(Duration::ZERO), &api.address());
        for _ in 0..3 {
            rates.of("EUR").unwrap_err();
        }
        assert_eq!(api.take_served(), Served { answered: 0, refused: 3 });
    });
}

#[test]
fn other_errors_name_their_reason() {
    watched(|| {
        let api = api(10);
        let (rates, _) = rates(&api);
        let error = rates.of("ZZZ").unwrap_err();
        assert!(matches!(**error.failed().unwrap(), ApiError::Status(StatusCode::NOT_FOUND)));
        assert_eq!(error.failed().unwrap().to_string(), "the API answered 404 Not Found");

        // No server listens on port 1.
        let error = Rates::new(settings(), "http://127.0.0.1:1").of("EUR").unwrap_err();
        assert!(matches!(**error.failed().unwrap(), ApiError::Http(_)));
        let text = error.failed().unwrap().to_string();
        assert!(text.starts_with("the API cannot be reached: "), "{text}");
    });
}
