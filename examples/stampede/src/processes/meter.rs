//! The calls of a worker between two ticks.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::clock::{MS, Nanos};
use super::talk::Tick;
use super::worker::Answer;
use crate::meter::{Latencies, latencies};

/// The end of an execution that takes longer than the window is known elsewhere a step of the engine later.
const STEP: Nanos = 100 * MS;

/// A call that has returned.
pub(super) struct Call {
    pub(super) entered: Nanos,
    pub(super) returned: Nanos,
    pub(super) answer: Result<Arc<Answer>, String>,
    /// The answer is that of the rows.
    pub(super) is_right: bool,
}

pub(super) struct Meter {
    window: Nanos,
    tick: Tick,
    latencies: Latencies,
}

impl Meter {
    pub(super) fn new(window: Duration) -> Mutex<Self> {
        let window = Nanos::try_from(window.as_nanos()).unwrap_or(Nanos::MAX);
        Mutex::new(Self { window, tick: Tick::default(), latencies: latencies() })
    }

    pub(super) fn note(&mut self, call: &Call) {
        let micros = call.returned.saturating_sub(call.entered) / 1000;
        // It grows as needed.
        self.latencies.record(micros).ok();
        match &call.answer {
            Err(failure) => {
                self.tick.failed += 1;
                self.tick.failure.get_or_insert_with(|| failure.clone());
            }
            Ok(answer) => {
                self.tick.wrong += u64::from(!call.is_right);
                self.tick.over_age +=
                    u64::from(is_over_age((answer.began, answer.ended), call.entered, self.window));
            }
        }
    }

    pub(super) fn take(&mut self) -> Tick {
        let mut tick = std::mem::take(&mut self.tick);
        let seen = self.latencies.iter_recorded();
        tick.latencies = seen
            .map(|step| (step.value_iterated_to(), step.count_since_last_iteration()))
            .collect();
        self.latencies.reset();
        tick
    }
}

/// The promise: a call that comes when the execution is over gets its answer until a window after its begin. A
/// call that came before waited for it, at any age.
fn is_over_age((began, ended): (Nanos, Nanos), entered: Nanos, window: Nanos) -> bool {
    let end_of_window = began.saturating_add(window);
    let was_slow = ended > end_of_window;
    let limit = if was_slow { ended.saturating_add(STEP) } else { end_of_window };
    entered >= limit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Total;

    fn answer(began: Nanos, ended: Nanos) -> Answer {
        Answer { total: Total::default(), began, ended }
    }

    #[test]
    fn a_tick_has_what_came_since_the_last_one() {
        let meter = Meter::new(Duration::from_nanos(100));
        let mut meter = meter.lock().expect("nobody panicked");
        let call = |entered, is_right| Call {
            entered,
            returned: entered + 5_000_000,
            answer: Ok(Arc::new(answer(1000, 1010))),
            is_right,
        };
        meter.note(&call(1000, true));
        meter.note(&call(1000, false));
        meter.note(&call(1100, true));
        meter.note(&Call { answer: Err("no".to_string()), ..call(1000, false) });
        let tick = meter.take();
        assert_eq!((tick.wrong, tick.over_age, tick.failed), (1, 1, 1));
        assert_eq!(tick.failure.as_deref(), Some("no"));
        assert_eq!(tick.latencies.iter().map(|(_, count)| count).sum::<u64>(), 4);
        let tick = meter.take();
        assert_eq!((tick.wrong, tick.latencies.len()), (0, 0));
    }

    #[test]
    fn an_answer_is_over_age_at_the_end_of_its_window() {
        let over = |entered| is_over_age((1000, 1010), entered, 100);
        assert!(!over(1005) && !over(1050) && !over(1099));
        assert!(over(1100) && over(2000));
    }

    #[test]
    fn who_waited_for_a_slow_execution_gets_its_answer() {
        let over = |entered| is_over_age((1000, 5000), entered, 100);
        assert!(!over(1200) && !over(4999));
        assert!(over(5000 + STEP));
    }
}
