//! Forgetting, here and elsewhere.

use std::thread;
use std::time::Duration;

use coalescer::Role;

use super::desk::{FIRM, Reply, Terms, desk, timed_desk, unreached};
use crate::support::{MS, begin, watched};

#[test]
fn forgetting_goes_to_the_other_processes_first() {
    // S28 S81
    watched(|| {
        let (group, desk) = desk(true, |group| group.window(Duration::MAX));
        for (elsewhere, everywhere) in [(Ok(false), Ok(true)), (Ok(true), Ok(true))] {
            let leader = begin(&group, "k");
            desk.next().serve(7, Duration::ZERO, true);
            leader.join_unrun().unwrap();
            *desk.reached.lock().unwrap() = elsewhere;
            assert_eq!(group.forget_everywhere("k"), everywhere);
            assert_eq!(desk.forgets.recv().unwrap().as_deref(), Some("k"));
        }
        assert_eq!(group.forget_everywhere("k"), Ok(true), "it was there elsewhere");
        *desk.reached.lock().unwrap() = Ok(false);
        assert_eq!(group.forget_everywhere("k"), Ok(false));
        assert!(!group.forget("k"));
    });
}

#[test]
fn an_insert_is_forgotten_elsewhere_first_and_kept_nowhere() {
    // S111 S81: reached or not, with copies or without.
    watched(|| {
        for copies in [true, false] {
            let (group, desk) = desk(copies, |group| group.window(Duration::MAX));
            for reached in [Ok(true), Err(unreached())] {
                let leader = begin(&group, "k");
                desk.next().serve(7, Duration::ZERO, copies);
                leader.join_unrun().unwrap();
                *desk.reached.lock().unwrap() = reached;
                assert_eq!(*group.insert("k", 8), 8);
                assert_eq!(desk.forgets.recv().unwrap().as_deref(), Some("k"));
                assert_eq!(group.peek("k"), None, "another process could not take it back");
                assert!(desk.is_idle(), "an insert asks nothing");
            }
        }
    });
}

#[test]
fn an_insert_forgets_a_flight_that_asks_while_the_others_forget() {
    // S111 S81: what it gets may be what they forget.
    watched(|| {
        let (clock, group, desk) = timed_desk();
        let others_forget = desk.reached.lock().unwrap();
        let inserter = {
            let group = group.clone();
            thread::spawn(move || *group.insert("k", 8))
        };
        desk.forgets.recv().unwrap();
        clock.advance(MS);
        let asks = begin(&group, "k");
        let question = desk.next();
        drop(others_forget);
        assert_eq!(inserter.join().unwrap(), 8);
        question.serve(7, 10 * MS, true);
        assert_eq!(*asks.join_unrun().unwrap().value, 7);
        assert_eq!(group.peek("k"), None, "a value from before the insert is kept");
    });
}

#[test]
fn whoever_is_not_reached_is_told_and_this_process_has_forgotten() {
    // S81
    watched(|| {
        let (group, desk) = desk(true, |group| group.window(Duration::MAX));
        *desk.reached.lock().unwrap() = Err(unreached());
        let calls: [&dyn Fn() -> String; 3] = [
            &|| group.forget_everywhere("k").unwrap_err().to_string(),
            &|| group.forget_all_everywhere().unwrap_err().to_string(),
            &|| format!("{} {}", group.forget("k"), group.forget_all()),
        ];
        for forget in calls {
            let leader = begin(&group, "k");
            desk.next().serve(7, Duration::ZERO, true);
            leader.join_unrun().unwrap();
            let told = forget();
            assert!(told.contains("2 processes") || told == "true 0", "{told}");
            let next = begin(&group, "k");
            desk.next().serve(8, Duration::ZERO, false);
            assert_eq!(*next.join_unrun().unwrap().value, 8);
        }
    });
}

#[test]
fn the_tier_takes_copies_and_running_flights_out_of_the_table() {
    // S27 S81: calls that wait get what they wait for.
    watched(|| {
        let (group, desk) = desk(true, |group| group.window(Duration::MAX));
        let leader = begin(&group, "k");
        // Its publication is not certain, which must not cost a younger copy.
        desk.next().answer(Reply::Lead(Terms { confirms: false, ..FIRM }));
        let leader = leader.begun();
        assert!(desk.local.forget(&"k".to_owned()));
        assert!(!desk.local.forget(&"other".to_owned()));
        let beside = begin(&group, "k");
        desk.next().serve(8, Duration::ZERO, true);
        assert_eq!(*beside.join_unrun().unwrap().value, 8);
        assert_eq!(*leader.returns(Ok(7)).unwrap().value, 7);
        let late = group.call("k").outcome(|| unreachable!("it is kept")).unwrap();
        assert_eq!((*late.value, late.role), (8, Role::Late));
        assert_eq!(desk.local.forget_all(), 1);
        let now = desk.local.now().unwrap();
        assert!(desk.local.now().unwrap() >= now);
        drop(group);
        assert_eq!((desk.local.forget_all(), desk.local.now()), (0, None), "the table is gone");
    });
}
