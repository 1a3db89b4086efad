//! [`Served`]: how a layer has answered a request.

use std::fmt;
use std::time::Duration;

use coalescer::Error;

use crate::served_role::{ServedReason, ServedRole};
use crate::verdict::{PassThrough, ResponseVerdict};

/// How a layer has answered a request: in the extensions of each response that
/// [`Coalesced::call`](crate::Coalesced::call) returns.
///
/// It is for logs, and for layers around this one. It belongs to one request, so no other request gets it. An error of
/// the handler, which is no response, has none.
///
/// | [`role`](Self::role) | [`reason`](Self::reason) | [`age`](Self::age) |
/// |---|---|---|
/// | `PassedThrough` | why the request gate passed the request through | none |
/// | `Leader` | why its response is not for others, or not for later requests; none if the window may retain it | none |
/// | `Revalidation` | the same, if it ran the handler | none, or that of a new page that was there already |
/// | `Follower` | none | none |
/// | `Hit` | none | that of the page |
/// | `Stale` | why its own attempt to make the page anew has failed; none if it made no attempt | that of the page |
/// | `Alone`, `Refused` | why its wait brought no page | none |
/// | `Purge` | none | none |
///
/// # Examples
///
/// A line of an access log:
///
/// ```
/// use std::convert::Infallible;
/// use coalescer_http::{CoalesceLayer, Served};
/// use http::{Request, Response};
///
/// let pages = CoalesceLayer::new()
///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
/// let log = |request: Request<()>| {
///     let line = format!("{} {}", request.method(), request.uri());
///     let response = pages.call(request).unwrap();
///     let served = response.extensions().get::<Served>().expect("each response has one");
///     let age = served.age().map_or(0, |age| age.as_secs());
///     format!(r#"{line} {} age={age} served="{served}""#, response.status().as_u16())
/// };
///
/// let get = || Request::get("/news").body(()).unwrap();
/// assert_eq!(log(get()), r#"GET /news 200 age=0 served="leader""#);
/// assert_eq!(log(get()), r#"GET /news 200 age=0 served="hit""#);
/// let post = Request::post("/news").body(()).unwrap();
/// assert_eq!(log(post), r#"POST /news 200 age=0 served="passed through: method""#);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    role: ServedRole,
    reason: Option<ServedReason>,
    age: Option<Duration>,
    waited: Option<Duration>,
}

impl Served {
    /// A request that ran the handler because of the request gate.
    pub(crate) fn passed_through(reason: PassThrough) -> Self {
        Self::at_once(ServedRole::PassedThrough).because(reason.into())
    }

    /// A PURGE request that the layer answered itself.
    pub(crate) fn purged() -> Self {
        Self::at_once(ServedRole::Purge)
    }

    /// A request whose own run has made its response.
    pub(crate) fn led(verdict: ResponseVerdict, waited: Option<Duration>) -> Self {
        let reason = ServedReason::of_verdict(verdict);
        Self { reason, waited, ..Self::at_once(ServedRole::Leader) }
    }

    /// A request that waited for the run of another one.
    pub(crate) fn followed(waited: Duration) -> Self {
        Self { waited: Some(waited), ..Self::at_once(ServedRole::Follower) }
    }

    /// A request that got a page from a window.
    pub(crate) fn hit(age: Duration) -> Self {
        Self { age: Some(age), ..Self::at_once(ServedRole::Hit) }
    }

    /// A request that got a page past its lifetime.
    pub(crate) fn stale(age: Duration) -> Self {
        Self { age: Some(age), ..Self::at_once(ServedRole::Stale) }
    }

    /// A request that got no page from the flights.
    pub(crate) fn in_vain<E>(role: ServedRole, error: &Error<E>, waited: Option<Duration>) -> Self {
        Self { waited, ..Self::at_once(role) }.because(ServedReason::of(error))
    }

    /// A request with `only-if-cached` that has found no page.
    pub(crate) fn not_kept() -> Self {
        Self::at_once(ServedRole::Refused).because(ServedReason::NotKept)
    }

    fn at_once(role: ServedRole) -> Self {
        Self { role, reason: None, age: None, waited: Some(Duration::ZERO) }
    }

    pub(crate) fn because(self, reason: ServedReason) -> Self {
        Self { reason: Some(reason), ..self }
    }

    pub(crate) fn after(self, waited: Option<Duration>) -> Self {
        Self { waited, ..self }
    }

    /// The same of a request that makes a page anew.
    pub(crate) fn renewed(self) -> Self {
        match self.role {
            ServedRole::Leader | ServedRole::Follower | ServedRole::Hit => {
                Self { role: ServedRole::Revalidation, ..self }
            }
            _ => self,
        }
    }

    /// Returns how the request was answered.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// use coalescer_http::{CoalesceLayer, Served, ServedRole};
    /// # use http::{Request, Response};
    /// let pages = CoalesceLayer::new()
    ///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
    /// let role = || {
    ///     let response = pages.call(Request::get("/").body(()).unwrap()).unwrap();
    ///     response.extensions().get::<Served>().map(Served::role)
    /// };
    /// assert_eq!(role(), Some(ServedRole::Leader));
    /// assert_eq!(role(), Some(ServedRole::Hit));
    /// ```
    #[must_use]
    pub fn role(&self) -> ServedRole {
        self.role
    }

    /// Returns the reason why the request, or its response, was not shared.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// use coalescer_http::{CoalesceLayer, Served, ServedReason, Unshared};
    /// # use http::{Request, Response};
    /// let pages = CoalesceLayer::new().layer(|_: Request<()>| {
    ///     Ok::<_, Infallible>(Response::builder().header("set-cookie", "a=b").body("hello").unwrap())
    /// });
    /// let response = pages.call(Request::get("/").body(()).unwrap()).unwrap();
    /// let served = response.extensions().get::<Served>().unwrap();
    /// assert_eq!(served.reason(), Some(ServedReason::Unshared(Unshared::SetCookie)));
    /// ```
    #[must_use]
    pub fn reason(&self) -> Option<ServedReason> {
        self.reason
    }

    /// Returns the age of a page that comes from a window: the time since its run began. The field `Age` has it in
    /// seconds, plus the `Age` of the handler's response.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use std::time::Duration;
    /// use coalescer::ManualClock;
    /// use coalescer_http::{CoalesceLayer, Served, Settings};
    /// # use http::{Request, Response};
    /// let clock = ManualClock::new();
    /// let pages = CoalesceLayer::new()
    ///     .settings(Settings::new().clock(clock.clone()))
    ///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
    /// let age = || {
    ///     let response = pages.call(Request::get("/").body(()).unwrap()).unwrap();
    ///     response.extensions().get::<Served>().and_then(Served::age)
    /// };
    /// assert_eq!(age(), None);
    /// clock.advance(Duration::from_millis(30));
    /// assert_eq!(age(), Some(Duration::from_millis(30)));
    /// ```
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.age
    }

    /// Returns how long the request waited for the runs of others. `None` if the layer does not know, which is so after a
    /// run that panicked.
    ///
    /// A [`Leader`](ServedRole::Leader) that has waited ran the handler because the page of another request was not for it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use std::time::Duration;
    /// use coalescer_http::{CoalesceLayer, Served};
    /// # use http::{Request, Response};
    /// let pages = CoalesceLayer::new()
    ///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
    /// let response = pages.call(Request::get("/").body(()).unwrap()).unwrap();
    /// let served = response.extensions().get::<Served>().unwrap();
    /// assert_eq!(served.waited(), Some(Duration::ZERO));
    /// ```
    #[must_use]
    pub fn waited(&self) -> Option<Duration> {
        self.waited
    }
}

/// Shows the role, and the reason if there is one: `passed through: credentials`.
///
/// # Examples
///
/// See [`Served`].
impl fmt::Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            Some(reason) => write!(f, "{}: {reason}", self.role),
            None => self.role.fmt(f),
        }
    }
}

/// Serializes `role`, `reason`, `age_seconds` and `waited_seconds`. What is not there is null.
#[cfg(feature = "serde")]
#[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
impl serde::Serialize for Served {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;

        let mut fields = to.serialize_struct("Served", 4)?;
        fields.serialize_field("role", &self.role)?;
        fields.serialize_field("reason", &self.reason)?;
        fields.serialize_field("age_seconds", &self.age.map(|age| age.as_secs_f64()))?;
        let waited = self.waited.map(|waited| waited.as_secs_f64());
        fields.serialize_field("waited_seconds", &waited)?;
        fields.end()
    }
}
