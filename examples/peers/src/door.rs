//! Doors: where the functions of a scenario wait until the scenario lets them go on.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::crew::PATIENCE;

/// A door that is closed until it is opened, once and for all. Clones are the same door.
#[derive(Clone, Default)]
pub struct Door(Arc<(Mutex<bool>, Condvar)>);

impl Door {
    /// Lets everyone through, now and later.
    pub fn open(&self) {
        let (open, opened) = &*self.0;
        // A bool cannot be left half changed, so poison means nothing here.
        *open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        opened.notify_all();
    }

    /// Waits until the door is open, or for [`PATIENCE`]: nobody is left standing for ever.
    pub fn pass(&self) {
        let (open, opened) = &*self.0;
        let open = open.lock().unwrap_or_else(PoisonError::into_inner);
        drop(opened.wait_timeout_while(open, PATIENCE, |open| !*open));
    }
}
