//! Panics of the user's code, which must not unwind through this crate: codecs, keys, destructors, recorders,
//! subscribers.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs the user's code. A panic becomes its text.
pub(crate) fn caught<T>(code: impl FnOnce() -> T) -> Result<T, String> {
    // Nothing of this crate is changed by the code but what is thrown away after a panic.
    catch_unwind(AssertUnwindSafe(code)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let text = text.unwrap_or("no text").to_owned();
        drop_quietly(panic);
        text
    })
}

/// A payload whose drop panics would unwind through the caller.
fn drop_quietly(payload: Box<dyn Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(second);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_that_panics_on_drop_is_caught() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("the payload's own drop");
            }
        }
        let of_bomb = caught(|| std::panic::panic_any(Bomb));
        assert_eq!(of_bomb, Err::<(), _>("no text".to_owned()));
    }
}
