//! [`AfterWait`]: what a request does that has waited for the run of another one, in vain.

/// The next step of a request whose wait for the run of another one has brought no page.
///
/// | the wait ended with | setting | default |
/// |---|---|---|
/// | `max_wait` | [`on_timeout`](crate::CoalesceLayer::on_timeout) | `Respond` |
/// | a panic of the handler | [`on_panic`](crate::CoalesceLayer::on_panic) | `RunOwn` |
/// | an error of the handler that no rule shares | [`on_error`](crate::CoalesceLayer::on_error) | `RunOwn` |
///
/// A panic or an error may be about one request, so the others try for themselves. A wait that was too long says that
/// the handler is slow, and gives it no more load.
///
/// # Examples
///
/// See the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AfterWait {
    /// It runs the handler itself, at once and at the same time as all others that have waited. Nobody else gets the
    /// response, unless an error ended the wait: then the response gate decides, as of any run.
    RunOwn,
    /// It gets the response of [`error_response`](crate::CoalesceLayer::error_response), and the handler has no more load.
    Respond,
}

/// The settings of a layer about waits in vain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AfterWaits {
    pub(crate) on_timeout: AfterWait,
    pub(crate) on_panic: AfterWait,
    pub(crate) on_error: AfterWait,
}

impl Default for AfterWaits {
    fn default() -> Self {
        Self {
            on_timeout: AfterWait::Respond,
            on_panic: AfterWait::RunOwn,
            on_error: AfterWait::RunOwn,
        }
    }
}
