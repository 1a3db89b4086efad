//! [`Page`]: the value of a flight.

use std::time::Duration;

use bytes::Bytes;
use coalescer::{Role, ShareWith};
use http::{HeaderMap, Response, response};

use crate::body::Body;
use crate::expiry::Expiry;
use crate::forgotten_tags::{self, Checked, ForgottenTags, Moment};
use crate::gates::Gates;
use crate::gates::staleness::StaleTimes;
use crate::key::Key;
use crate::room::{Room, size};
use crate::shared_response::SharedResponse;
use crate::tags::{self, Tag};
use crate::verdict::{ResponseVerdict, Unkept, Unshared};

/// The value of a flight.
#[derive(Debug)]
pub enum Page {
    /// The leader keeps what its handler returned. The flight shares this value with no other request.
    Own,
    /// For a request that waited by a guard: the page of its leader is for that one alone.
    ForLeader(Unshared),
    Shared(SharedPage, ShareWith),
    /// Another process made it.
    #[cfg(feature = "cluster")]
    Elsewhere {
        shared: SharedPage,
        /// It was there when the request asked, and not on its way.
        is_kept: bool,
    },
}

/// The part of a page that other requests get.
#[derive(Debug)]
pub struct SharedPage {
    pub(crate) response: SharedResponse,
    /// `None` if it is not served after its lifetime. Few pages are.
    expiry: Option<Box<Expiry>>,
    /// Its part in the bytes that the layer may retain.
    _room: Room,
    /// `None` if the response has no tags, or if another process made it.
    tags_checked: Option<Checked>,
}

impl SharedPage {
    /// A page that is served after its lifetime if its fields say so. They say the same in each process.
    pub(crate) fn with_expiry(response: SharedResponse) -> Self {
        let expiry = Expiry::of(response.headers()).map(Box::new);
        Self { response, expiry, _room: Room::default(), tags_checked: None }
    }

    /// The page of a response with these fields and this verdict, and for whom it is.
    fn judged(
        headers: &HeaderMap,
        response: SharedResponse,
        verdict: ResponseVerdict,
        window: impl FnOnce() -> Duration,
    ) -> (Self, ShareWith) {
        if let ResponseVerdict::KeptFor(_) = verdict {
            let (times, page) = (StaleTimes::of(headers), Self::with_expiry(response));
            // The shared part may lack a field that the gate has seen: then the page has its lifetime alone.
            return match times.filter(|times| page.times() == Some(*times)) {
                Some(times) => (page, ShareWith::For(times.kept_for.min(window()))),
                None => (Self { expiry: None, ..page }, verdict.share_with()),
            };
        }
        let page = Self { response, expiry: None, _room: Room::default(), tags_checked: None };
        (page, verdict.share_with())
    }

    fn times(&self) -> Option<StaleTimes> {
        self.expiry.as_ref().map(|expiry| expiry.times())
    }

    fn has_tag(&self, tags: &[Tag]) -> bool {
        let headers = self.response.headers();
        match self.tags_checked {
            Some(_) => forgotten_tags::has_any(headers, tags),
            None => tags::has_any(headers, tags),
        }
    }

    fn is_forgotten(&self, forgotten: &ForgottenTags, by: Moment) -> bool {
        let checked = self.tags_checked.as_ref();
        checked.is_some_and(|checked| checked.is_forgotten(self.response.headers(), forgotten, by))
    }
}

impl Page {
    /// Asks the response gate, and makes the page for others from a handler's response.
    ///
    /// Returns the response with the same content. Reads a body of known length into memory if the
    /// gate lets others have it, and blocks as long as that takes. A page that is to be retained asks `room` for its
    /// bytes.
    pub(crate) fn split(
        gates: &Gates,
        key: &Key,
        response: Response<Body>,
        room: impl FnOnce(u64) -> Option<Room>,
    ) -> (ResponseVerdict, Self, Response<Body>) {
        let (parts, body) = response.into_parts();
        let verdict = gates.response(key, &parts, body.len());
        if let ResponseVerdict::Unshared(_) = verdict {
            return (verdict, Self::Own, Response::from_parts(parts, body));
        }
        match body.collect() {
            Ok(bytes) => {
                let (verdict, page) =
                    Self::shared_by((gates, key), &parts, bytes.clone(), verdict, room);
                (verdict, page, Response::from_parts(parts, Body::from(bytes)))
            }
            Err((body, _)) => {
                let verdict = ResponseVerdict::Unshared(Unshared::BrokenBody);
                (verdict, Self::Own, Response::from_parts(parts, body))
            }
        }
    }

    /// The page of a response that others may have, and the verdict. If there is no room for its bytes, it is not retained.
    pub(crate) fn shared_by(
        (gates, key): (&Gates, &Key),
        parts: &response::Parts,
        bytes: Bytes,
        verdict: ResponseVerdict,
        room: impl FnOnce(u64) -> Option<Room>,
    ) -> (ResponseVerdict, Self) {
        let length = bytes.len();
        let shared = SharedResponse::new(parts, bytes);
        let (verdict, room) = with_room(verdict, &shared, length, room);
        let window = || gates.window_of(key);
        let (shared, share_with) = SharedPage::judged(&parts.headers, shared, verdict, window);
        let tags_checked = tags::has_fields(&parts.headers).then(|| Checked::since(0));
        (verdict, Self::Shared(SharedPage { _room: room, tags_checked, ..shared }, share_with))
    }

    /// The page of a run that began at this moment. If one of its tags was forgotten since, no window retains it.
    pub(crate) fn made_since(mut self, began: Moment, forgotten: &ForgottenTags) -> Self {
        if let Self::Shared(shared, share_with) = &mut self {
            if let Some(checked) = &mut shared.tags_checked {
                *checked = Checked::since(began);
                if shared.is_forgotten(forgotten, forgotten.now()) {
                    *share_with = ShareWith::Followers;
                }
            }
        }
        self
    }

    /// Returns `true` if one of its tags was forgotten after its run began and up to a moment.
    pub(crate) fn is_forgotten(&self, forgotten: &ForgottenTags, by: Moment) -> bool {
        self.shared().is_some_and(|shared| shared.is_forgotten(forgotten, by))
    }

    pub(crate) fn has_tag(&self, tags: &[Tag]) -> bool {
        self.shared().is_some_and(|shared| shared.has_tag(tags))
    }

    pub(crate) fn share_with(&self) -> ShareWith {
        match self {
            Self::Own | Self::ForLeader(_) => ShareWith::Nobody,
            Self::Shared(_, share_with) => *share_with,
            // The process that made it has decided, and this one only has a copy.
            #[cfg(feature = "cluster")]
            Self::Elsewhere { .. } => ShareWith::Nobody,
        }
    }

    /// A response for one more request, which has this role, when the page's run began so long ago. A page that
    /// a window served has an `Age`: the window of this process, or that of another one.
    pub(crate) fn response(&self, role: Role, age: Duration) -> Response<Body> {
        let shared = self.shared().expect("a flight does not share the page that its leader keeps");
        match self.was_kept(role) {
            true => shared.response.late_response(age),
            false => shared.response.response(),
        }
    }

    /// The times of a page that a window served to a request with this role, if it may be served after its lifetime.
    pub(crate) fn expiry(&self, role: Role) -> Option<&Expiry> {
        self.shared().filter(|_| self.was_kept(role))?.expiry.as_deref()
    }

    /// How long the page is fresh, from the start of its run, with a window of this length. `None` if this process does
    /// not know.
    pub(crate) fn lifetime(&self, window: Duration) -> Option<Duration> {
        let kept_for = match self {
            Self::Shared(_, ShareWith::Everyone) => Some(window),
            Self::Shared(_, ShareWith::For(time)) => Some(*time),
            _ => None,
        };
        let fresh_for = self.shared()?.times().map(|times| times.fresh_for);
        fresh_for.or(kept_for).map(|time| time.min(window))
    }

    /// True if later requests get it. Of a page of another process, its status tells.
    pub(crate) fn is_for_later(&self) -> bool {
        match self {
            Self::Own | Self::ForLeader(_) => false,
            Self::Shared(_, ShareWith::Nobody | ShareWith::Followers) => false,
            Self::Shared(_, ShareWith::Everyone | ShareWith::For(_)) => true,
            #[cfg(feature = "cluster")]
            Self::Elsewhere { .. } => !self.is_trouble(),
        }
    }

    /// True if its status is 5xx, and others may get it.
    pub(crate) fn is_trouble(&self) -> bool {
        self.shared().is_some_and(|shared| shared.response.status().is_server_error())
    }

    /// True if a request with this role was served by a window.
    pub(crate) fn was_kept(&self, role: Role) -> bool {
        match self {
            #[cfg(feature = "cluster")]
            Self::Elsewhere { is_kept: true, .. } => true,
            _ => role == Role::Late,
        }
    }

    fn shared(&self) -> Option<&SharedPage> {
        match self {
            Self::Own | Self::ForLeader(_) => None,
            Self::Shared(shared, _) => Some(shared),
            #[cfg(feature = "cluster")]
            Self::Elsewhere { shared, .. } => Some(shared),
        }
    }
}

/// Takes room for a page that is to be retained. A page without room is for those who wait.
fn with_room(
    verdict: ResponseVerdict,
    page: &SharedResponse,
    body: usize,
    room: impl FnOnce(u64) -> Option<Room>,
) -> (ResponseVerdict, Room) {
    if !matches!(verdict, ResponseVerdict::Kept | ResponseVerdict::KeptFor(_)) {
        return (verdict, Room::default());
    }
    match room(size(page.headers(), body)) {
        Some(room) => (verdict, room),
        None => (ResponseVerdict::Unkept(Unkept::NoRoom), Room::default()),
    }
}
