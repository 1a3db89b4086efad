//! Threads of a cluster handle.

use std::io;
use std::sync::Arc;

use super::thread::{self, ThreadId};
use super::{Condvar, Deadline, Mutex};

/// A thread that somebody ends and waits for.
pub(crate) struct Worker {
    thread: ThreadId,
    has_ended: Arc<Ended>,
}

#[derive(Default)]
struct Ended {
    flag: Mutex<bool>,
    told: Condvar,
}

/// Says so when it goes, also by a panic.
struct SaysSo(Arc<Ended>);

impl Drop for SaysSo {
    fn drop(&mut self) {
        *self.0.flag.lock() = true;
        self.0.told.notify_all();
    }
}

impl Worker {
    pub(crate) fn start(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let has_ended = Arc::new(Ended::default());
        let says_so = SaysSo(Arc::clone(&has_ended));
        let body = move || {
            let _says_so = says_so;
            body();
        };
        let handle = thread::Builder::new().name(name.to_owned()).spawn(body)?;
        Ok(Self { thread: handle.thread().id(), has_ended })
    }

    /// Waits until the thread has ended. Returns false if the time is over first. The thread itself does not
    /// wait.
    pub(crate) fn join(&self, until: Deadline) -> bool {
        if thread::current().id() == self.thread {
            return true;
        }
        let mut has_ended = self.has_ended.flag.lock();
        while !*has_ended {
            if !until.wait(&self.has_ended.told, &mut has_ended) {
                return false;
            }
        }
        true
    }
}
