//! [`Answer`]: a response for one request, and how it was made.

use std::sync::Arc;
use std::time::Duration;

use coalescer::Outcome;
use http::Response;

use crate::body::Body;
use crate::page::Page;
use crate::served::Served;
use crate::served_role::ServedReason;
use crate::verdict::ResponseVerdict;

/// The response for a request, and how the request was answered.
pub(super) struct Answer {
    response: Response<Body>,
    served: Served,
}

/// The answer to a request, or the error of its handler.
pub(super) type Answered<E> = Result<Answer, Arc<E>>;

impl Answer {
    pub(super) fn new(response: Response<Body>, served: Served) -> Self {
        Self { response, served }
    }

    /// The answer to a request that ran no handler.
    pub(super) fn of_page(outcome: &Outcome<Page>) -> Self {
        let page = &*outcome.value;
        let served = match page.was_kept(outcome.role) {
            true => Served::hit(outcome.age),
            false => Served::followed(outcome.waited),
        };
        Self::new(page.response(outcome.role, outcome.age), served)
    }

    pub(super) fn because(self, reason: ServedReason, waited: Option<Duration>) -> Self {
        Self { served: self.served.because(reason).after(waited), ..self }
    }

    pub(super) fn renewed(self) -> Self {
        Self { served: self.served.renewed(), ..self }
    }

    /// The response as it leaves the layer. It is for this request alone.
    pub(super) fn into_response(self) -> Response<Body> {
        let Self { mut response, served } = self;
        response.extensions_mut().insert(served);
        response
    }
}

/// The handler's response in a run that others may share, and who may get it.
pub(super) struct Own {
    pub(super) response: Response<Body>,
    pub(super) verdict: ResponseVerdict,
}
