//! [`TowerBody`]: the body of a response that leaves the layer.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// The body of a response of a [`TowerService`](crate::TowerService): that of the service inside, or bytes that
    /// several responses share.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::TowerBody;
    /// use http_body::Body;
    ///
    /// fn is_short<R: Body<Data = bytes::Bytes>>(response: &http::Response<TowerBody<R>>) -> bool {
    ///     response.body().size_hint().upper().is_some_and(|bytes| bytes < 1000)
    /// }
    /// # let _ = is_short::<String>;
    /// ```
    pub struct TowerBody<R: Body> {
        #[pin]
        kind: Kind<R>,
    }
}

pin_project! {
    #[project = Projected]
    enum Kind<R: Body> {
        Inner { #[pin] body: R },
        Read { read: Read<R::Error> },
    }
}

/// A body that was read into memory, or the part of it that came before it failed.
pub(super) struct Read<E> {
    pub(super) bytes: Bytes,
    pub(super) trailers: Option<HeaderMap>,
    pub(super) error: Option<E>,
}

impl<R: Body> TowerBody<R> {
    pub(super) fn inner(body: R) -> Self {
        Self { kind: Kind::Inner { body } }
    }

    pub(super) fn shared(bytes: Bytes) -> Self {
        Self::read(Read { bytes, trailers: None, error: None })
    }

    pub(super) fn read(read: Read<R::Error>) -> Self {
        Self { kind: Kind::Read { read } }
    }
}

impl<R> Body for TowerBody<R>
where
    R: Body<Data = Bytes>,
{
    type Data = Bytes;
    type Error = R::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, R::Error>>> {
        let read = match self.project().kind.project() {
            Projected::Inner { body } => return body.poll_frame(cx),
            Projected::Read { read } => read,
        };
        if read.bytes.has_remaining() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut read.bytes)))));
        }
        let end = read.error.take().map(Err);
        Poll::Ready(end.or_else(|| read.trailers.take().map(|fields| Ok(Frame::trailers(fields)))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body } => body.is_end_stream(),
            Kind::Read { read } => {
                read.bytes.is_empty() && read.trailers.is_none() && read.error.is_none()
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body } => body.size_hint(),
            Kind::Read { read } if read.error.is_some() => SizeHint::default(),
            Kind::Read { read } => SizeHint::with_exact(read.bytes.len() as u64),
        }
    }
}

/// Reads a body into memory. A body that fails gives what came before, and its error.
pub(super) async fn read<R>(mut body: Pin<&mut R>) -> Read<R::Error>
where
    R: Body<Data = Bytes>,
{
    let mut read = Read { bytes: Bytes::new(), trailers: None, error: None };
    let mut chunks: Vec<Bytes> = Vec::new();
    let end = std::future::poll_fn(|cx| {
        while let Some(frame) = ready!(body.as_mut().poll_frame(cx)) {
            match frame {
                Ok(frame) => match frame.into_data() {
                    Ok(bytes) => chunks.push(bytes),
                    Err(frame) => read.trailers = frame.into_trailers().ok(),
                },
                Err(error) => return Poll::Ready(Some(error)),
            }
        }
        Poll::Ready(None)
    });
    read.error = end.await;
    read.bytes = match chunks.len() {
        // One chunk is shared without a copy.
        0 | 1 => chunks.pop().unwrap_or_default(),
        _ => chunks.concat().into(),
    };
    read
}

impl<R: Body> fmt::Debug for TowerBody<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Inner { .. } => f.write_str("TowerBody(of the service inside)"),
            Kind::Read { read } => write!(f, "TowerBody({} bytes)", read.bytes.len()),
        }
    }
}
