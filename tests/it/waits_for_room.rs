//! Waits for a flight that has no room to begin: the wait-for graph knows what they depend on.

use std::sync::mpsc::channel;
use std::time::Duration;

use coalescer::{Error, Group, Job, ManualClock, SlowFlight};

use crate::jobs::never;
use crate::support::{MS, Numbers, follow, followers, lead, start, wait_until, watched};

type Answer = Result<std::sync::Arc<u32>, Error<String>>;

fn or_zero(answer: Answer) -> Result<u32, String> {
    match answer {
        Ok(value) => Ok(*value + 10),
        Err(Error::WouldDeadlock) => Ok(0),
        Err(other) => Err(other.to_string()),
    }
}

#[test]
fn a_leader_does_not_wait_with_a_ticket_for_the_flight_after_its_own() {
    // S41 S42: the ticket was the first to wait for that flight, and no thread waited there.
    watched(|| {
        let group: Numbers = Group::builder()
            .max_join_age(Duration::ZERO)
            .max_leaders(1)
            .executor(|job: Job| job.run())
            .build();
        let inner = group.clone();
        let outer = lead(&group, "k").ends(move || {
            let ticket = inner.submit("k", || Ok(1)).unwrap();
            or_zero(ticket.wait())
        });
        assert_eq!(*outer.join().unwrap().value, 0);
        assert!(group.in_flight().is_empty());
    });
}
