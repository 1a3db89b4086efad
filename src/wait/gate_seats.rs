//! How seats enter a gate's state: a ticket tries, its job begins, and the call leaves.

use std::sync::Arc;

use super::callbacks::Callback;
use super::clock::{Clock, Nanos};
use super::contain::contain;
use super::gate::Gate;
use super::gate_state::{GateState, Phase};
use super::seats::{Candidacy, GateSeat, SeatNumbers, SeatStatus};
use crate::sync::GateGuard;

/// The callbacks that a seat leaves behind. Their captures are the user's: dropped after the locks are released.
#[must_use = "a receiver waits for the answer of the seat's own job now"]
pub(crate) struct LeftSeat {
    _seat: Option<Callback>,
    done: Option<Callback>,
}

impl LeftSeat {
    /// Lets who waits for the answer without a thread wait for the seat's own job. Called under no
    /// lock.
    pub(crate) fn wait_for_job(self) {
        if let Some(done) = self.done {
            contain(|| done.call());
        }
    }
}

impl GateState {
    fn leave_seat(&mut self, status: &SeatStatus, numbers: SeatNumbers) -> LeftSeat {
        self.waiting -= 1;
        self.seats -= 1;
        if status.is_trying() {
            self.candidates -= 1;
        }
        status.set_left();
        LeftSeat {
            _seat: self.callbacks.remove(numbers.seat),
            done: self.callbacks.remove(numbers.done),
        }
    }
}

impl Gate {
    /// Lets the ticket of this seat try to begin an execution, if one is due.
    pub(crate) fn try_seat(&self, status: &SeatStatus, clock: &Clock, timeout: Nanos) -> bool {
        let mut state = self.lock();
        let now = clock.now();
        let is_due = state.next_start.max(state.next_candidate) <= now && !state.is_due();
        if state.phase == Phase::Closed || !is_due || !status.is_idle() {
            return false;
        }
        status.set_trying();
        state.candidates += 1;
        state.next_candidate = now.saturating_add(timeout);
        true
    }

    /// Lets a call begin this flight, which has no execution: notifies those that have a thread, or
    /// returns the seat that is to begin it. Does nothing if no execution is due, or if a candidate is
    /// on its way.
    pub(crate) fn begin_due(&self) -> Option<Arc<dyn GateSeat>> {
        let mut state = self.lock();
        if !state.is_due() {
            return None;
        }
        if state.blocking() > 0 {
            self.notify_start(state);
            return None;
        }
        if state.candidates > 0 {
            return None;
        }
        let seat = state.callbacks.idle_seat()?;
        seat.status().set_trying();
        state.candidates += 1;
        Some(seat)
    }

    /// True if a call waits for the outcome of this flight, with a thread or without.
    pub(crate) fn is_awaited(&self) -> bool {
        let state = self.lock();
        state.phase != Phase::Closed && state.waiting > 0
    }

    /// Has `callback` called, under no lock, when the call of this seat is answered or waits for its own job.
    /// Returns it if that has happened before.
    pub(crate) fn call_when_over(
        &self,
        status: &SeatStatus,
        numbers: SeatNumbers,
        callback: Callback,
    ) -> Option<Callback> {
        let mut state = self.lock();
        if state.phase == Phase::Closed || status.has_left() {
            return Some(callback);
        }
        state.callbacks.push(numbers.done, callback);
        None
    }

    /// True if the call of this seat waits for the outcome of a flight that goes on.
    pub(crate) fn is_seated(&self, status: &SeatStatus) -> bool {
        let state = self.lock();
        state.phase != Phase::Closed && !status.has_left()
    }

    /// The way of this seat's candidate, now that its job begins. If it waits on, other calls may try.
    pub(crate) fn begin_candidate(&self, status: &SeatStatus, now: Nanos) -> Candidacy {
        let state = self.lock();
        if !status.is_trying() || state.phase == Phase::Closed {
            return Candidacy::Over;
        }
        if state.next_start <= now {
            return Candidacy::Due;
        }
        self.end_candidacy(state, status);
        Candidacy::Waits
    }

    fn end_candidacy(&self, mut state: GateGuard<'_, GateState>, status: &SeatStatus) {
        status.set_idle();
        state.candidates -= 1;
        state.next_candidate = 0;
        drop(state);
        self.notify_all();
    }

    /// Removes the seat of a call that leads now, that is lost, or whose ticket is dropped. Its ticket
    /// may wait here, and other tickets may try now. Under the shard's lock, so that the flight does not
    /// end at the same time.
    pub(crate) fn leave_seat(&self, status: &SeatStatus, numbers: SeatNumbers) -> LeftSeat {
        let mut state = self.lock();
        let was_trying = status.is_trying();
        let left = state.leave_seat(status, numbers);
        if was_trying {
            state.next_candidate = 0;
            drop(state);
            self.notify_all();
        }
        left
    }

    /// True if the call has left its seat.
    pub(crate) fn has_left(&self, status: &SeatStatus) -> bool {
        let _state = self.lock();
        status.has_left()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::sync::ThreadToken;
    use crate::wait::clock::FOREVER;
    use crate::wait::seats::{Rest, Seats};

    /// Counts how often the gate looks at a seat.
    struct Looked {
        status: SeatStatus,
        numbers: SeatNumbers,
        looks: Arc<AtomicUsize>,
    }

    impl GateSeat for Looked {
        fn status(&self) -> &SeatStatus {
            self.looks.fetch_add(1, Ordering::Relaxed);
            &self.status
        }

        fn answers_a_job(&self) -> bool {
            self.looks.fetch_add(1, Ordering::Relaxed);
            false
        }

        fn flight_has_ended(&self) {}

        fn pass_on(&self, rest: Rest) {
            rest();
        }

        fn begin_flight(self: Arc<Self>) -> Seats {
            Seats::none()
        }

        fn lose_flight(self: Arc<Self>) -> Seats {
            Seats::none()
        }
    }

    /// How often a gate looks at its seats while all of them are given up, the oldest or the youngest first,
    /// as tickets are when they are dropped. `is_due`: its flight has lost its leader, so seats try.
    fn looks(count: usize, is_due: bool, youngest_first: bool) -> usize {
        let leader = ThreadToken::made_up(1, 1);
        let gate = Gate::new_running(leader, 0, FOREVER, FOREVER);
        let looks = Arc::<AtomicUsize>::default();
        let mut seats: Vec<_> = (0..count)
            .map(|_| {
                let (status, numbers) = (SeatStatus::idle(), SeatNumbers::unique());
                Arc::new(Looked { status, numbers, looks: Arc::clone(&looks) })
            })
            .collect();
        for seat in &seats {
            let callback = Callback::Seat(Arc::clone(seat) as Arc<dyn GateSeat>);
            assert!(gate.call_on_close(seat.numbers.seat, callback).is_none());
        }
        let mut state = gate.lock();
        (state.waiting, state.seats) = (count, count);
        drop(state);
        if is_due {
            assert!(gate.make_due());
            gate.set_room(true, FOREVER);
        }
        looks.store(0, Ordering::Relaxed);
        let mut trying = usize::from(gate.begin_due().is_some());
        if youngest_first {
            seats.reverse();
        }
        for seat in seats {
            drop(gate.leave_seat(&seat.status, seat.numbers));
            trying += usize::from(gate.begin_due().is_some());
        }
        assert_eq!(trying > 0, is_due);
        looks.load(Ordering::Relaxed)
    }

    #[test]
    fn a_seat_is_given_up_without_a_look_at_all_the_others() {
        for (is_due, youngest_first) in [(false, false), (false, true), (true, false), (true, true)]
        {
            let looks = looks(1_000, is_due, youngest_first);
            assert!(looks <= 4_000, "{looks} looks, due {is_due}, youngest first {youngest_first}");
        }
    }
}
