//! Settings that make no sense, and user code that fails in the middle of a call of many keys.

use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use coalescer::shared::{Alone, Ask, Asked, Attachment, ForgetEverywhere, SharedBy, Tier};
use coalescer::{Batcher, Group};

use super::squares;
use crate::support::{text, watched};

#[test]
fn a_run_of_no_keys_is_refused_by_name_and_with_a_way_out() {
    // S141
    watched(|| {
        let set = || drop(Batcher::builder::<u32, u32>().max_batch(0));
        let panic = catch_unwind(set).unwrap_err();
        let message = text(&*panic);
        assert!(
            message.starts_with("max_batch(0)") && message.contains("max_batch unset"),
            "{message}"
        );
        for most in [1, 2, usize::MAX] {
            let batcher = Batcher::builder().max_batch(most).build(squares);
            assert!(batcher.execute_many(&[1, 2, 3]).iter().all(Result::is_ok));
            assert_eq!(batcher.stats().batches, 3_u64.div_ceil(most as u64));
        }
    });
}

/// A tier that is never asked.
struct Oracle;

impl Tier<u32, u32, String> for Oracle {
    fn keeps_copies(&self) -> bool {
        false
    }

    fn ask<'a>(&'a self, _: Ask<'a, u32>) -> Asked<'a, u32, String> {
        unreachable!("a call of many asks nobody")
    }

    fn forget(&self, _: &u32) -> ForgetEverywhere<bool> {
        Ok(false)
    }

    fn forget_all(&self) -> ForgetEverywhere<()> {
        Ok(())
    }
}

impl<S> SharedBy<u32, u32, String, S> for Oracle {
    fn attach(
        self,
        _: Attachment<'_, u32, u32, String, S>,
    ) -> Option<Arc<dyn Tier<u32, u32, String>>> {
        Some(Arc::new(self))
    }
}

#[test]
fn a_group_that_shares_with_other_processes_has_no_call_of_many() {
    // S152
    watched(|| {
        let alone: Group<u32, u32, String> = Group::builder().shared(None::<Alone>).build();
        assert!(alone.execute_many(&[1], squares)[0].is_ok());
        let shared: Group<u32, u32, String> = Group::builder().shared(Oracle).build();
        let panic = catch_unwind(|| shared.execute_many(&[1], squares)).unwrap_err();
        let message = text(&*panic);
        assert!(message.starts_with("execute_many") && message.contains("`shared`"), "{message}");
        assert_eq!(shared.stats().total_requests, 0);
    });
}

/// A step of user code in the taking in of a key, and the number of further steps until it panics.
static STEPS_LEFT: AtomicI32 = AtomicI32::new(i32::MAX);

fn step() {
    let left = STEPS_LEFT.fetch_sub(1, Ordering::Relaxed);
    assert!(left != 0, "on purpose");
}

#[derive(Debug)]
struct Fragile(u32);

impl Clone for Fragile {
    fn clone(&self) -> Self {
        assert_eq!(coalescer::locks_held(), 0, "a key is cloned under a lock");
        step();
        Self(self.0)
    }
}

impl Hash for Fragile {
    fn hash<H: Hasher>(&self, state: &mut H) {
        assert_eq!(coalescer::locks_held(), 0, "a key is hashed under a lock");
        step();
        self.0.hash(state);
    }
}

impl PartialEq for Fragile {
    fn eq(&self, other: &Self) -> bool {
        step();
        self.0 == other.0
    }
}

impl Eq for Fragile {}

#[test]
fn whichever_step_of_a_keys_code_panics_no_flight_is_left() {
    // S144 S148
    watched(|| {
        let keys = [Fragile(1), Fragile(2), Fragile(1), Fragile(3)];
        for steps in 0.. {
            let group: Group<Fragile, u32, String> = Group::builder().window(Duration::MAX).build();
            group.insert(&Fragile(2), 4);
            STEPS_LEFT.store(steps, Ordering::Relaxed);
            let given = keys.iter().inspect(|_| step());
            let call = || {
                group.execute_many_with(given, |batch| {
                    for place in 0..batch.keys().len() {
                        let value = batch.keys()[place].0;
                        batch.answer(&Fragile(value), Ok(value * value));
                    }
                    Ok(())
                })
            };
            let told = catch_unwind(AssertUnwindSafe(call));
            STEPS_LEFT.store(i32::MAX, Ordering::Relaxed);
            assert!(group.in_flight().is_empty(), "after {steps} steps");
            let stats = group.stats();
            let answered = stats.executed_requests + stats.coalesced_requests + stats.refused;
            assert_eq!(stats.total_requests, answered, "after {steps} steps");
            let Err(panic) = told else {
                assert!(steps > 12, "{steps} steps panicked");
                break;
            };
            assert_eq!(text(&*panic), "on purpose");
            let again = group.execute_many(&keys, |keys| {
                Ok::<_, String>(keys.iter().map(|key| (key.clone(), 0)).collect::<Vec<_>>())
            });
            assert!(again.iter().all(Result::is_ok), "after {steps} steps");
        }
    });
}
