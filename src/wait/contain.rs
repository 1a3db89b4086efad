//! The containment of panics in user code.

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

/// Drops all of them. Resumes the first panic of a destructor at the end.
pub(crate) fn drop_each<T>(values: impl Iterator<Item = T>) {
    let mut panic = None;
    for value in values {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
            match panic {
                None => panic = Some(payload),
                Some(_) => contain(|| drop(payload)),
            }
        }
    }
    if let Some(payload) = panic {
        resume_unwind(payload);
    }
}
