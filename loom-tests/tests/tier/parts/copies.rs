//! Copies of what other processes made, and the messages that take them back: `held` and `members`, with the table.

use std::sync::{Arc, Weak};
use std::time::Duration;

use coalescer::shared::{Ask, Asked, Attachment, Ended, ForgetEverywhere, Served, SharedBy, Tier};
use coalescer_loom_tests::checker::sync::Mutex;
use coalescer_loom_tests::{Hash, Model, Stage};

use super::held::{Held, Member};
use super::members::Members;
use super::{KEY, joined};
use crate::sync::now;

/// The engine's part: the result of a key, and a note that this process may have it.
#[derive(Default)]
struct Engine(Mutex<(u64, bool)>);

impl Engine {
    fn claim(&self) -> u64 {
        let mut state = self.0.lock().expect("no model panics");
        state.1 = true;
        state.0
    }

    /// Puts a younger result in the place of the old one. Returns true if this process must be told.
    fn forget(&self) -> bool {
        let mut state = self.0.lock().expect("no model panics");
        state.0 += 1;
        state.1
    }
}

/// The parts of a process that know its engine and its tables.
#[derive(Default)]
struct Process {
    engine: Engine,
    members: Members,
}

impl Process {
    /// Another process forgets the key: its step, and the message of it.
    fn forget(&self) -> u64 {
        if self.engine.forget() {
            self.members.each("users", |member| member.forget(KEY));
        }
        self.engine.0.lock().expect("no model panics").0
    }
}

/// The tier of a table whose results all come from the engine.
struct Remote {
    process: Arc<Process>,
    held: Arc<Held<u8>>,
}

impl Tier<u8, u64, &'static str> for Remote {
    fn keeps_copies(&self) -> bool {
        true
    }

    fn ask<'a>(&'a self, ask: Ask<'a, u8>) -> Asked<'a, u64, &'static str> {
        self.held.enter(KEY, ask.key(), now());
        let value = self.process.engine.claim();
        self.held.leave(KEY, now().checked_add(Duration::from_secs(60)), None);
        Asked::Served(Served::new(Ended::Value(Arc::new(value)), ask.asked()).keep(true))
    }

    fn forget(&self, _: &u8) -> ForgetEverywhere<bool> {
        Ok(false)
    }

    fn forget_all(&self) -> ForgetEverywhere<()> {
        Ok(())
    }
}

struct Shares(Arc<Process>);

impl SharedBy<u8, u64, &'static str, Hash> for Shares {
    fn attach(
        self,
        table: Attachment<'_, u8, u64, &'static str, Hash>,
    ) -> Option<Arc<dyn Tier<u8, u64, &'static str>>> {
        let held = Arc::new(Held::new(table.local()));
        self.0.members.join(&"users".into(), Arc::downgrade(&held) as Weak<dyn Member>);
        Some(Arc::new(Remote { process: self.0, held }))
    }
}

/// C20, S28: after a forget no call of the process gets what was there before, whether its copy was kept or on its way.
#[test]
fn a_message_takes_back_a_copy_that_is_on_its_way() {
    let endings = ["the first call got the old one", "the first call got the new one"];
    Model::new("tier: a hit, a message to forget", endings).exhaustive().explore(move |seen| {
        let process = Arc::<Process>::default();
        let stage = Stage::with_tier(Shares(Arc::clone(&process)));
        let first = stage.spawn(|stage| stage.call(1).value);
        let new = process.forget();
        assert_eq!(stage.call(1).value, new, "it was forgotten");
        seen.note(endings[joined(first) as usize]);
        assert_eq!(stage.call(1).value, new, "the copy");
        stage.is_at_rest();
    });
}

/// C20: a second forget finds the copy that was kept after the first one.
#[test]
fn a_second_message_takes_back_the_next_copy() {
    let endings = ["none", "one", "both"];
    Model::new("tier: a hit, 2 messages to forget", endings).explore(move |seen| {
        let process = Arc::<Process>::default();
        let stage = Stage::with_tier(Shares(Arc::clone(&process)));
        let first = stage.spawn(|stage| stage.call(1).value);
        process.forget();
        let new = process.forget();
        assert_eq!(stage.call(1).value, new, "it was forgotten");
        seen.note(endings[joined(first) as usize]);
        stage.is_at_rest();
    });
}
