//! Those who wait: one thread for an execution that is waited for, and all callers behind it.
//!
//! The kernel's wait for a lock has no end but the lock's. So a thread of the library waits there, and callers wait
//! for that thread, each until its own time is over.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::{EngineError, ErrorKind};
use crate::sync::host::{spawn, wait_for};
use crate::sync::{Condvar, Mutex, now};

use super::folder::{Folder, told};

#[derive(Clone, Default)]
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
        within: Duration,
    ) -> Result<bool, EngineError> {
        let until = now().checked_add(within);
        let gate = self.gate(folder, place)?;
        let mut is_over = gate.is_over.lock();
        while !*is_over {
            match until {
                None => gate.ended.wait(&mut is_over),
                Some(until) if now() >= until => return Ok(false),
                Some(until) => drop(gate.ended.wait_until::<bool>(&mut is_over, until)),
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
        let failed = |error| EngineError::new(ErrorKind::Exhausted, told(error).text());
        spawn("coalescer-wait", body).map_err(failed)?;
        gates.insert(place, gate.clone());
        Ok(gate)
    }
}
