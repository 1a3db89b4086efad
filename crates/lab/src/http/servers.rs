//! The server of `examples/web` with the page, as it is, with the layer, and behind nginx.

#[path = "../../../../tests/support/nginx.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
pub(super) mod nginx_server;

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use coalescer_http::{Body, CoalesceLayer, Settings};
use http::{Request, Response};

use self::nginx_server::{Folder, Nginx, Program};
use super::backend::Backend;
use super::{FLOOR, LAYER, LAYER_STALE, NGINX, NGINX_STALE, PLAIN};

/// How long a page is good. nginx counts whole seconds, and from the answer; the layer counts from the request.
pub(super) const WINDOW: Duration = Duration::from_secs(1);

/// The window of a page that says itself how long it is good.
const LONG_WINDOW: Duration = Duration::from_secs(61);

/// Longer than any wait.
const MOST_WAIT: Duration = Duration::from_secs(60);

/// A lane's server. It ends with its process, and nginx with its value.
pub(super) struct Running {
    address: SocketAddr,
    _nginx: Option<Nginx>,
}

impl Running {
    /// None: nginx is not installed.
    pub(super) fn start(lane: &str, backend: &Backend) -> Result<Option<Self>> {
        let backend = backend.clone();
        let plain =
            move |request: Request<Vec<u8>>| Ok::<_, Arc<Infallible>>(backend.answer(&request));
        let own = match lane {
            FLOOR | PLAIN => serve(plain)?,
            LAYER | LAYER_STALE => {
                let window = if lane == LAYER { WINDOW } else { LONG_WINDOW };
                let settings = Settings::new().window(window).max_wait(MOST_WAIT);
                let pages = CoalesceLayer::new().settings(settings);
                let pages =
                    pages.layer(move |request| Ok::<_, Infallible>(answered(plain(request))));
                serve(move |request| pages.call(request))?
            }
            NGINX | NGINX_STALE => {
                let Some(program) = Program::installed() else { return Ok(None) };
                let (origin, own) = (serve(plain)?, free_address()?);
                let folder = Folder::new();
                let http = configuration(&folder.path().display().to_string(), origin, own);
                let nginx = program.start_at(folder, own.port(), &http);
                return Ok(Some(Self { address: own, _nginx: Some(nginx) }));
            }
            other => bail!("no lane {other}; see --list"),
        };
        Ok(Some(Self { address: own, _nginx: None }))
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// The version of nginx, for the conditions of the run.
pub(super) fn version() -> String {
    let version = Program::installed().map(|program| program.version().to_owned());
    version.unwrap_or_else(|| "nginx left out: it is not installed".to_owned())
}

fn answered(answer: Result<Response<Body>, Arc<Infallible>>) -> Response<Body> {
    match answer {
        Ok(response) => response,
        Err(never) => match *never {},
    }
}

/// The lines of most sites that cache, with kept connections on both sides.
fn configuration(folder: &str, origin: SocketAddr, own: SocketAddr) -> String {
    let seconds = WINDOW.as_secs();
    format!(
        "
        upstream origin {{ server {origin}; keepalive 64; }}
        proxy_cache_path {folder}/cache keys_zone=pages:10m use_temp_path=off;
        server {{
            listen {own} backlog=1024;
            keepalive_requests 1000000;
            location / {{
                proxy_pass http://origin;
                proxy_http_version 1.1;
                proxy_set_header Connection '';
                proxy_cache pages;
                proxy_cache_valid {seconds}s;
                proxy_cache_lock on;
            }}
        }}
        "
    )
}

fn serve<F, E>(answer: F) -> Result<SocketAddr>
where
    F: Fn(Request<Vec<u8>>) -> Result<Response<Body>, Arc<E>> + Send + Sync + 'static,
    E: std::fmt::Display,
{
    let address = free_address()?;
    web::serve(address, answer).with_context(|| format!("cannot listen on {address}"))?;
    Ok(address)
}

fn free_address() -> Result<SocketAddr> {
    let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(probe.local_addr()?)
}
