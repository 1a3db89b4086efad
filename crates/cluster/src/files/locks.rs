//! The bytes of the lock file: one for the steps of each key, one for each execution.

use std::fs::File;
use std::time::Duration;

use crate::engine::{EngineError, ErrorKind};
use crate::sync::host::{is_locked, pause, try_lock, unlock};
use crate::sync::{Deadline, Mutex, MutexGuard};

use super::folder::{Folder, Name, told};

/// So many openings of the lock file serve the steps of this process.
const STRIPES: usize = 16;

/// Executions have the upper half of the places.
const EXECUTIONS: u64 = 1 << 62;

/// Between two looks at a byte that another process has locked for a step.
const FIRST_PAUSE: Duration = Duration::from_micros(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(1);

pub(super) struct Locks {
    stripes: Vec<Mutex<File>>,
    /// It locks nothing, so it meets the locks of all.
    probe: File,
}

impl Locks {
    pub(super) fn new(folder: &Folder) -> Result<Self, EngineError> {
        let stripe = |_| folder.open_lock().map(Mutex::new);
        let stripes = (0..STRIPES).map(stripe).collect::<Result<_, _>>()?;
        Ok(Self { stripes, probe: folder.open_lock()? })
    }

    /// Locks a key for a step: against threads of this process by its stripe, and against other processes by its
    /// byte. Steps take microseconds. A process that is stopped in the middle of one makes others fail in time.
    pub(super) fn step(&self, key: Name, within: Duration) -> Result<Step<'_>, EngineError> {
        let place = key.place(0);
        let deadline = Deadline::after(within);
        let stripe = &self.stripes[usize::try_from(place).unwrap_or(0) % STRIPES];
        let late = || EngineError::new(ErrorKind::TimedOut, "another step has the key");
        let file = deadline.lock(stripe).ok_or_else(late)?;
        let mut time = FIRST_PAUSE;
        while !try_lock(&file, place).map_err(told)? {
            if deadline.is_over() {
                return Err(late());
            }
            pause(time);
            time = (time * 2).min(LONGEST_PAUSE);
        }
        Ok(Step { file, place })
    }

    /// Returns true if somebody has the lock of the execution.
    pub(super) fn runs(&self, key: Name, execution: u64) -> bool {
        is_locked(&self.probe, execution_place(key, execution)).unwrap_or(true)
    }
}

/// The lock of a key for one step.
pub(super) struct Step<'a> {
    file: MutexGuard<'a, File>,
    place: u64,
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        // It fails for no file that is open.
        unlock(&self.file, self.place).ok();
    }
}

/// The lock of an execution, by an opening of its own. The kernel lets go of it when this process dies.
pub(super) struct Lead {
    file: File,
    place: u64,
}

impl Lead {
    pub(super) fn new(folder: &Folder, key: Name, execution: u64) -> Result<Self, EngineError> {
        let (file, place) = (folder.open_lock()?, execution_place(key, execution));
        if try_lock(&file, place).map_err(told)? {
            Ok(Self { file, place })
        } else {
            Err(EngineError::new(ErrorKind::Unexpected, "two executions have one place"))
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        // A forked child has a handle to this opening. So closing it is not enough.
        unlock(&self.file, self.place).ok();
    }
}

pub(super) fn execution_place(key: Name, execution: u64) -> u64 {
    EXECUTIONS + key.place(execution.max(1))
}
