//! rouille: a thread for each request, and types of its own, which hold text.
//!
//! It is built on tiny_http, and as old. It does not tell the version of a request. A field of a response that is not ASCII
//! is left out.
//!
//! There are two ways: [`respond`] has the handler within the layer, in [`http`]'s types. [`serve`] leaves the handlers as
//! they are, in rouille's, and runs them between two hooks. Such a handler sees the request as the client sent it, also with
//! settings such as `ignore_cookies`, which take fields out.

use std::error::Error;
use std::net::SocketAddr;
use std::thread;

use coalescer_http::{Begun, Body, Pages};
use http::StatusCode;
use rouille::{Request, Response, ResponseBody, Server};

use crate::{Site, answer, empty};

// guide: rouille
/// Answers a request of rouille.
pub fn respond(site: &Site<Vec<u8>>, request: &Request) -> Response {
    let Some(body) = request.data() else { return to_server(empty(StatusCode::BAD_REQUEST)) };
    to_server(answer(site, from_server(request), body))
}

/// The request of the server, but for its body.
pub fn from_server(request: &Request) -> http::Result<http::Request<()>> {
    let copy = http::Request::builder().method(request.method()).uri(request.raw_url());
    request.headers().fold(copy, |copy, (name, value)| copy.header(name, value)).body(())
}

/// The response for the server.
pub fn to_server(response: http::Response<Body>) -> Response {
    let (page, body) = response.into_parts();
    let fields = page.headers.iter().filter_map(|(name, value)| {
        Some((name.to_string().into(), value.to_str().ok()?.to_owned().into()))
    });
    let data = match body.len().and_then(|length| length.try_into().ok()) {
        Some(length) => ResponseBody::from_reader_and_size(body, length),
        None => ResponseBody::from_reader(body),
    };
    Response { status_code: page.status.as_u16(), headers: fields.collect(), data, upgrade: None }
}
// end

// guide: hooks
/// Runs a handler between the two hooks. It may upgrade the connection: such requests are passed through.
pub fn serve(pages: &Pages, request: &Request, handler: impl Fn(&Request) -> Response) -> Response {
    let Ok(copy) = from_server(request) else { return Response::empty_400() };
    match pages.begin(&mut copy.into_parts().0) {
        Begun::Answered(response) => to_server(response),
        Begun::Lead(lead) => to_server(lead.finish(from_handler(handler(request)))),
        Begun::Pass(pass) => {
            let mut response = handler(request);
            let upgrade = response.upgrade.take();
            Response { upgrade, ..to_server(pass.finish(from_handler(response))) }
        }
    }
}
// end

// guide: hooks, the handler's response
/// The response of a handler. One that HTTP does not allow is a failure of the handler, and has status 500.
fn from_handler(response: Response) -> http::Response<Body> {
    let page = http::Response::builder().status(response.status_code);
    let fields = response.headers.iter();
    let page = fields.fold(page, |page, (name, value)| page.header(&**name, &**value));
    let body = match response.data.into_reader_and_size() {
        (reader, Some(length)) => Body::sized(reader, length as u64),
        (reader, None) => Body::stream(reader),
    };
    page.body(body).unwrap_or_else(|_| empty(StatusCode::INTERNAL_SERVER_ERROR))
}
// end

/// Starts a server with this handler at this address, and returns the address that it has got.
///
/// # Errors
///
/// If the server cannot listen on the address, or no thread starts.
pub fn spawn(
    address: SocketAddr,
    handler: impl Fn(&Request) -> Response + Send + Sync + 'static,
) -> Result<SocketAddr, Box<dyn Error + Send + Sync>> {
    let server = Server::new(address, handler)?;
    let address = server.server_addr();
    thread::Builder::new().name("rouille".into()).spawn(move || server.run())?;
    Ok(address)
}
