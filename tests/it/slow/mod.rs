//! The hook for flights that are slow, and a log of its reports.

mod hook;
mod tickets;
mod who_tells;

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use coalescer::{Builder, ForGroup, Group, ManualClock, SlowFlight};

use crate::support::{Call, Numbers, start};

pub(crate) const SLOW: Duration = Duration::from_millis(30);

pub(crate) type Hooked = Builder<ForGroup, String, u32>;

/// A report that a hook got, and the thread that called the hook.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) key: String,
    pub(crate) age: Duration,
    pub(crate) followers: usize,
    pub(crate) leader: Option<String>,
    pub(crate) ended: bool,
    pub(crate) by: Option<String>,
}

/// All reports that a hook got.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Told>>>);

impl Log {
    pub(crate) fn hook(&self) -> impl Fn(&SlowFlight<'_, String>) + Send + Sync + 'static {
        let log = self.clone();
        move |slow| {
            assert_eq!(slow.name, Some("reports"));
            log.0.lock().unwrap().push(Told {
                key: slow.key.clone(),
                age: slow.age,
                followers: slow.followers,
                leader: slow.leader.as_ref().and_then(|leader| leader.name().map(str::to_owned)),
                ended: slow.ended,
                by: thread::current().name().map(str::to_owned),
            });
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub(crate) fn only(&self) -> Told {
        let told = self.0.lock().unwrap();
        assert_eq!(told.len(), 1, "{told:?}");
        told[0].clone()
    }
}

pub(crate) fn hooked(clock: &ManualClock, log: &Log) -> Hooked {
    Group::builder().name("reports").clock(clock.clone()).on_slow(SLOW, log.hook())
}

pub(crate) fn stage() -> (ManualClock, Log, Numbers) {
    let (clock, log) = (ManualClock::new(), Log::default());
    let group = hooked(&clock, &log).build();
    (clock, log, group)
}

/// A call that leads, on a thread of this name.
pub(crate) fn lead_as(group: &Numbers, name: &'static str, key: &'static str) -> Call<u32, String> {
    let group = group.clone();
    let call = start(move |function| {
        let named = thread::Builder::new().name(name.into());
        let led = named.spawn(move || group.call(key).outcome(function));
        led.unwrap().join().unwrap()
    });
    call.begun()
}
