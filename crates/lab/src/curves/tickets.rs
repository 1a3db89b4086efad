//! Tickets that no thread waits with: what it costs to drop one, and what those of strangers cost the call
//! that leads.
//!
//! Each time has a ratio beside it: to the time at the fewest tickets, in the same round. A cost that does
//! not grow has a ratio of about one, however busy the machine is.

use std::hint::black_box;
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use coalescer::{Group, Job, Ticket};

use super::{Record, decades, nanoseconds};
use crate::options::Size;

type Calls = Group<u64, u64, ()>;

const KEY: u64 = 7;

pub(super) fn measure(size: Size, record: &mut Record<'_>) {
    let most = size.pick(100_000, 10_000, 1000);
    for _ in 0..size.rounds() {
        let mut first = None;
        for count in decades(most).skip(1) {
            let times = Times::of(count);
            let base = *first.get_or_insert(times);
            times.report(base, count, record);
        }
    }
}

#[derive(Clone, Copy)]
struct Times {
    /// Of one ticket, and of one receiver.
    ticket: f64,
    receiver: f64,
    /// Until the call that led has returned.
    leader: f64,
    /// Until the last callback is made, for each ticket.
    called: f64,
}

impl Times {
    fn of(count: u64) -> Self {
        let (leader, called) = lead_beside(count);
        let ticket = drop_each(count, |ticket| ticket);
        let receiver = drop_each(count, Ticket::into_receiver);
        Self { ticket, receiver, leader, called }
    }

    fn report(self, base: Self, count: u64, record: &mut Record<'_>) {
        for (lane, time, base) in [
            ("ticket", self.ticket, base.ticket),
            ("receiver", self.receiver, base.receiver),
            ("leader", self.leader, base.leader),
            ("called", self.called, base.called),
        ] {
            record.add(lane, count as f64, time);
            record.add(&format!("{lane} ratio"), count as f64, time / base);
        }
    }
}

/// A group whose jobs wait until they are run. Its values may not be shared, so that each ticket keeps
/// its function.
fn calls() -> (Calls, Receiver<Job>) {
    let (queue, jobs) = channel();
    let builder = Group::builder().executor(move |job: Job| queue.send(job));
    (builder.share_if(|value| *value == KEY).build(), jobs)
}

fn follow(group: &Calls) -> Ticket<u64, u64, ()> {
    group.submit(&KEY, || Ok(KEY)).expect("the queue has no bound")
}

/// Drops so many tickets of a flight that goes on, the oldest first. Returns the nanoseconds of one.
fn drop_each<T>(count: u64, make: impl Fn(Ticket<u64, u64, ()>) -> T) -> f64 {
    let (group, jobs) = calls();
    let leader = follow(&group);
    let tickets: Vec<T> = (0..count).map(|_| make(follow(&group))).collect();
    assert_eq!(leader.callers() as u64, count + 1, "all of them wait");
    let begin = Instant::now();
    tickets.into_iter().for_each(drop);
    let time = nanoseconds(begin.elapsed()) / count as f64;
    assert_eq!(leader.callers(), 1, "all of them have left");
    jobs.try_iter().for_each(Job::run);
    time
}

/// Leads on this thread, beside so many callbacks. Returns the nanoseconds until the call has returned,
/// and for each callback until all are made.
fn lead_beside(count: u64) -> (f64, f64) {
    let (group, jobs) = calls();
    let (called, calls) = channel();
    let mut begin = Instant::now();
    let value = group.execute(&KEY, || {
        for _ in 0..count {
            let called = called.clone();
            follow(&group).when_done(move |value| _ = called.send(value.is_ok()));
        }
        begin = Instant::now();
        Ok(KEY)
    });
    let leader = nanoseconds(begin.elapsed());
    jobs.try_iter().for_each(Job::run);
    let all = nanoseconds(begin.elapsed()) / count as f64;
    assert_eq!(*black_box(value).expect("nothing fails"), KEY);
    assert_eq!(
        calls.try_iter().filter(|is_ok| *is_ok).count() as u64,
        count,
        "each is called back"
    );
    (leader, all)
}
