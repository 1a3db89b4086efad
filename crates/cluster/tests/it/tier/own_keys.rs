//! Keys that stay in their process (C4, S80).

use std::thread;

use coalescer::Role;
use coalescer_cluster::Memory;
use coalescer_cluster::wire::{KeyError, KeyWriter, WriteKey};

use super::{Function, MINUTE, Site, open, site_with};
use crate::support::{wait_until, watched};

/// Keys that are odd stay.
struct Even;

impl WriteKey<u64> for Even {
    fn write(&self, key: &u64, out: &mut KeyWriter) -> Result<(), KeyError> {
        if key % 2 == 1 {
            return Err(KeyError::by_choice("it is odd"));
        }
        out.number(*key);
        Ok(())
    }
}

/// A key that stays is coalesced in its process, and the engine hears nothing of it.
#[test]
fn a_key_stays_in_its_process_by_choice() {
    watched(|| {
        for copies in [true, false] {
            let (engine, function) = (Memory::new(), Function::default());
            let [here, there] = [(); 2].map(|()| {
                let share = |shared: coalescer_cluster::Shared| {
                    shared.key_writer(Even).local_copies(copies)
                };
                site_with(open(engine.clone()), MINUTE, &function, share)
            });
            let role = |site: &Site, key| site.call(key).role;
            assert_eq!((role(&here, 2), role(&there, 2)), (Role::Leader, Role::Shared));
            let asked = here.cluster.stats().round_trips;
            assert_eq!((role(&here, 1), role(&there, 1)), (Role::Leader, Role::Leader));
            assert_eq!(role(&here, 1), Role::Late);
            assert_eq!(here.users.forget_everywhere(&1), Ok(true));
            let stats = here.cluster.stats();
            assert_eq!((stats.round_trips, stats.own_keys, stats.unshareable_keys), (asked, 2, 0));
        }
    });
}

/// Keys stay, and the first look at one can be held.
#[derive(Clone, Default)]
struct Slow(Function);

impl WriteKey<u64> for Slow {
    fn write(&self, _: &u64, _: &mut KeyWriter) -> Result<(), KeyError> {
        if self.0.runs() == 0 {
            self.0.run();
        }
        Err(KeyError::by_choice("it stays"))
    }
}

/// S80: without copies too, calls join the flight of such a key from the beginning, so a herd is one run.
#[test]
fn a_herd_of_a_key_that_stays_is_one_run() {
    watched(|| {
        let (keys, function) = (Slow::default(), Function::default());
        let here = site_with(open(Memory::new()), MINUTE, &function, |shared| {
            shared.key_writer(keys.clone()).local_copies(false)
        });
        keys.0.hold();
        thread::scope(|scope| {
            let leader = scope.spawn(|| here.call(1).role);
            keys.0.wait_for(1);
            let follower = scope.spawn(|| here.call(1).role);
            wait_until(|| here.followers() == 1);
            keys.0.let_go();
            assert_eq!(leader.join().unwrap(), Role::Leader);
            assert_eq!(follower.join().unwrap(), Role::Follower);
        });
        assert_eq!(function.runs(), 1);
    });
}

/// A key that is well the first time, and not again.
#[derive(Clone, Default)]
struct Once(Function);

impl WriteKey<u64> for Once {
    fn write(&self, key: &u64, out: &mut KeyWriter) -> Result<(), KeyError> {
        if self.0.run() > 1 {
            return Err(KeyError::new("it has changed"));
        }
        out.number(*key);
        Ok(())
    }
}

/// An operator who looks changes no counter, and the look does not panic.
#[test]
fn a_look_at_what_is_in_flight_counts_no_key() {
    watched(|| {
        let function = Function::default();
        let by_choice = |shared: coalescer_cluster::Shared| shared.key_writer(Even);
        let own = site_with(open(Memory::new()), MINUTE, &function, by_choice);
        let changes = |shared: coalescer_cluster::Shared| shared.key_writer(Once::default());
        let changed = site_with(open(Memory::new()), MINUTE, &function, changes);
        for (site, own_keys) in [(&own, 1), (&changed, 0)] {
            let runs = function.runs();
            function.hold();
            thread::scope(|scope| {
                let call = scope.spawn(|| site.call(1).role);
                function.wait_for(runs + 1);
                let flights = site.users.in_flight();
                assert!(flights.len() == 1 && flights[0].elsewhere.is_none());
                let stats = site.cluster.stats();
                function.let_go();
                assert_eq!(call.join().unwrap(), Role::Leader);
                assert_eq!((stats.own_keys, stats.unshareable_keys), (own_keys, 0));
            });
        }
    });
}
