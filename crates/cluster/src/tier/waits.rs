//! The calls of this process that wait for another one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::{Digest, End, FlightId, Inbox};
use crate::sync::{Condvar, Mutex};

/// A clock that a test moves wakes nobody here, so a wait looks at it so often.
const LOOK: Duration = Duration::from_millis(1);

/// All of them, by key. A call has its seat before its claim is sent: the message may come before the reply.
#[derive(Default)]
pub(super) struct Waits {
    seats: Mutex<HashMap<Digest, Vec<Arc<Cell>>>>,
}

#[derive(Default)]
struct Cell {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The ends that came since the last look, for any flight of the key.
    ends: Vec<(FlightId, End)>,
    /// Something else has changed that the call must look at.
    is_woken: bool,
    /// The process that leads what the call waits for, if messages come that a look for it can replace.
    holder: Option<Inbox>,
    /// The same for operators, with the begin of the flight.
    shown: Option<(String, Instant)>,
    /// It does not listen.
    is_missing: bool,
}

/// The seat of one call.
pub(super) struct Seat<'a> {
    waits: &'a Waits,
    digest: Digest,
    cell: Arc<Cell>,
}

/// Why a wait returned.
#[derive(Debug)]
pub(super) enum Woken {
    /// The flight has ended.
    Ended(End),
    /// The process that leads it does not listen.
    Missing,
    /// Its time is over, or something else has changed.
    Looks,
}

impl Waits {
    pub(super) fn take_seat(&self, digest: Digest) -> Seat<'_> {
        let cell = Arc::new(Cell::default());
        self.seats.lock().entry(digest).or_default().push(Arc::clone(&cell));
        Seat { waits: self, digest, cell }
    }

    /// Tells all calls of a key that a flight has ended.
    pub(super) fn tell(&self, digest: Digest, flight: &FlightId, end: &End) {
        let seats = self.seats.lock();
        for cell in seats.get(&digest).into_iter().flatten() {
            cell.state.lock().ends.push((flight.clone(), end.clone()));
            cell.changed.notify_all();
        }
    }

    /// Lets every call look again at what it depends on.
    pub(super) fn wake_all(&self) {
        for cell in self.seats.lock().values().flatten() {
            cell.state.lock().is_woken = true;
            cell.changed.notify_all();
        }
    }

    /// The process for which a call of this key waits, and the begin of the flight.
    pub(super) fn shown(&self, digest: &Digest) -> Option<(String, Instant)> {
        let seats = self.seats.lock();
        seats.get(digest)?.iter().find_map(|cell| cell.state.lock().shown.clone())
    }

    /// The processes that somebody waits for.
    pub(super) fn holders(&self) -> Vec<Inbox> {
        let seats = self.seats.lock();
        let mut holders: Vec<_> =
            seats.values().flatten().filter_map(|cell| cell.state.lock().holder.clone()).collect();
        holders.sort_unstable();
        holders.dedup();
        holders
    }

    /// Tells the calls that wait for this process that it does not listen.
    pub(super) fn tell_missing(&self, missing: &Inbox) {
        for cell in self.seats.lock().values().flatten() {
            let mut state = cell.state.lock();
            if state.holder.as_ref() == Some(missing) {
                state.is_missing = true;
                cell.changed.notify_all();
            }
        }
    }
}

impl Seat<'_> {
    /// The call waits for this process from now on, or for nobody.
    pub(super) fn waits_for(&self, holder: Option<Inbox>) {
        let mut state = self.cell.state.lock();
        state.is_missing = false;
        state.holder = holder;
    }

    /// Shows operators for whom the call waits.
    pub(super) fn show(&self, holder: String, began: Instant) {
        self.cell.state.lock().shown = Some((holder, began));
    }

    /// The end of a flight, if it has come. That of the flight that the call waits for next may have come as well.
    pub(super) fn end_of(&self, flight: &FlightId) -> Option<End> {
        let ends = &mut self.cell.state.lock().ends;
        let at = ends.iter().position(|(of, _)| of == flight)?;
        Some(ends.swap_remove(at).1)
    }

    /// Waits for the end of a flight, or for anything else that a call must look at, until the clock shows
    /// that time. `is_manual`: a test moves the clock.
    pub(super) fn wait(
        &self,
        flight: &FlightId,
        until: Instant,
        now: impl Fn() -> Instant,
        is_manual: bool,
    ) -> Woken {
        let mut state = self.cell.state.lock();
        loop {
            let ends = std::mem::take(&mut state.ends);
            if let Some((_, end)) = ends.into_iter().find(|(of, _)| of == flight) {
                return Woken::Ended(end);
            }
            if std::mem::take(&mut state.is_missing) {
                return Woken::Missing;
            }
            if std::mem::take(&mut state.is_woken) {
                return Woken::Looks;
            }
            let left = until.saturating_duration_since(now());
            if left.is_zero() {
                return Woken::Looks;
            }
            self.cell.changed.wait_for(&mut state, if is_manual { left.min(LOOK) } else { left });
        }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut seats = self.waits.seats.lock();
        let Some(of_key) = seats.get_mut(&self.digest) else { return };
        of_key.retain(|cell| !Arc::ptr_eq(cell, &self.cell));
        if of_key.is_empty() {
            seats.remove(&self.digest);
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::sync::now;

    #[test]
    fn a_look_for_one_end_leaves_the_others() {
        let (waits, digest) = (Waits::default(), Digest::new([7; 16]));
        let seat = waits.take_seat(digest);
        let [former, next] = ["1", "2"].map(FlightId::new);
        waits.tell(digest, &next, &End::RunYourOwn);
        assert_eq!(seat.end_of(&former), None);
        waits.tell(digest, &former, &End::AskAgain);
        assert_eq!(seat.end_of(&former), Some(End::AskAgain));
        let woken = seat.wait(&next, now(), now, false);
        assert!(matches!(woken, Woken::Ended(End::RunYourOwn)), "{woken:?}");
    }

    #[test]
    fn a_look_for_an_end_leaves_a_wake_up() {
        let (waits, digest) = (Waits::default(), Digest::new([7; 16]));
        let seat = waits.take_seat(digest);
        waits.wake_all();
        let flight = FlightId::new("1");
        assert_eq!(seat.end_of(&flight), None);
        let later = now() + Duration::from_secs(3600);
        let woken = seat.wait(&flight, later, now, false);
        assert!(matches!(woken, Woken::Looks), "{woken:?}");
    }
}
