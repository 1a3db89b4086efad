//! The containment of panics in user code.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Runs user code whose panic ends here, after the panic hook has reported it. The payload is the
/// user's too, and its destructor may panic a second time.
pub(crate) fn contain(code: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(code)) {
        mem::forget(catch_unwind(AssertUnwindSafe(|| drop(payload))));
    }
}

/// Drops a value whose destructor is the user's. A panic there ends here.
#[inline]
pub(crate) fn drop_contained<T>(value: T) {
    if mem::needs_drop::<T>() {
        contain(|| drop(value));
    }
}

/// The first panic of several pieces of user code, all of which run.
#[derive(Default)]
pub(crate) struct FirstPanic(Option<Box<dyn Any + Send>>);

impl FirstPanic {
    pub(crate) fn catch(&mut self, code: impl FnOnce()) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(code)) {
            match self.0 {
                None => self.0 = Some(payload),
                Some(_) => contain(|| drop(payload)),
            }
        }
    }

    /// Resumes the panic, if there was one.
    pub(crate) fn resume(self) {
        if let Some(payload) = self.0 {
            resume_unwind(payload);
        }
    }
}

/// Drops all of them. Resumes the first panic of a destructor at the end.
pub(crate) fn drop_each<T>(values: impl Iterator<Item = T>) {
    let mut panic = FirstPanic::default();
    values.for_each(|value| panic.catch(|| drop(value)));
    panic.resume();
}
