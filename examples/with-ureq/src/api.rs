//! The API: answers a limited number of requests in each span of time, and the others with status 429.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use oxhttp::Server;
use oxhttp::model::header::RETRY_AFTER;
use oxhttp::model::{Body, Request, Response, StatusCode};

/// Number of ports to try, because another program may take a port between the search and the start.
const TRIES: usize = 100;

/// An API that runs until the program ends.
pub(crate) struct Api {
    address: SocketAddr,
    limiter: Arc<Mutex<Limiter>>,
}

/// Number of requests that an API has had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Served {
    pub(crate) answered: u64,
    pub(crate) refused: u64,
}

struct Limiter {
    limit: u64,
    span: Duration,
    begin: Instant,
    /// Requests that it still answers in this span.
    left: u64,
    served: Served,
}

impl Api {
    /// Starts an API that answers `limit` requests in each `span`.
    pub(crate) fn start(limit: u64, span: Duration) -> io::Result<Self> {
        let begin = Instant::now();
        let limiter = Limiter { limit, span, begin, left: limit, served: Served::default() };
        let limiter = Arc::new(Mutex::new(limiter));
        // The server cannot choose a free port.
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

    /// Returns the number of requests, and resets it.
    pub(crate) fn take_served(&self) -> Served {
        std::mem::take(&mut lock(&self.limiter).served)
    }

    /// Starts a new span.
    #[cfg(test)]
    pub(crate) fn begin_span(&self) {
        let mut limiter = lock(&self.limiter);
        limiter.left = limiter.limit;
    }
}

/// Poisoning does not matter: the contents are valid after each step.
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
