//! Requests that share by a setting, and settings that bound the window (H38 to H45).

mod ages;
mod bytes;
mod cookies;
mod hooks;
mod only_if_cached;
mod transports;
mod variants;
mod windows;

use std::convert::Infallible;
use std::time::Duration;

use coalescer::ManualClock;
use coalescer_http::{Body, CoalesceLayer, Coalesced, Settings};
use http::request::Builder;
use http::{Request, Response};

use crate::stage::{Pages, pages, text, with};

const SECOND: Duration = Duration::from_secs(1);

/// A layer with a window of a minute, and its clock.
fn by_clock(set: impl FnOnce(CoalesceLayer) -> CoalesceLayer) -> (Pages, ManualClock) {
    let clock = ManualClock::new();
    let settings = Settings::new().window(60 * SECOND).clock(clock.clone());
    (pages(set(with(settings))), clock)
}

type Echoes = Box<dyn Fn(Request<()>) -> Result<Response<Body>, Infallible> + Send + Sync>;

/// A layer with an endless window whose handler answers with the lines of a field that it sees.
fn echoes(layer: CoalesceLayer, name: &'static str) -> Coalesced<Echoes, Infallible> {
    let settings = Settings::new().window(Duration::MAX).max_retained(usize::MAX);
    layer.settings(settings).layer(Box::new(move |request: Request<()>| {
        Ok(Response::new(lines(&request, name).into()))
    }) as Echoes)
}

fn lines(request: &Request<()>, name: &str) -> String {
    let lines = request.headers().get_all(name).iter().map(|line| line.to_str().unwrap());
    lines.collect::<Vec<_>>().join("|")
}

/// The answer of a layer that echoes.
fn echo(pages: &Coalesced<Echoes, Infallible>, request: Builder) -> String {
    text(pages.call(request.body(()).unwrap()).unwrap())
}
