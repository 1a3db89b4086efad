//! Those who wait: one thread for an execution that is waited for, and all callers behind it.
//!
//! The kernel's wait for a lock has no end but the lock's. So a thread of the library waits there, and callers wait
//! for that thread, each until its own time is over.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use crate::engine::{EngineError, ErrorKind};
use crate::sync::host::{spawn, wait_for};
use crate::sync::{Condvar, Deadline, Mutex};

use super::folder::Folder;

#[derive(Default)]
pub(super) struct Waits {
    /// By the place of the execution's byte.
    gates: Arc<Mutex<HashMap<u64, Arc<Gate>>>>,
}

#[derive(Default)]
struct Gate {
    is_over: Mutex<bool>,
    ended: Condvar,
}

impl Waits {
    /// Waits until nobody has the byte. Returns false if the time is over first.
    pub(super) fn wait(
        &self,
        folder: &Folder,
        place: u64,
        deadline: Deadline,
    ) -> Result<bool, EngineError> {
        let gate = self.gate(folder, place)?;
        let mut is_over = gate.is_over.lock();
        while !*is_over {
            if !deadline.wait(&gate.ended, &mut is_over) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn gate(&self, folder: &Folder, place: u64) -> Result<Arc<Gate>, EngineError> {
        let mut gates = self.gates.lock();
        if let Some(gate) = gates.get(&place) {
            return Ok(gate.clone());
        }
        let gate = Arc::new(Gate::default());
        let (file, all, here) = (folder.open_lock()?, self.gates.clone(), gate.clone());
        let body = move || {
            // A wait that fails ends too: the callers look again, and say what is wrong.
            wait_for(&file, place).ok();
            all.lock().remove(&place);
            *here.is_over.lock() = true;
            here.ended.notify_all();
        };
        let failed = |error: io::Error| EngineError::new(ErrorKind::Exhausted, error.to_string());
        spawn("coalescer-wait", body).map_err(failed)?;
        gates.insert(place, gate.clone());
        Ok(gate)
    }
}
