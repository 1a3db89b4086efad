//! How often a call wakes while it waits for many keys of one other run.

use super::{Ids, many, squares, values};
use crate::support::{wait_until, watched};

/// The numbers from 0 to 99.
static PAGE: [u32; 100] = {
    let (mut page, mut key) = ([0; 100], 0);
    while key < 100 {
        page[key as usize] = key;
        key += 1;
    }
    page
};

/// True if a call of all keys waits for each of them.
fn waits(group: &Ids) -> bool {
    let flights = group.in_flight();
    flights.len() == PAGE.len() && flights.iter().all(|flight| flight.followers == 1)
}

#[test]
fn many_keys_of_one_other_run_are_waited_for() {
    // S142 S46
    watched(|| {
        let group = Ids::new();
        let leader = many(&group, &PAGE).begun();
        let call = many(&group, &PAGE);
        wait_until(|| waits(&group));
        leader.returns(squares(&PAGE));
        assert_eq!(values(call.join_unrun()), PAGE.map(|key| key * key));
        assert_eq!((group.stats().followers, group.stats().batches), (100, 1));
    });
}

/// Linux counts how often each thread has gone to sleep.
#[cfg(target_os = "linux")]
mod sleeps {
    use std::fs::{read_link, read_to_string};
    use std::path::{Path, PathBuf};
    use std::sync::mpsc::channel;
    use std::thread;

    use super::{Ids, PAGE, values, waits};
    use crate::many::unasked;
    use crate::support::{wait_until, watched};

    fn field(thread: &Path, name: &str) -> String {
        let status = read_to_string(thread.join("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().to_owned()
    }

    fn is_asleep(thread: &Path) -> bool {
        field(thread, "State:").starts_with('S')
    }

    /// How often this thread has gone to sleep.
    fn sleeps(thread: &Path) -> u64 {
        field(thread, "voluntary_ctxt_switches:").parse().unwrap()
    }

    /// How often a call goes to sleep that waits for all keys of one other run, which answers a key whenever the call
    /// sleeps.
    fn sleeps_of_one_call() -> u64 {
        let group = Ids::new();
        let (waiting, followed) = (group.clone(), channel::<PathBuf>());
        let (begin, begun) = channel();
        let leading = group.clone();
        let leader = thread::spawn(move || {
            leading.execute_many_with(&PAGE, |batch| {
                begin.send(()).unwrap();
                let follower = followed.1.recv().unwrap();
                for key in &PAGE {
                    wait_until(|| is_asleep(&follower));
                    assert!(batch.answer(key, Ok(key * key)));
                }
                Ok(())
            })
        });
        begun.recv().unwrap();
        let (tell, told) = channel();
        let call = thread::spawn(move || {
            let own = Path::new("/proc").join(read_link("/proc/thread-self").unwrap());
            tell.send(own.clone()).unwrap();
            let before = sleeps(&own);
            let answers = waiting.execute_many(&PAGE, unasked);
            (sleeps(&own) - before, values(answers))
        });
        let own = told.recv().unwrap();
        wait_until(|| waits(&group));
        followed.0.send(own).unwrap();
        let (sleeps, answers) = call.join().unwrap();
        assert_eq!(answers, PAGE.map(|key| key * key));
        assert_eq!(values(leader.join().unwrap()), answers);
        sleeps
    }

    #[test]
    fn a_call_that_waits_for_a_hundred_keys_of_one_other_run_wakes_at_most_twice() {
        // S142 S46: the call sleeps at the flight that is published last.
        watched(|| {
            // A call sleeps for a lock too, if the thread that has it does not run. That is rare.
            let fewest = (0..10).map(|_| sleeps_of_one_call()).min().unwrap();
            assert!((1..=2).contains(&fewest), "it wakes {fewest} times at least");
        });
    }
}
