//! The same function is the same coalescer.

use std::sync::{Arc, Barrier};
use std::thread;

use coalescer::{Manager, Role};

use crate::support::watched;

use super::{endless, executed, length, number, same_length};

#[test]
fn the_same_function_is_the_same_coalescer() {
    // S51
    watched(|| {
        let manager = endless();
        let first = manager.execute(length, "four").unwrap();
        let again = manager.clone().execute(length, "four").unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        assert_eq!(manager.coalescer(length).call("four").outcome().unwrap().role, Role::Late);
        assert_eq!((executed(&manager), manager.stats().coalescers.len()), (1, 1));
    });
}

#[test]
fn another_function_is_another_coalescer() {
    // S51: two functions that do the same, or differ only in a type parameter, are still two.
    watched(|| {
        let manager = endless();
        let first = manager.execute(length, "four").unwrap();
        let second = manager.execute(same_length, "four").unwrap();
        assert!(!Arc::ptr_eq(&first, &second));
        assert_eq!(*manager.execute(number::<1>, &0).unwrap(), 1);
        assert_eq!(*manager.execute(number::<2>, &0).unwrap(), 2);
        assert_eq!(*manager.execute(number::<1>, &0).unwrap(), 1);
        assert_eq!(executed(&manager), 4);
    });
}

#[test]
fn another_manager_is_another_coalescer() {
    // S51
    watched(|| {
        let managers = [endless(), Manager::default()];
        for manager in &managers {
            manager.execute(length, "four").unwrap();
        }
        assert_eq!(managers.map(|manager| executed(&manager)), [1, 1]);
    });
}

#[test]
fn closures_are_told_apart_by_where_they_stand() {
    // S51
    watched(|| {
        fn ask<T: Default + 'static>(manager: &Manager) -> Arc<String> {
            let name = |_: &u8| Ok::<_, ()>(std::any::type_name::<T>().to_owned());
            manager.execute(name, &0).unwrap()
        }
        let manager = endless();
        for _ in 0..2 {
            assert_eq!(*manager.execute(|n: &u32| Ok::<u32, ()>(n + 1), &1).unwrap(), 2);
        }
        assert_eq!(executed(&manager), 1);
        assert_eq!(*manager.execute(|n: &u32| Ok::<u32, ()>(n + 1), &1).unwrap(), 2);
        assert_eq!(executed(&manager), 2);
        // One closure of a generic function is one for each of its types.
        assert_eq!(*ask::<u8>(&manager), "u8");
        assert_eq!(*ask::<u16>(&manager), "u16");
        assert_eq!(*ask::<u8>(&manager), "u8");
        assert_eq!(executed(&manager), 4);
    });
}

#[test]
fn many_functions_are_found_again() {
    // S51: more functions than buckets, so some share a bucket.
    watched(|| {
        macro_rules! numbers {
            ($($tens:literal)*) => {[$(
                (number::<{ $tens }> as fn(&u8) -> _, call::<{ $tens }> as fn(&Manager) -> u32),
                (number::<{ $tens + 1 }>, call::<{ $tens + 1 }>),
                (number::<{ $tens + 2 }>, call::<{ $tens + 2 }>),
                (number::<{ $tens + 3 }>, call::<{ $tens + 3 }>),
                (number::<{ $tens + 4 }>, call::<{ $tens + 4 }>),
            )*]};
        }
        fn call<const N: u32>(manager: &Manager) -> u32 {
            *manager.execute(number::<N>, &0).unwrap()
        }
        let all = numbers!(0 5 10 15 20 25 30 35 40 45 50 55 60 65 70 75 80 85 90 95 100 105 110);
        let manager = endless();
        for _ in 0..2 {
            for (function, call) in &all {
                assert_eq!(call(&manager), function(&0).unwrap());
            }
        }
        assert_eq!(executed(&manager), all.len() as u64);
        assert_eq!(manager.stats().coalescers.len(), all.len());
    });
}

#[test]
fn threads_that_meet_at_a_new_function_or_name_share_one_coalescer() {
    // S51 S1
    watched(|| {
        const THREADS: usize = 8;
        for _ in 0..50 {
            let manager = endless();
            let start = Barrier::new(THREADS);
            thread::scope(|s| {
                for _ in 0..THREADS {
                    s.spawn(|| {
                        start.wait();
                        manager.execute(length, "four").unwrap();
                        manager.named("lengths", length).unwrap().execute("four").unwrap();
                    });
                }
            });
            let stats = manager.stats();
            assert_eq!((stats.total.executed_requests, stats.coalescers.len()), (2, 2));
            assert_eq!(stats.total.total_requests, 2 * THREADS as u64);
        }
    });
}
