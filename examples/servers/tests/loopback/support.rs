//! Servers whose handlers see their layer.

use std::convert::Infallible;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, OnceLock};

use coalescer_http::{Body, CoalesceLayer, LayerStats};
use http::{Request, Response};
use servers::{Site, rouille};

use crate::relay::relay;

/// The address for a server that takes any free port.
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// More threads than there are clients, because a follower holds one.
pub(crate) const THREADS: usize = 32;

/// A handler that can look at its layer.
pub(crate) type Handler = Box<dyn Fn(&Watch, Request<Vec<u8>>) -> Response<Body> + Send + Sync>;

/// Starts a server.
pub(crate) type Start = fn(CoalesceLayer, Handler) -> (SocketAddr, Watch);

/// Counters of a layer, for its own handler and for the test.
#[derive(Clone, Default)]
pub(crate) struct Watch(Arc<OnceLock<Look>>);

struct Look {
    in_flight: Box<dyn Fn() -> Vec<usize> + Send + Sync>,
    stats: Box<dyn Fn() -> LayerStats + Send + Sync>,
}

impl Watch {
    /// Number of requests that wait now.
    pub(crate) fn followers(&self) -> usize {
        (self.look().in_flight)().iter().sum()
    }

    /// Number of requests that run or wait now.
    pub(crate) fn requests(&self) -> usize {
        (self.look().in_flight)().iter().map(|followers| followers + 1).sum()
    }

    fn look(&self) -> &Look {
        self.0.get().expect("it is set before the first request")
    }

    pub(crate) fn stats(&self) -> LayerStats {
        (self.look().stats)()
    }

    fn set<H: 'static, E: 'static>(&self, pages: &coalescer_http::Coalesced<H, E>)
    where
        coalescer_http::Coalesced<H, E>: Send + Sync,
    {
        let (flights, counters) = (pages.clone(), pages.clone());
        let look = Look {
            in_flight: Box::new(move || {
                flights.in_flight().iter().map(|flight| flight.followers).collect()
            }),
            stats: Box::new(move || counters.stats()),
        };
        assert!(self.0.set(look).is_ok(), "it is set once");
    }
}

/// The handler within the layer, for a server whose requests have this type of body.
fn site<B: 'static>(
    layer: CoalesceLayer,
    handler: Handler,
    read: fn(B) -> Vec<u8>,
) -> (Site<B>, Watch) {
    let watch = Watch::default();
    let inside = watch.clone();
    let handler: Box<servers::Handler<B>> =
        Box::new(move |request| Ok::<_, Infallible>(handler(&inside, request.map(read))));
    let site = layer.layer(handler);
    watch.set(&site);
    (site, watch)
}

pub(crate) fn oxhttp(layer: CoalesceLayer, handler: Handler) -> (SocketAddr, Watch) {
    let (site, watch) = site(layer, handler, |body| body);
    // Another program may take the port before the server does.
    for _ in 0..100 {
        let probe = TcpListener::bind(ANY_PORT).unwrap();
        let address = probe.local_addr().unwrap();
        drop(probe);
        if servers::oxhttp::spawn(address, site.clone()).is_ok() {
            return (address, watch);
        }
    }
    panic!("found no free port")
}

pub(crate) fn astra(layer: CoalesceLayer, handler: Handler) -> (SocketAddr, Watch) {
    let layer = layer.has_body(servers::astra::has_body);
    let (site, watch) = site(layer, handler, |mut body: ::astra::Body| {
        let mut read = Vec::new();
        body.reader().read_to_end(&mut read).unwrap();
        read
    });
    (relay(servers::astra::spawn(ANY_PORT, THREADS, site).unwrap()), watch)
}

pub(crate) fn tiny_http(layer: CoalesceLayer, handler: Handler) -> (SocketAddr, Watch) {
    let (site, watch) = site(layer, handler, |body| body);
    (servers::tiny_http::spawn(ANY_PORT, THREADS, &site).unwrap(), watch)
}

pub(crate) fn rouille(layer: CoalesceLayer, handler: Handler) -> (SocketAddr, Watch) {
    let (site, watch) = site(layer, handler, |body| body);
    let answer = move |request: &_| rouille::respond(&site, request);
    (rouille::spawn(ANY_PORT, answer).unwrap(), watch)
}

/// rouille, with a handler in its own types, between the hooks.
pub(crate) fn hooks(layer: CoalesceLayer, handler: Handler) -> (SocketAddr, Watch) {
    let (pages, watch) = (layer.hooks(), Watch::default());
    watch.set(&pages);
    let inside = watch.clone();
    let handler = move |request: &::rouille::Request| {
        let mut body = Vec::new();
        // For an upgrade, the reader is the connection, and the test sends no body.
        if request.header("upgrade").is_none() {
            request.data().unwrap().read_to_end(&mut body).unwrap();
        }
        let copy = rouille::from_server(request).unwrap().map(|()| body);
        rouille::to_server(handler(&inside, copy))
    };
    let answer = move |request: &_| rouille::serve(&pages, request, &handler);
    (rouille::spawn(ANY_PORT, answer).unwrap(), watch)
}
