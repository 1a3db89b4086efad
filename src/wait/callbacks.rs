//! Functions to call when a gate closes, and the containment of panics in user code.
//!
//! A thread that waits is notified. A call that waits without a thread is called back: a receiver's
//! sender, a follower's own job. The list lies under the gate's lock. The thread that closes the gate
//! takes the list out, and runs it after it has released all locks.
//!
//! Calls that leave early are as frequent as calls that stay. So the list is a slab: its owner keeps
//! the number of a callback, which leads to its cell.

use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs once, under no lock.
pub(crate) type Callback = Box<dyn FnOnce() + Send>;

/// The number that the owner of a callback removes it by: its cell, and the count of callbacks when it
/// came. No callback has the number 0.
pub(crate) type CallbackId = u64;

/// The callbacks of one gate. Most gates have none.
#[derive(Default)]
pub(crate) struct Callbacks(Option<Box<Cells>>);

struct Cells {
    cells: Vec<Cell>,
    /// The first unused cell, or [`NO_CELL`]; `next_free` links the others.
    free: u32,
    /// The number of the youngest callback.
    youngest: u32,
}

struct Cell {
    number: u32,
    next_free: u32,
    callback: Option<Callback>,
}

const NO_CELL: u32 = u32::MAX;

impl Callbacks {
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    pub(crate) fn push(&mut self, callback: Callback) -> CallbackId {
        let new = || Box::new(Cells { cells: Vec::new(), free: NO_CELL, youngest: 0 });
        self.0.get_or_insert_with(new).push(callback)
    }

    /// Takes a callback out that is not to run.
    #[must_use = "its captures are the user's: drop it after the lock is released"]
    pub(crate) fn remove(&mut self, id: CallbackId) -> Option<Callback> {
        self.0.as_mut()?.remove(id)
    }

    /// Runs the callbacks, the oldest first. Each runs user code. A panic there concerns that callback
    /// alone, since the outcome is published already (S24), and the panic hook has reported it.
    pub(crate) fn run(self) {
        let Some(mut list) = self.0 else { return };
        // A callback may have the cell of an older one that was removed.
        list.cells.sort_unstable_by_key(|cell| cell.number);
        list.cells.into_iter().filter_map(|cell| cell.callback).for_each(contain);
    }
}

impl Cells {
    fn push(&mut self, callback: Callback) -> CallbackId {
        self.youngest = self.youngest.checked_add(1).unwrap_or(1);
        let (number, next_free) = (self.youngest, NO_CELL);
        let cell = Cell { number, next_free, callback: Some(callback) };
        let index = self.free;
        match self.cells.get_mut(index as usize) {
            Some(unused) => self.free = mem::replace(unused, cell).next_free,
            None => return self.push_behind(cell),
        }
        id_of(index, number)
    }

    fn push_behind(&mut self, cell: Cell) -> CallbackId {
        let index = u32::try_from(self.cells.len()).ok().filter(|index| *index != NO_CELL);
        let id = id_of(index.expect("a flight has fewer than 2^32 callbacks"), cell.number);
        self.cells.push(cell);
        id
    }

    fn remove(&mut self, id: CallbackId) -> Option<Callback> {
        let index = (id >> 32) as u32;
        let cell = self.cells.get_mut(index as usize)?;
        if id_of(index, cell.number) != id {
            return None;
        }
        let callback = cell.callback.take()?;
        cell.next_free = mem::replace(&mut self.free, index);
        Some(callback)
    }
}

fn id_of(index: u32, number: u32) -> CallbackId {
    u64::from(index) << 32 | u64::from(number)
}

/// Runs user code whose panic ends here, after the panic hook has reported it. The payload is the
/// user's too, and its destructor may panic a second time.
pub(crate) fn contain(code: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(code)) {
        mem::forget(catch_unwind(AssertUnwindSafe(|| drop(payload))));
    }
}

impl fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells = self.0.as_ref().map_or(0, |list| list.cells.len());
        f.debug_tuple("Callbacks").field(&cells).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    proptest::proptest! {
        /// Random callbacks come and go. Those that stay run once, in the order in which they came.
        #[test]
        fn a_removed_callback_does_not_run_and_all_others_do_in_order(
            steps in proptest::collection::vec(0_usize..12, 0..200),
        ) {
            let (told, ran) = channel();
            let mut callbacks = Callbacks::new();
            let (mut there, mut gone): (Vec<(CallbackId, usize)>, Vec<CallbackId>) = Default::default();
            for (n, step) in steps.into_iter().enumerate() {
                if step < 6 || there.is_empty() {
                    let told = told.clone();
                    let id = callbacks.push(Box::new(move || told.send(n).expect("it listens")));
                    there.push((id, n));
                } else {
                    let (id, _) = there.remove(step % there.len());
                    assert!(callbacks.remove(id).is_some());
                    gone.push(id);
                }
                for id in gone.iter().chain(&[0]) {
                    assert!(callbacks.remove(*id).is_none(), "the number leads to a younger one");
                }
            }
            callbacks.run();
            let stayed: Vec<usize> = there.into_iter().map(|(_, n)| n).collect();
            assert_eq!(ran.try_iter().collect::<Vec<_>>(), stayed);
        }
    }

    #[test]
    fn cells_are_reused() {
        let mut callbacks = Callbacks::new();
        for _ in 0..1000 {
            let id = callbacks.push(Box::new(|| ()));
            assert!(callbacks.remove(id).is_some());
        }
        assert_eq!(callbacks.0.expect("it was used").cells.len(), 1);
    }
}
