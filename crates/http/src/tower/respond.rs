//! [`respond`]: a leader's response, and the page that it makes for the others.

use std::pin::pin;

use bytes::Bytes;
use http::Response;
use http_body::Body;

use crate::coalesced::{Ended, Lead};
use crate::page::Page;
use crate::tower::TowerBody;
use crate::tower::body::read;
use crate::tower::serve::in_memory;
use crate::verdict::{ResponseVerdict, Unshared};

/// Ends a leader with the response of the service inside. Reads a body into memory that others may have.
pub(super) async fn respond<R>(lead: Lead, response: Response<R>) -> Response<TowerBody<R>>
where
    R: Body<Data = Bytes>,
{
    let (parts, body) = response.into_parts();
    let length = body.size_hint().exact();
    let verdict = lead.judge(&parts, length);
    let (verdict, page, body) = match verdict {
        // Those who wait run their own at once, and not when the body has been sent.
        ResponseVerdict::Unshared(_) => (verdict, Page::Own, TowerBody::inner(body)),
        _ => {
            let read = read(pin!(body)).await;
            let is_whole = read.error.is_none() && length == Some(read.bytes.len() as u64);
            let (verdict, page) = match (is_whole, &read.trailers) {
                (true, None) => lead.page_of(&parts, read.bytes.clone(), verdict),
                (true, Some(_)) => (ResponseVerdict::Unshared(Unshared::Trailers), Page::Own),
                (false, _) => (ResponseVerdict::Unshared(Unshared::BrokenBody), Page::Own),
            };
            (verdict, page, TowerBody::read(read))
        }
    };
    let pages = lead.pages().clone();
    match lead.publish(verdict, page, parts.status, &parts.headers) {
        Ended::Own(told) => pages.tell(told, Response::from_parts(parts, body)),
        Ended::Stale(stale) => in_memory(pages.telling(stale)),
    }
}
