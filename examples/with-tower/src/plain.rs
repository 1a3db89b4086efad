//! The same pages by hyper without axum.

use std::convert::Infallible;
use std::error::Error;

use coalescer_http::TowerLayer;
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tower::ServiceBuilder;

use crate::site::Site;

type Failed = Box<dyn Error + Send + Sync>;

// guide: hyper
/// Serves the pages to one client, over HTTP/1.1 or HTTP/2, within the layer.
///
/// # Errors
///
/// If the connection breaks off.
pub async fn serve(client: TcpStream, site: Site, layer: TowerLayer) -> Result<(), Failed> {
    let answer = move |request| answer(site.clone(), request);
    let pages = ServiceBuilder::new().layer(layer).service_fn(answer);
    let server = Builder::new(TokioExecutor::new());
    server.serve_connection(TokioIo::new(client), TowerToHyperService::new(pages)).await
}
// end

async fn answer(site: Site, request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    let name = request.uri().path().strip_prefix("/pages/").map(str::to_owned);
    let (Some(name), &Method::GET) = (name, request.method()) else {
        return Ok(empty(StatusCode::NOT_FOUND));
    };
    Ok(match spawn_blocking(move || site.read(&name)).await {
        Ok(Some(text)) => Response::new(text),
        Ok(None) => empty(StatusCode::NOT_FOUND),
        Err(_) => empty(StatusCode::INTERNAL_SERVER_ERROR),
    })
}

fn empty(status: StatusCode) -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = status;
    response
}
