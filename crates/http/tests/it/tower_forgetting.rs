//! Tags, PURGE requests, and pages that are not shared, at a service of tower (H47, H50 to H52).

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use coalescer_http::{CoalesceLayer, PassThrough, Settings, TowerBody};
use http::{Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

/// A service whose pages have a tag, and below `/own` a cookie.
#[derive(Clone)]
struct Tagged;

impl Service<Request<String>> for Tagged {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<String>) -> Self::Future {
        let page = Response::builder().header("surrogate-key", "a");
        let is_own = request.uri().path().starts_with("/own");
        let page = if is_own { page.header("set-cookie", "a=b") } else { page };
        ready(Ok(page.body("a page".to_owned()).unwrap()))
    }
}

type Served = Response<TowerBody<String>>;

/// Makes a request that waits for nobody.
fn call<S>(service: &mut S, method: &str, path: &str) -> Served
where
    S: Service<Request<String>, Response = Served, Error = Infallible>,
{
    let request = Request::builder().method(method).uri(path).body(String::new()).unwrap();
    let Poll::Ready(Ok(response)) = poll(service.call(request)) else { panic!("it waits") };
    response
}

fn poll<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn text(response: Served) -> Bytes {
    let mut body = pin!(response.into_body());
    match body.as_mut().poll_frame(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap(),
        _ => panic!("it has no bytes"),
    }
}

#[test]
fn a_service_hides_tags_answers_purges_and_remembers() {
    for hides in [false, true] {
        let settings = Settings::new().window(Duration::MAX);
        let layer = CoalesceLayer::new().settings(settings).purge_if(|_| true);
        let layer = if hides { layer.hide_tags() } else { layer };
        let layer = layer.tower(|_| std::future::pending());
        let mut service = layer.layer(Tagged);
        // A leader, a hit, and a request that is passed through.
        for (method, path) in [("GET", "/"), ("GET", "/"), ("POST", "/b"), ("GET", "/own")] {
            let response = call(&mut service, method, path);
            assert_eq!(response.headers().contains_key("surrogate-key"), !hides, "{method} {path}");
        }
        call(&mut service, "GET", "/own");
        let pages = layer.pages();
        assert_eq!(pages.stats().passed_through_for(PassThrough::Remembered), 1);
        assert_eq!(text(call(&mut service, "PURGE", "/")), r#"{"forgotten":1}"#);
        call(&mut service, "GET", "/");
        assert_eq!(pages.forget_tag("a"), 1);
    }
}
