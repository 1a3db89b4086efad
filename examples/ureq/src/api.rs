//! The API: answers so many requests in each span of time, and says 429 to the others.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use oxhttp::Server;
use oxhttp::model::header::RETRY_AFTER;
use oxhttp::model::{Body, Request, Response, StatusCode};

/// How often a port is tried that somebody else has taken meanwhile.
const TRIES: usize = 100;

/// A running API; it runs until the program ends.
pub(crate) struct Api {
    address: SocketAddr,
    limiter: Arc<Mutex<Limiter>>,
}

/// How many requests an API has had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Served {
    pub(crate) answered: u64,
    pub(crate) refused: u64,
}

struct Limiter {
    limit: u64,
    span: Duration,
    begin: Instant,
    /// Of those in this span.
    left: u64,
    served: Served,
}

impl Api {
    /// Starts an API that answers `limit` requests in each `span`.
    pub(crate) fn start(limit: u64, span: Duration) -> io::Result<Self> {
        let begin = Instant::now();
        let limiter = Limiter { limit, span, begin, left: limit, served: Served::default() };
        let limiter = Arc::new(Mutex::new(limiter));
        // The server takes the number of a port, and cannot look for one that is free.
        for _ in 0..TRIES {
            let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
            let of_server = Arc::clone(&limiter);
            let server = Server::new(move |request| answer(&mut lock(&of_server), request));
            if server.bind(address).spawn().is_ok() {
                return Ok(Self { address, limiter });
            }
        }
        Err(io::ErrorKind::AddrInUse.into())
    }

    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests it has had, counted anew from here on.
    pub(crate) fn take_served(&self) -> Served {
        std::mem::take(&mut lock(&self.limiter).served)
    }

    /// Begins another span.
    #[cfg(test)]
    pub(crate) fn begin_span(&self) {
        let mut limiter = lock(&self.limiter);
        limiter.left = limiter.limit;
    }
}

/// What is in it is whole after every step.
fn lock(limiter: &Mutex<Limiter>) -> MutexGuard<'_, Limiter> {
    limiter.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(limiter: &mut Limiter, request: &Request<Body>) -> Response<Body> {
    if !limiter.admit() {
        let mut refusal = empty(StatusCode::TOO_MANY_REQUESTS);
        refusal.headers_mut().insert(RETRY_AFTER, 1.into());
        return refusal;
    }
    match request.uri().path().strip_prefix("/rates/") {
        Some("EUR") => Response::new(Body::from("1.08")),
        Some("CHF") => Response::new(Body::from("1.13")),
        Some("JPY") => Response::new(Body::from("0.0067")),
        _ => empty(StatusCode::NOT_FOUND),
    }
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

impl Limiter {
    fn admit(&mut self) -> bool {
        if self.begin.elapsed() >= self.span {
            (self.begin, self.left) = (Instant::now(), self.limit);
        }
        let is_admitted = self.left > 0;
        if is_admitted {
            self.left -= 1;
            self.served.answered += 1;
        } else {
            self.served.refused += 1;
        }
        is_admitted
    }
}
