//! Requests are counted, and not timed: the test holds the only connection until all of them wait.

use std::future::Future;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, StatusCode};
use tempfile::TempDir;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::timeout;
use tower::ServiceExt;

use crate::site::Site;

const REQUESTS: usize = 500;

fn site(runtime: &Runtime) -> (Site, TempDir) {
    let directory = tempfile::tempdir().expect("there is a temporary directory");
    let file = directory.path().join("pages.sqlite");
    let site = Site::open(&file, 1, runtime.handle().clone()).expect("SQLite opens a file");
    site.write("heron", "a heron").expect("SQLite writes");
    (site, directory)
}

/// Runs a test in which nothing may hang.
fn within_a_minute<T>(runtime: &Runtime, test: impl Future<Output = T>) -> T {
    let minute = Duration::from_secs(60);
    runtime.block_on(async { timeout(minute, test).await.expect("a request hangs") })
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads start")
}

/// Starts a request.
fn ask(site: &Site, name: &str) -> JoinHandle<(StatusCode, Bytes)> {
    let (router, uri) = (site.router(), format!("/pages/{name}"));
    Handle::current().spawn(async move {
        let request = Request::get(uri).body(Body::empty()).expect("it is a request");
        let response = router.oneshot(request).await.expect("a router does not fail");
        let status = response.status();
        (status, to_bytes(response.into_body(), usize::MAX).await.expect("it has a body"))
    })
}

/// Waits until so many requests wait for one query.
async fn until_all_wait(site: &Site, requests: usize) {
    let waiting = || site.pages().in_flight().first().map_or(0, |flight| flight.followers + 1);
    while waiting() < requests {
        yield_now().await;
    }
}

#[test]
fn five_hundred_requests_of_a_page_cost_one_query() {
    let runtime = runtime();
    let (site, _directory) = site(&runtime);
    within_a_minute(&runtime, async {
        let only = site.pool().get().expect("it is free");
        let requests: Vec<_> = (0..REQUESTS).map(|_| ask(&site, "heron")).collect();
        until_all_wait(&site, REQUESTS).await;
        drop(only);
        for request in requests {
            let (status, body) = request.await.expect("no handler panics");
            assert_eq!((status, &*body), (StatusCode::OK, &b"a heron"[..]));
        }
        let stats = site.pages().stats();
        assert_eq!((stats.executed_requests, stats.followers), (1, REQUESTS as u64 - 1));
    });
}

#[test]
fn a_cancelled_request_leaves_and_the_query_goes_on_for_the_others() {
    let runtime = runtime();
    let (site, _directory) = site(&runtime);
    within_a_minute(&runtime, async {
        let only = site.pool().get().expect("it is free");
        let (first, second, third) =
            (ask(&site, "heron"), ask(&site, "heron"), ask(&site, "heron"));
        until_all_wait(&site, 3).await;
        second.abort();
        assert!(second.await.expect_err("it was cancelled").is_cancelled());
        drop(only);
        for request in [first, third] {
            assert_eq!(request.await.expect("no handler panics").0, StatusCode::OK);
        }
        assert_eq!(site.pages().stats().executed_requests, 1);
    });
}

#[test]
fn a_missing_page_is_not_found_and_a_written_one_is() {
    let runtime = runtime();
    let (site, _directory) = site(&runtime);
    within_a_minute(&runtime, async {
        assert_eq!(ask(&site, "owl").await.expect("no panic").0, StatusCode::NOT_FOUND);
        site.write("owl", "an owl").expect("SQLite writes");
        let (status, body) = ask(&site, "owl").await.expect("no panic");
        assert_eq!((status, &*body), (StatusCode::OK, &b"an owl"[..]));
    });
}
