//! [`State`]: the source of a ticket's answer. The file `waiting` has its changes.

use std::sync::Arc;

use crate::engine::answer::Answer;
use crate::engine::promise::Promise;
use crate::submit::seat::Seated;

pub(crate) enum State<K, V, E> {
    Seated(Seated<K, V, E>),
    /// It waits for a job of its own.
    Job(Arc<Promise<V, E>>),
    Done(Answer<V, E>),
}
