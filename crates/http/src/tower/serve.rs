//! [`serve`]: the way of a request through a [`TowerService`](crate::TowerService).

use std::convert::Infallible;
use std::future::{Future, IntoFuture, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use coalescer::Error;
use http::{Request, Response, StatusCode, request};
use http_body::Body;
use tower_service::Service;

use crate::body;
use crate::coalesced::{Begun, Step, Waiting};
use crate::page::Page;
use crate::tower::TowerBody;
use crate::tower::layer::{Sleep, TowerLayer};
use crate::tower::respond::respond;

/// Answers a request, by the service inside or with the page of another request.
pub(super) async fn serve<S, B, R>(
    mut inner: S,
    layer: TowerLayer,
    request: Request<B>,
) -> Result<Response<TowerBody<R>>, S::Error>
where
    S: Service<Request<B>, Response = Response<R>>,
    B: Body,
    R: Body<Data = Bytes>,
{
    let (mut parts, body) = request.into_parts();
    let has_body = !body.is_end_stream();
    match begin(&layer, &mut parts, has_body).await {
        Begun::Answered(response) => Ok(in_memory(response)),
        Begun::Lead(lead) => {
            let response = run(&mut inner, Request::from_parts(parts, body)).await?;
            Ok(layer.pages().outgoing(respond(lead, response).await))
        }
        Begun::Pass(pass) => {
            let response = run(&mut inner, Request::from_parts(parts, body)).await?;
            Ok(pass.finish(response).map(TowerBody::inner))
        }
    }
}

/// Waits until the service is ready, and calls it.
async fn run<S, Q>(inner: &mut S, request: Q) -> Result<S::Response, S::Error>
where
    S: Service<Q>,
{
    poll_fn(|cx| inner.poll_ready(cx)).await?;
    inner.call(request).await
}

/// Begins a request. Waits for its leaders.
async fn begin(layer: &TowerLayer, parts: &mut request::Parts, has_body: bool) -> Begun {
    let pages = layer.pages();
    let mut joining = match pages.start(parts, Some(has_body)) {
        Ok(joining) => joining,
        Err(begun) => return *begun,
    };
    let mut step = joining.ask(&parts.headers);
    loop {
        step = match step {
            Step::Wait(waiting) => {
                joining.resume(wait(waiting, &layer.sleep).await, &parts.headers)
            }
            step => return pages.begun(step),
        }
    }
}

/// Awaits the ticket. A ticket that has waited too long is dropped, and gives its place up.
async fn wait(waiting: Waiting, sleep: &Sleep) -> Result<Arc<Page>, Error<Infallible>> {
    let Waiting { ticket, at_most } = waiting;
    let mut ticket = pin!(ticket.into_future());
    let mut over = at_most.filter(|time| *time != Duration::MAX).map(|time| sleep(time));
    poll_fn(|cx| {
        if let Poll::Ready(answer) = ticket.as_mut().poll(cx) {
            return Poll::Ready(answer);
        }
        match over.as_mut().map(|over| over.as_mut().poll(cx)) {
            Some(Poll::Ready(())) => Poll::Ready(Err(Error::TimedOut)),
            _ => Poll::Pending,
        }
    })
    .await
}

/// A response of the layer itself, or a page that is shared. Its bytes are in memory, but for an error response whose body
/// is a reader: that is read here.
pub(super) fn in_memory<R: Body>(response: Response<body::Body>) -> Response<TowerBody<R>> {
    let (mut parts, body) = response.into_parts();
    let bytes = body.into_bytes().unwrap_or_else(|_| {
        parts.status = StatusCode::INTERNAL_SERVER_ERROR;
        Bytes::new()
    });
    Response::from_parts(parts, TowerBody::shared(bytes))
}
