//! [`WaitEnd`]: the ways in which a wait ends, for metrics and spans.

/// How a call's wait for an execution of others ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WaitEnd {
    /// The outcome is there.
    Answered,
    /// The deadline passed.
    TimedOut,
    /// The call leads an execution now.
    Led,
    /// The wait would never have ended.
    Refused,
}
