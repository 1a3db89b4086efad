//! How a call of many keys waits for those that other calls lead.
//!
//! Its thread sleeps at one flight at a time: at the one that was admitted last, as another call of the same
//! keys publishes that one last, so the others have ended when it wakes. It wakes at the end of that flight,
//! and earlier for what is known to come due elsewhere. Then it looks at all of them.

use std::mem;

use crate::engine::berth::Rested;
use crate::many::call::{LoadMany, Many, Progress};
use crate::many::part::Part;
use crate::wait::clock::{FOREVER, Nanos};

impl<'t, K, V, E> Many<'t, K, V, E> {
    /// Waits until each key has its answer. Runs the function for keys that come to this call meanwhile.
    pub(super) fn wait_all(
        &self,
        progress: &mut Progress<'t, K, V, E>,
        load: &mut LoadMany<'_, K, V, E>,
    ) {
        if let Some(background) = self.background {
            // Their flights may be in the list of the refreshes.
            if progress.berths.iter().any(|(_, berth)| berth.needs_a_leader()) {
                background.hurry();
            }
        }
        while !progress.berths.is_empty() {
            let next = self.look_at_all(progress);
            if progress.parts.is_empty() {
                self.rest(progress, next.min(self.deadline));
            }
            self.run_all(progress, load);
        }
    }

    /// Looks at all flights that the call waits for. Takes what is due or released to run it next. Returns
    /// when the next of the others is due.
    fn look_at_all(&self, progress: &mut Progress<'t, K, V, E>) -> Nanos {
        let now = self.table.clock.now();
        if self.table.reports_slow() {
            // The hook comes first, while this thread leads none of the keys.
            for (_, berth) in &progress.berths {
                if berth.glance(now).is_slow {
                    berth.report_slow();
                }
            }
        }
        let mut next = FOREVER;
        for (place, mut berth) in mem::take(&mut progress.berths) {
            let glance = berth.glance(now);
            if let Some(callers) = glance.callers {
                progress.leave(place, berth.end(callers));
            } else if self.deadline <= now {
                // A wait that would never end is refused with any deadline (S42).
                let is_refused = berth.is_in_cycle();
                progress.leave(place, if is_refused { berth.refuse() } else { berth.time_out() });
            } else if let Some(led) = glance.is_due.then(|| berth.claim()).flatten() {
                progress.parts.push((place, Part::Led(led)));
            } else {
                next = next.min(berth.glance(now).next);
                progress.berths.push((place, berth));
            }
        }
        next
    }

    /// Leaves all flights whose waits would never end, so that with `Bypass` one run asks for their keys.
    fn refuse_all(&self, progress: &mut Progress<'t, K, V, E>) {
        for (place, berth) in mem::take(&mut progress.berths) {
            match berth.is_in_cycle() {
                true => progress.leave(place, berth.refuse()),
                false => progress.berths.push((place, berth)),
            }
        }
    }

    /// Sleeps until there is something to run or to look at, or until this time. Takes the outcomes that are
    /// there meanwhile.
    fn rest(&self, progress: &mut Progress<'t, K, V, E>, until: Nanos) {
        while let Some((place, berth)) = progress.berths.pop() {
            match berth.rest(until) {
                Rested::Ended { callers } => progress.leave(place, berth.end(callers)),
                Rested::WouldDeadlock => {
                    progress.leave(place, berth.refuse());
                    self.refuse_all(progress);
                }
                Rested::Look => return progress.berths.push((place, berth)),
            }
            if !progress.parts.is_empty() {
                // Perhaps others are released as well: they are run together.
                self.look_at_all(progress);
                return;
            }
        }
    }
}
