//! Traits of the public types for any type parameters, checked by the compiler.

use std::cell::RefCell;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::LazyLock;

use coalescer::{
    Builder, Coalescer, Error, ForGroup, Group, Job, Manager, ManualClock, Outcome, Settings,
    Ticket, WeakManager,
};

fn is_unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}
fn is_shared<T: Send + Sync>() {}

#[test]
fn a_panic_makes_no_handle_suspect() {
    // S23: whatever keys, values and errors are.
    type Any = RefCell<Box<dyn FnMut()>>;
    is_unwind_safe::<Group<Any, Any, Any>>();
    is_unwind_safe::<Coalescer<Any, Any, Any>>();
    is_unwind_safe::<Ticket<Any, Any, Any>>();
    #[cfg(feature = "channel")]
    is_unwind_safe::<coalescer::Receiver<Any, Any>>();
    #[cfg(feature = "future")]
    is_unwind_safe::<coalescer::TicketFuture<Any, Any, Any>>();
    is_unwind_safe::<Job>();
    is_unwind_safe::<ManualClock>();
    is_unwind_safe::<Manager>();
    is_unwind_safe::<WeakManager>();
}

#[test]
fn handles_and_values_go_to_other_threads() {
    is_shared::<Group<String, u64, String>>();
    is_shared::<Coalescer<String, u64, String>>();
    is_shared::<Ticket<String, u64, String>>();
    #[cfg(feature = "channel")]
    is_shared::<coalescer::Receiver<u64, String>>();
    #[cfg(feature = "future")]
    is_shared::<coalescer::TicketFuture<String, u64, String>>();
    is_shared::<Builder<ForGroup, String, u64>>();
    is_shared::<Settings>();
    is_shared::<Manager>();
    is_shared::<Outcome<u64>>();
    is_shared::<Error<String>>();
}

#[test]
fn a_group_can_be_a_static() {
    static PRICES: LazyLock<Group<String, u64, String>> = LazyLock::new(Group::new);
    assert_eq!(*PRICES.execute("tea", || Ok(3)).unwrap(), 3);
}

#[test]
fn settings_are_compared_setting_by_setting() {
    // S51: by a value as by a manager.
    let clock = ManualClock::new();
    let settings = || Settings::new().clock(clock.clone()).max_requests(3).shards(3);
    assert_eq!(settings(), settings().shards(4));
    assert_eq!(settings(), settings().clone());
    assert_ne!(settings(), settings().clock(ManualClock::new()));
    assert_ne!(settings(), settings().max_requests(4));
    assert_eq!(settings().max_requests(usize::MAX), Settings::new().clock(clock.clone()).shards(4));
    assert_eq!(settings().executor(run), settings().executor(run));
    assert_ne!(settings().executor(run), settings());
}

fn run(job: Job) {
    job.run();
}
