//! The ability of this process to hear messages, and the thread that hears them.

use std::time::Duration;

use crate::engine::{EngineError, Listener, Message};
use crate::sync::{AtomicU64, Condvar, Deadline, Mutex, Ordering, now};

use super::process::Process;

/// The connection is asked for a sign of life so often.
pub(super) const SIGN_OF_LIFE: Duration = Duration::from_millis(250);

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Says if the process hears messages now.
pub(super) struct Ear {
    /// It rises with each change, and is odd while the process hears.
    changes: AtomicU64,
    /// The first attempt to listen has ended, in whichever way.
    has_tried: Mutex<bool>,
    tried: Condvar,
}

/// A time in which the process has heard everything. Two of them differ if there was a break between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hearing(u64);

impl Ear {
    /// `hears_nothing`: the engine sends no messages, so there is nothing to wait for.
    pub(super) fn new(hears_nothing: bool) -> Self {
        let (changes, has_tried) = (AtomicU64::new(0), Mutex::new(hears_nothing));
        Self { changes, has_tried, tried: Condvar::new() }
    }

    pub(super) fn hearing(&self) -> Option<Hearing> {
        let changes = self.changes.load(Ordering::SeqCst);
        (changes % 2 == 1).then_some(Hearing(changes))
    }

    /// The process has not tried to listen yet.
    pub(super) fn is_new(&self) -> bool {
        !*self.has_tried.lock()
    }

    /// Waits until the process has tried to listen for the first time.
    pub(super) fn wait_for_first_try(&self, until: Deadline) {
        let mut has_tried = self.has_tried.lock();
        while !*has_tried && until.wait(&self.tried, &mut has_tried) {}
    }

    fn changes(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    fn has_tried(&self) {
        *self.has_tried.lock() = true;
        self.tried.notify_all();
    }
}

/// Listens until the process closes.
pub(super) fn listen(process: &Process) {
    let mut pause = FIRST_PAUSE;
    loop {
        // Before the look: somebody who closes rings afterwards.
        let rung = process.bell.count();
        if process.is_closed() {
            return;
        }
        match process.guarded.engine().listen(&process.inbox, process.terms.op_timeout) {
            Ok(mut listener) => {
                process.ear.changes();
                process.ear.has_tried();
                process.hears_again();
                let broken = hear(process, &mut *listener);
                process.ear.changes();
                if let Err(error) = broken {
                    process.guarded.note(&error);
                    process.hears_no_more();
                }
                pause = FIRST_PAUSE;
            }
            Err(error) => {
                process.guarded.note(&error);
                process.ear.has_tried();
                process.bell.wait(rung, pause);
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// Hears messages until the connection breaks or the process closes.
fn hear(process: &Process, listener: &mut dyn Listener) -> Result<(), EngineError> {
    let mut last_sign = now();
    while !process.is_closed() {
        let left = SIGN_OF_LIFE.saturating_sub(now().saturating_duration_since(last_sign));
        if let Some(message) = listener.next(left)? {
            obey(process, message);
        }
        // Messages that flow in were sent before; an answer is new.
        if now().saturating_duration_since(last_sign) >= SIGN_OF_LIFE {
            listener.ping(process.terms.op_timeout)?;
            last_sign = now();
        }
    }
    Ok(())
}

fn obey(process: &Process, message: Message) {
    match message {
        Message::Ended { digest, flight, end } => process.waits.tell(digest, &flight, &end),
        Message::Forget { name, digest, from, id } => {
            process.members.each(&name, |member| member.forget(digest));
            process.confirm(&from, id);
        }
        Message::ForgetAll { name, from, id } => {
            process.members.each(&name, |member| member.forget_all());
            process.confirm(&from, id);
        }
        Message::Dropped { id, by } => process.forgets.answered(id, by),
    }
}
