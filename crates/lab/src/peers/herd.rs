//! A herd: many callers of one key at once, and a function that returns a value, fails or panics.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use super::crew::{Caller, Door, Seen, call, seen_of_each, settle};
use super::{Situation, Subject};
use crate::contender::{Answer, Failure, Watched};

/// How many callers a herd has, the leader included.
pub const CALLERS: usize = 8;

// The titles of the rows say it in words.
const _: () = assert!(CALLERS == 8);

/// The most herds of a situation. A race can end well, so herds repeat until one does not share.
const HERDS: usize = 100;

/// The time of a repeated execution, long enough to see executions that overlap.
const REPEATED: Duration = Duration::from_millis(5);

/// The function returns a value.
pub const SUCCEEDING: Situation = Situation {
    title: "8 callers of a function at once",
    key: "succeeding",
    see: |subject| herds(subject, Ending::Value),
};

/// The function returns an error.
pub const FAILING: Situation = Situation {
    title: "8 callers of a function that fails",
    key: "failing",
    see: |subject| herds(subject, Ending::Fails),
};

/// The function panics.
pub const PANICKING: Situation = Situation {
    title: "8 callers of a function that panics",
    key: "panicking",
    see: |subject| herds(subject, Ending::Panics),
};

#[derive(Clone, Copy)]
enum Ending {
    Value,
    Fails,
    Panics,
}

/// The function of a herd. Its first execution waits until all other callers have arrived.
struct Function {
    ending: Ending,
    executions: AtomicUsize,
    now: AtomicUsize,
    most: AtomicUsize,
    started: Door,
    all_came: Door,
}

impl Function {
    fn new(ending: Ending) -> Self {
        Self {
            ending,
            executions: AtomicUsize::new(0),
            now: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            started: Door::default(),
            all_came: Door::default(),
        }
    }

    fn run(&self) -> Result<u64, Failure> {
        self.most.fetch_max(self.now.fetch_add(1, SeqCst) + 1, SeqCst);
        if self.executions.fetch_add(1, SeqCst) == 0 {
            self.started.open();
            self.all_came.pass();
        } else {
            thread::sleep(REPEATED);
        }
        self.now.fetch_sub(1, SeqCst);
        match self.ending {
            Ending::Value => Ok(1),
            Ending::Fails => Err(Failure),
            // As `panic!`, but the panic hook is not run: nothing is written to the terminal.
            Ending::Panics => resume_unwind(Box::new("on purpose")),
        }
    }
}

/// The result of one herd, when every caller has returned or hangs.
struct Herd {
    executions: usize,
    one_by_one: bool,
    leader: Seen<Answer>,
    followers: Vec<Seen<Answer>>,
}

impl Herd {
    fn shared(&self) -> bool {
        self.executions == 1 && !self.followers.contains(&Seen::Hangs)
    }
}

fn herds(subject: &Subject, ending: Ending) -> String {
    for _ in 1..HERDS {
        let herd = herd(&subject.plain(), ending);
        if !herd.shared() {
            return words(&herd);
        }
    }
    words(&herd(&subject.plain(), ending))
}

fn herd(peer: &Arc<dyn Watched>, ending: Ending) -> Herd {
    let function = Arc::new(Function::new(ending));
    let leader = send(peer, &function);
    function.started.pass();
    let followers: Vec<_> = (1..CALLERS).map(|_| send(peer, &function)).collect();
    settle(&followers);
    function.all_came.open();
    Herd {
        leader: leader.seen(),
        followers: seen_of_each(followers),
        executions: function.executions.load(SeqCst),
        one_by_one: function.most.load(SeqCst) == 1,
    }
}

fn send(peer: &Arc<dyn Watched>, function: &Arc<Function>) -> Caller<Answer> {
    let (peer, function) = (Arc::clone(peer), Arc::clone(function));
    call(move || peer.load(1, &|| function.run()))
}

fn words(herd: &Herd) -> String {
    format!("{}; {}", executions(herd), ends(herd))
}

fn executions(herd: &Herd) -> String {
    match herd.executions {
        1 => "1 execution".into(),
        CALLERS if herd.one_by_one => format!("{CALLERS} executions, one after the other"),
        2..CALLERS => "1 execution, in some herds more".into(),
        other => format!("{other} executions"),
    }
}

fn ends(herd: &Herd) -> String {
    match (herd.leader, common(&herd.followers)) {
        (leader, Some(follower)) if leader == follower => format!("all {}", end(leader)),
        (Seen::Panicked, Some(follower)) => {
            format!("the leader panics, the others {}", end(follower))
        }
        (leader, _) => format!("{leader:?}, {:?}", herd.followers),
    }
}

/// The end of all of them, if it is the same.
fn common(all: &[Seen<Answer>]) -> Option<Seen<Answer>> {
    let first = *all.first()?;
    all.iter().all(|seen| *seen == first).then_some(first)
}

fn end(seen: Seen<Answer>) -> String {
    match seen {
        Seen::Returned(Answer::Value(_)) => "get the value".into(),
        Seen::Returned(Answer::Failed) => "get the error".into(),
        Seen::Returned(Answer::LeaderPanicked) => "get `LeaderPanicked`".into(),
        Seen::Panicked => "panic".into(),
        Seen::Hangs => "hang".into(),
        other => format!("{other:?}"),
    }
}
