//! The parts that adapters share: the body of a request in memory, and a response without a body.

use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};

use coalescer_http::Body;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Request, Response, StatusCode};

use crate::Site;

/// Maximum length of the body of a request, in bytes.
pub const LONGEST_BODY: u64 = 1 << 20;

// guide: answer
/// Answers a request whose body the server lends. One that cannot be read gets status 400 or 413, and a panic of the handler
/// is status 500: it would end the thread of the server.
pub fn answer(
    site: &Site<Vec<u8>>,
    request: http::Result<Request<()>>,
    body: impl Read,
) -> Response<Body> {
    let Ok(request) = request else { return empty(StatusCode::BAD_REQUEST) };
    let request = match read_body(request.headers(), body) {
        Ok(body) => request.map(|()| body),
        Err(status) => return empty(status),
    };
    match catch_unwind(AssertUnwindSafe(|| site.call(request))) {
        Ok(page) => page.unwrap_or_else(|never| match *never {}),
        Err(_) => empty(StatusCode::INTERNAL_SERVER_ERROR),
    }
}
// end

// guide: body
/// Reads the body that the fields of a request announce, and no byte more: the reader of tiny_http for a request that asks
/// for an upgrade is the whole connection.
///
/// # Errors
///
/// The status for the client: the body is too long, or it breaks off.
pub fn read_body(fields: &HeaderMap, reader: impl Read) -> Result<Vec<u8>, StatusCode> {
    let is_chunked = fields.contains_key(TRANSFER_ENCODING);
    let announced = fields.get(CONTENT_LENGTH).filter(|_| !is_chunked);
    let announced = announced.map(|length| length.to_str().ok().and_then(|it| it.parse().ok()));
    let least = announced.unwrap_or(Some(0)).ok_or(StatusCode::BAD_REQUEST)?;
    let most = if is_chunked { u64::MAX } else { least };
    let mut body = Vec::new();
    let read = reader.take(most.min(LONGEST_BODY + 1)).read_to_end(&mut body);
    match read.map(|length| length as u64) {
        Ok(length) if length > LONGEST_BODY => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Ok(length) if length >= least => Ok(body),
        _ => Err(StatusCode::BAD_REQUEST),
    }
}
// end

/// Makes a response of this status and without a body.
pub fn empty<B: Default>(status: StatusCode) -> Response<B> {
    let mut response = Response::new(B::default());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[(http::HeaderName, &'static str)], sent: &[u8]) -> Result<Vec<u8>, u16> {
        let fields = fields
            .iter()
            .map(|(name, value)| (name.clone(), http::HeaderValue::from_static(value)));
        read_body(&fields.collect(), sent).map_err(|status| status.as_u16())
    }

    #[test]
    fn as_many_bytes_are_read_as_the_request_announces() {
        assert_eq!(read(&[], b"the next request"), Ok(vec![]));
        assert_eq!(read(&[(CONTENT_LENGTH, "3")], b"teapot"), Ok(b"tea".to_vec()));
        assert_eq!(read(&[(CONTENT_LENGTH, "7")], b"teapot"), Err(400));
        assert_eq!(read(&[(CONTENT_LENGTH, "many")], b"teapot"), Err(400));
        assert_eq!(read(&[(TRANSFER_ENCODING, "chunked")], b"teapot"), Ok(b"teapot".to_vec()));
        let both = [(TRANSFER_ENCODING, "chunked"), (CONTENT_LENGTH, "3")];
        assert_eq!(read(&both, b"teapot"), Ok(b"teapot".to_vec()));
    }

    #[test]
    fn a_body_that_is_too_long_is_refused() {
        let longest = vec![b'x'; 1 << 20];
        assert_eq!(read(&[(CONTENT_LENGTH, "1048576")], &longest), Ok(longest.clone()));
        let longer = vec![b'x'; (1 << 20) + 1];
        assert_eq!(read(&[(CONTENT_LENGTH, "1048577")], &longer), Err(413));
        assert_eq!(read(&[(CONTENT_LENGTH, "99999999999")], &longer), Err(413));
        assert_eq!(read(&[(TRANSFER_ENCODING, "chunked")], &longer), Err(413));
    }
}
