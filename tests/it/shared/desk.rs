//! A tier whose answers the test gives, one by one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use coalescer::shared::{
    Ask, Asked, Attachment, Claim, Ended, Finished, ForgetEverywhere, Lease, Local, Moment, Served,
    SharedBy, Tier, Unreached, Wait,
};
use coalescer::{Builder, ForGroup, Group, ManualClock, ShareWith};

use crate::support::{MS, Numbers};

/// A question that waits for its answer.
pub(super) struct Question {
    pub(super) key: String,
    pub(super) asked: Moment,
    pub(super) not_before: Option<Moment>,
    pub(super) wait: Wait,
    pub(super) leads_others: bool,
    pub(super) admits: bool,
    reply: Sender<Reply>,
    opened: Receiver<bool>,
}

pub(super) enum Reply {
    Reopen,
    Shut,
    Lead(Terms),
    Served(Served<u32, String>),
    Alone { keep: bool },
    TimedOut,
    WouldBlock,
    Panic,
}

/// How a lease of the test behaves.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    pub(super) may_keep: bool,
    pub(super) confirms: bool,
}

/// The key that stays in its process.
pub(super) const OWN: &str = "own";

pub(super) const FIRM: Terms = Terms { may_keep: true, confirms: true };

/// The result that a lease was told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    Value(u32, ShareWith),
    Failed(String, ShareWith),
    Panicked(Option<String>),
    /// The lease was dropped.
    Gone,
}

impl Question {
    pub(super) fn answer(self, reply: Reply) {
        self.reply.send(reply).unwrap();
    }

    /// The tier lets further calls join.
    pub(super) fn reopen(&self) {
        self.reply.send(Reply::Reopen).unwrap();
        self.opened.recv().unwrap();
    }

    /// The tier lets further calls wait. Returns true if one has joined.
    pub(super) fn shut(&self) -> bool {
        self.reply.send(Reply::Shut).unwrap();
        self.opened.recv().unwrap()
    }

    /// Serves a value that began so long before the question, and may be kept.
    pub(super) fn serve(self, value: u32, age: Duration, keep: bool) {
        let served = Served::new(Ended::Value(Arc::new(value)), self.asked.before(age)).keep(keep);
        self.answer(Reply::Served(served));
    }
}

/// The test's end of the tier.
pub(super) struct Desk {
    questions: Receiver<Question>,
    pub(super) told: Receiver<Told>,
    pub(super) local: Local<String>,
    pub(super) forgets: Receiver<Option<String>>,
    /// The result of forgetting elsewhere.
    pub(super) reached: Arc<Mutex<ForgetEverywhere<bool>>>,
    /// A publication ends when this is free.
    pub(super) line: Arc<Mutex<()>>,
    /// The tier keeps copies.
    pub(super) copies: Arc<AtomicBool>,
}

impl Desk {
    /// Waits for the next question.
    #[track_caller]
    pub(super) fn next(&self) -> Question {
        self.questions.recv().unwrap()
    }

    #[track_caller]
    pub(super) fn is_idle(&self) -> bool {
        self.questions.try_recv().is_err()
    }
}

struct Switchboard {
    copies: Arc<AtomicBool>,
    questions: Sender<Question>,
    told: Sender<Told>,
    forgets: Sender<Option<String>>,
    reached: Arc<Mutex<ForgetEverywhere<bool>>>,
    line: Arc<Mutex<()>>,
}

/// Makes the tier, and sends the handle to the table.
pub(super) struct Line(Switchboard, Sender<Local<String>>);

impl Tier<String, u32, String> for Switchboard {
    fn keeps_copies(&self) -> bool {
        self.copies.load(Ordering::SeqCst)
    }

    fn shares(&self, key: &String) -> bool {
        key != OWN
    }

    fn ask<'a>(&'a self, ask: Ask<'a, String>) -> Asked<'a, u32, String> {
        assert_eq!(coalescer::locks_held(), 0, "the tier is asked under a lock");
        let (reply, answer) = channel();
        let (open, opened) = channel();
        let question = Question {
            key: ask.key().clone(),
            asked: ask.asked(),
            not_before: ask.not_before(),
            wait: ask.wait(),
            leads_others: ask.leads_others(),
            admits: ask.admits(),
            reply,
            opened,
        };
        self.questions.send(question).unwrap();
        let reply = loop {
            match answer.recv().unwrap() {
                Reply::Reopen => {
                    ask.reopen();
                    open.send(true).unwrap();
                }
                Reply::Shut => open.send(ask.shut()).unwrap(),
                reply => break reply,
            }
        };
        match reply {
            Reply::Reopen | Reply::Shut => unreachable!("they are no answers"),
            Reply::Lead(terms) => {
                let lease = TestLease { told: Some(&self.told), line: &self.line, terms };
                Asked::Lead(Claim::new(lease, ask.asked()))
            }
            Reply::Served(served) => Asked::Served(served),
            Reply::Alone { keep } => Asked::Alone { keep },
            Reply::TimedOut => Asked::TimedOut,
            Reply::WouldBlock => Asked::WouldBlock,
            Reply::Panic => panic!("the tier panics"),
        }
    }

    fn forget(&self, key: &String) -> ForgetEverywhere<bool> {
        self.forgets.send(Some(key.clone())).unwrap();
        self.reached.lock().unwrap().clone()
    }

    fn forget_all(&self) -> ForgetEverywhere<()> {
        self.forgets.send(None).unwrap();
        self.reached.lock().unwrap().clone().map(drop)
    }
}

struct TestLease<'a> {
    told: Option<&'a Sender<Told>>,
    line: &'a Mutex<()>,
    terms: Terms,
}

impl Lease<u32, String> for TestLease<'_> {
    fn may_keep(&self) -> bool {
        self.terms.may_keep
    }

    fn end(mut self: Box<Self>, result: Finished<'_, u32, String>) -> bool {
        assert_eq!(coalescer::locks_held(), 0, "the lease ends under a lock");
        let told = match result {
            Finished::Value(value, share_with) => Told::Value(*value, share_with),
            Finished::Failed(error, share_with) => Told::Failed(error.clone(), share_with),
            Finished::Panicked(text) => Told::Panicked(text.map(str::to_owned)),
            _ => unreachable!("a result of a later version"),
        };
        self.told.take().unwrap().send(told).unwrap();
        drop(self.line.lock().unwrap());
        self.terms.confirms
    }
}

impl Drop for TestLease<'_> {
    fn drop(&mut self) {
        if let Some(told) = self.told {
            told.send(Told::Gone).unwrap();
        }
    }
}

impl<S> SharedBy<String, u32, String, S> for Line
where
    S: std::hash::BuildHasher + Send + Sync + 'static,
{
    fn attach(
        self,
        table: Attachment<'_, String, u32, String, S>,
    ) -> Option<Arc<dyn Tier<String, u32, String>>> {
        self.1.send(table.local()).unwrap();
        Some(Arc::new(self.0))
    }
}

/// A group whose tier the test answers for. `copies` tells if it keeps copies.
pub(super) fn desk(
    copies: bool,
    settings: impl FnOnce(Builder<ForGroup, String, u32>) -> Builder<ForGroup, String, u32>,
) -> (Numbers, Desk) {
    desk_of(copies, |line| settings(Group::builder()).shared(line).build())
}

/// The table that `build` makes with the tier, and the test's end of it.
pub(super) fn desk_of<T>(copies: bool, build: impl FnOnce(Line) -> T) -> (T, Desk) {
    let (ask, questions) = channel();
    let (tell, told) = channel();
    let (forget, forgets) = channel();
    let (send_local, local) = channel();
    let (reached, line) = (Arc::new(Mutex::new(Ok(false))), Arc::default());
    let copies = Arc::new(AtomicBool::new(copies));
    let board = Switchboard {
        copies: Arc::clone(&copies),
        questions: ask,
        told: tell,
        forgets: forget,
        reached: Arc::clone(&reached),
        line: Arc::clone(&line),
    };
    let table = build(Line(board, send_local));
    let local = local.recv().unwrap();
    (table, Desk { questions, told, local, forgets, reached, line, copies })
}

/// A group with a window of 100 ms by a manual clock, whose tier keeps copies.
pub(super) fn timed_desk() -> (ManualClock, Numbers, Desk) {
    let clock = ManualClock::new();
    // A result of another process can have begun before.
    clock.advance(1000 * MS);
    let (group, desk) = desk(true, |group| group.window(100 * MS).clock(clock.clone()));
    (clock, group, desk)
}

/// An engine that some process was not reached by.
pub(super) fn unreached() -> Unreached {
    Unreached::new(false, 2, Duration::from_millis(350))
}
