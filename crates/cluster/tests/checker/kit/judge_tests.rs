//! Each rule notices what it is for, and lets be what may be.

use super::judge::judge;
use super::record::{Call, End, Execution, Forget, Kind, Record};
use super::{MS, Nanos};

const SLOW: (usize, u64) = (1, 0);

fn execution(number: u64, began: Nanos, ended: Nanos) -> Execution {
    Execution { key: SLOW, number, began: began * MS, ended: ended * MS }
}

fn call(made: Execution, kind: Kind, entered: Nanos, returned: Nanos) -> Call {
    let (entered, returned) = (entered * MS, returned * MS);
    // Its flight began a millisecond before the function.
    let age = (returned + MS).saturating_sub(made.began);
    Call { key: made.key, kind, entered, returned, ran: None, age, end: End::Value(made) }
}

/// Executions, each with the call that ran it, which takes a millisecond more on both sides.
fn led(executions: &[Execution]) -> Record {
    let own = |made: &Execution| {
        let (entered, returned) = (made.began / MS - 1, made.ended / MS + 1);
        Call { ran: Some(made.number), ..call(*made, Kind::Execute, entered, returned) }
    };
    let calls = executions.iter().map(own).collect();
    Record { executions: executions.to_vec(), calls, ..Record::default() }
}

fn broken(record: &Record) -> String {
    judge(record, &[], true).broken.join("\n")
}

fn with_call(mut record: Record, call: Call) -> Record {
    record.calls.push(call);
    record
}

fn with_forget(mut record: Record, entered: Nanos, returned: Nanos) -> Record {
    record.forgets.push(Forget { key: SLOW, entered: entered * MS, returned: returned * MS });
    record
}

#[test]
fn overlaps_are_noticed_unless_one_was_forgotten() {
    let apart = led(&[execution(1, 100, 105), execution(2, 160, 165)]);
    assert_eq!(broken(&apart), "");
    let overlapping = led(&[execution(1, 100, 170), execution(2, 160, 165)]);
    assert!(broken(&overlapping).contains("overlap"));
    assert_eq!(broken(&with_forget(overlapping.clone(), 120, 121)), "");
    assert!(broken(&with_forget(overlapping.clone(), 90, 91)).contains("overlap"));
    assert!(broken(&with_forget(overlapping.clone(), 161, 163)).contains("overlap"));
    // The later one was claimed first, forgotten, and begun late.
    let mut forgotten = with_forget(overlapping, 90, 91);
    forgotten.calls[1].entered = 89 * MS;
    assert_eq!(broken(&forgotten), "");
}

#[test]
fn a_second_execution_in_a_window_is_noticed_unless_it_is_fresh() {
    let mut two = led(&[execution(1, 100, 105), execution(2, 147, 149)]);
    assert!(broken(&two).contains("two executions in a window"));
    let led_by_another = with_call(two.clone(), call(two.executions[1], Kind::Fresh, 147, 149));
    assert_eq!(broken(&led_by_another), "");
    two.calls[1].kind = Kind::Fresh;
    assert_eq!(broken(&two), "");
    let over = with_call(two.clone(), call(two.executions[0], Kind::Fresh, 98, 106));
    assert_eq!(broken(&over), "");
}

/// A call that ran the function goes on with the flight of a claim whose call timed out.
#[test]
fn a_window_counts_from_the_begin_of_the_flight_as_those_who_got_the_value_know_it() {
    let mut two = led(&[execution(1, 100, 105), execution(2, 147, 149)]);
    assert!(broken(&two).contains("two executions in a window"));
    // Of all that say it, the one that knows best.
    two.calls[0].age += MS;
    assert_eq!(broken(&two), "");
    let late = call(two.executions[0], Kind::Execute, 120, 121);
    assert!(broken(&with_call(two, late)).contains("two executions in a window"));
}

#[test]
fn a_flight_that_counts_from_before_the_execution_before_it_is_noticed() {
    let mut two = led(&[execution(1, 100, 105), execution(2, 160, 165)]);
    two.calls[1].age += 55 * MS;
    assert_eq!(broken(&two), "");
    two.calls[1].age += MS;
    assert!(broken(&two).contains("a begin before the end"));
}

#[test]
fn a_value_over_age_is_noticed_once_it_was_published() {
    let made = execution(1, 100, 105);
    let at = |entered| with_call(led(&[made]), call(made, Kind::Execute, entered, entered + 1));
    assert_eq!(broken(&at(149)), "");
    assert!(broken(&at(150)).contains("C5"));
    // A slow function, whose outcome is not kept: calls join until all processes know its end.
    let slow = execution(1, 100, 200);
    let joined = |entered| with_call(led(&[slow]), call(slow, Kind::Execute, entered, entered + 1));
    assert_eq!(broken(&joined(202)), "");
    assert!(broken(&joined(10_202)).contains("C5"));
}

#[test]
fn in_a_process_that_was_killed_the_flight_ended_with_it() {
    let made = execution(7 << 32, 100, 105);
    let mut record = Record::default();
    record.calls.push(call(made, Kind::Execute, 160, 161));
    let with = |killed: &[(u64, Nanos)]| judge(&record, killed, false).broken.len();
    assert_eq!((with(&[]), with(&[(7, 170 * MS)]), with(&[(7, 149 * MS)])), (0, 0, 1));
    // It may have been published after its window, and be on its way.
    assert_eq!(with(&[(7, 150 * MS)]), 0);
}

#[test]
fn a_forgotten_value_is_noticed() {
    let made = execution(1, 100, 105);
    let after = |entered| {
        let record = with_forget(led(&[made]), 110, 112);
        broken(&with_call(record, call(made, Kind::Execute, entered, entered + 1)))
    };
    assert_eq!(after(111), "");
    assert!(after(113).contains("C20"));
    let during = with_forget(led(&[made]), 99, 102);
    assert_eq!(broken(&with_call(during, call(made, Kind::Execute, 113, 114))), "");
}

#[test]
fn a_fresh_call_gets_what_began_after_it() {
    let made = execution(1, 100, 105);
    let fresh = |entered| with_call(led(&[made]), call(made, Kind::Fresh, entered, 106));
    assert_eq!(broken(&fresh(99)), "");
    assert!(broken(&fresh(101)).contains("C24"));
}

#[test]
fn a_foreign_value_is_noticed() {
    let made = execution(1, 100, 105);
    let foreign = Call { key: (1, 1), ..call(made, Kind::Execute, 101, 106) };
    assert!(broken(&with_call(led(&[made]), foreign)).contains("another key"));
    let changed = call(Execution { ended: 1, ..made }, Kind::Execute, 101, 106);
    assert!(broken(&with_call(led(&[made]), changed)).contains("nobody made"));
    let unknown = call(Execution { number: 9, ..made }, Kind::Execute, 101, 106);
    assert!(broken(&with_call(led(&[made]), unknown)).contains("nobody made"));
}

#[test]
fn a_call_ends_as_its_kind_may() {
    let made = execution(1, 100, 105);
    let end = |kind, end| {
        let call = Call { end, ..call(made, kind, 100, 105) };
        broken(&with_call(led(&[made]), call))
    };
    assert_eq!(end(Kind::Try, End::WouldBlock), "");
    assert_eq!(end(Kind::Timeout(5 * MS), End::TimedOut), "");
    assert!(end(Kind::Timeout(6 * MS), End::TimedOut).contains("must not be"));
    assert!(end(Kind::Execute, End::WouldBlock).contains("must not be"));
    assert!(end(Kind::Execute, End::TimedOut).contains("must not be"));
}

#[test]
fn a_record_is_read_as_it_was_written() {
    let made = execution(1, 100, 105);
    let mut record = with_forget(led(&[made, execution(2, 160, 165)]), 110, 112);
    for (kind, end) in [
        (Kind::Fresh, End::Value(made)),
        (Kind::Try, End::WouldBlock),
        (Kind::Timeout(5), End::TimedOut),
    ] {
        record.calls.push(Call { end, ..call(made, kind, 100, 105) });
    }
    assert_eq!(Record::parse(&record.to_text()), record);
    let torn = format!("{}execution 1 2", record.to_text());
    assert_eq!(Record::parse(&torn), record);
}
