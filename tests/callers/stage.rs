//! The system under test: a `Group`, and threads whose calls and functions do what a program says.
//!
//! A function that runs waits for commands: to make a call, or to end. So between two steps every
//! thread stands still: in a function, in a wait, or at its end. What each call does is in the log.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use coalescer::{Error, Group, Job, ManualClock, NeverBlocks, Role, ShareWith, Stats, Ticket};

use crate::script::{End, KeyId, Millis, Settings, Verb, duration};

/// A call, in the order of the calls. It also names the execution of its function.
pub(crate) type CallId = usize;

/// An object of which none may be alive at the end. Its handles are the count.
pub(crate) type Live = Arc<()>;

/// A value or an error, which knows the call whose function made it.
#[derive(Debug)]
pub(crate) struct Product {
    pub(crate) maker: CallId,
    end: End,
    _live: Live,
}

type Numbers = Group<KeyId, Product, Product>;
pub(crate) type Submitted = Ticket<KeyId, Product, Product>;
type Outcome = Result<Product, Product>;

/// The answer to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Value { maker: CallId, role: Role, callers: usize, waited: Millis },
    Failed(CallId),
    Panicked,
    LeaderPanicked(CallId),
    TimedOut,
    WouldBlock,
    WouldDeadlock,
}

/// The occupation of a call, as its thread says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// It has been made, and its function has not run.
    Called,
    Runs,
    /// Its function has returned. Of a submitted call nothing more is known without its ticket.
    Ran,
    Done(Answer),
}

impl Answer {
    /// A ticket may have been waited with before, and by several threads.
    pub(crate) fn without_wait(self) -> Self {
        match self {
            Self::Value { maker, role, callers, .. } => {
                Self::Value { maker, role, callers, waited: 0 }
            }
            other => other,
        }
    }
}

pub(crate) enum Command {
    Call(CallId, Verb, KeyId),
    End(End),
}

/// A flight as `in_flight` shows it: key, age, followers, executions.
pub(crate) type Shown = (KeyId, Millis, usize, usize);

#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) group: Numbers,
    pub(crate) clock: ManualClock,
    shared: Arc<Mutex<Shared>>,
    pub(crate) live: Live,
    undecided: Arc<AtomicUsize>,
}

/// A job that has been handed over, and has neither begun its function nor ended without it. A job that begins when
/// the clock has moved on could do another thing than the reference.
struct Undecided(Arc<AtomicUsize>);

impl Undecided {
    fn new(jobs: &Arc<AtomicUsize>) -> Self {
        jobs.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(jobs))
    }
}

impl Drop for Undecided {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

thread_local! {
    static JOB: RefCell<Option<Undecided>> = const { RefCell::new(None) };
}

#[derive(Default)]
struct Shared {
    doing: BTreeMap<CallId, Doing>,
    /// Where the functions that run take their commands.
    functions: BTreeMap<CallId, Sender<Command>>,
    tickets: BTreeMap<CallId, Submitted>,
}

impl Stage {
    pub(crate) fn new(settings: &Settings) -> Self {
        let clock = ManualClock::new();
        let undecided = Arc::default();
        let group = group(settings, &clock, &undecided);
        Self { group, clock, shared: Arc::default(), live: Live::default(), undecided }
    }

    /// The jobs of which it is not known yet if they run the function.
    pub(crate) fn undecided(&self) -> usize {
        self.undecided.load(Ordering::SeqCst)
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The occupation of every call, as far as its thread has said.
    pub(crate) fn doing(&self) -> BTreeMap<CallId, Doing> {
        self.shared().doing.clone()
    }

    /// The counters, and the flights sorted by key.
    pub(crate) fn look(&self) -> (Stats, Vec<Shown>) {
        let millis = |age: std::time::Duration| Millis::try_from(age.as_millis()).unwrap_or(0);
        let shown = self.group.in_flight().into_iter();
        let mut shown: Vec<_> =
            shown.map(|f| (f.key, millis(f.age), f.followers, f.executions)).collect();
        shown.sort_unstable();
        (self.group.stats(), shown)
    }

    /// The tickets that no thread waits with, and whether their answers are there.
    pub(crate) fn idle_tickets(&self) -> BTreeMap<CallId, bool> {
        let shared = self.shared();
        shared.tickets.iter().map(|(id, ticket)| (*id, ticket.is_finished())).collect()
    }

    /// Makes a call on a new thread.
    pub(crate) fn call(&self, id: CallId, verb: Verb, key: KeyId) {
        let stage = self.clone();
        self.set(id, Doing::Called);
        thread::spawn(move || stage.make(id, verb, key));
    }

    /// Tells a function that runs what to do.
    pub(crate) fn tell(&self, id: CallId, command: Command) {
        if let Command::Call(inner, ..) = command {
            self.set(inner, Doing::Called);
        }
        let function = self.shared().functions.get(&id).cloned();
        function.expect("its function runs").send(command).expect("it waits for commands");
    }

    /// Inserts a value, which no call of the program makes.
    pub(crate) fn insert(&self, id: CallId, key: KeyId) {
        drop(self.group.insert(&key, self.product(id, End::Value)));
    }

    fn product(&self, maker: CallId, end: End) -> Product {
        Product { maker, end, _live: Live::clone(&self.live) }
    }

    /// The function is that of the call `runs`.
    pub(crate) fn submit(&self, id: CallId, key: KeyId, runs: CallId) {
        let stage = self.clone();
        self.set(id, Doing::Called);
        self.set(runs, Doing::Called);
        let ticket = self.group.submit(&key, move || stage.run(runs)).expect("every job is taken");
        self.shared().tickets.insert(id, ticket);
    }

    /// Waits with a ticket on a new thread, and puts it back if it has no answer by then.
    pub(crate) fn wait(&self, id: CallId, wait: CallId, timeout: Option<Millis>) {
        let stage = self.clone();
        self.set(wait, Doing::Called);
        let mut ticket = self.shared().tickets.remove(&id).expect("the ticket is there");
        // Nobody sees when the thread begins to wait, so the deadline is a time of the clock.
        let deadline = timeout.map(|timeout| self.clock.now() + duration(timeout));
        thread::spawn(move || {
            let is_over = match deadline {
                Some(deadline) => {
                    let got = ticket.wait_deadline(deadline);
                    matches!(got, Err(Error::TimedOut))
                }
                None => false,
            };
            let answer = match is_over {
                true => {
                    stage.shared().tickets.insert(id, ticket);
                    Answer::TimedOut
                }
                false => stage.answer(ticket.wait_outcome()).without_wait(),
            };
            stage.set(wait, Doing::Done(answer));
        });
    }

    pub(crate) fn drop_ticket(&self, id: CallId) {
        let ticket = self.shared().tickets.remove(&id);
        drop(ticket.expect("the ticket is there"));
    }

    fn set(&self, id: CallId, doing: Doing) {
        self.shared().doing.insert(id, doing);
    }

    fn make(&self, id: CallId, verb: Verb, key: KeyId) {
        let request = self.group.call(&key);
        let request = match verb {
            Verb::Execute => request,
            Verb::Try => request.no_wait(),
            Verb::Fresh => request.fresh(),
            Verb::Timeout(timeout) => request.timeout(duration(timeout)),
            Verb::Within(age) => request.max_age(duration(age)),
        };
        let got = catch_unwind(AssertUnwindSafe(|| request.outcome(|| self.run(id))));
        let answer = match got {
            Ok(got) => self.answer(got),
            Err(payload) => match payload.downcast::<String>() {
                Ok(maker) => {
                    assert_eq!(maker.parse(), Ok(id), "a panic of another function");
                    Answer::Panicked
                }
                Err(unplanned) => resume_unwind(unplanned),
            },
        };
        self.set(id, Doing::Done(answer));
    }

    fn answer(&self, got: Result<coalescer::Outcome<Product>, Error<Product>>) -> Answer {
        match got {
            Ok(outcome) => Answer::Value {
                maker: outcome.value.maker,
                role: outcome.role,
                callers: outcome.callers,
                waited: Millis::try_from(outcome.waited.as_millis()).unwrap_or(Millis::MAX),
            },
            Err(Error::Failed(error)) => Answer::Failed(error.maker),
            Err(Error::LeaderPanicked { message }) => {
                let maker = message.and_then(|text| text.parse().ok());
                Answer::LeaderPanicked(maker.expect("the panic has the number of its call"))
            }
            Err(Error::TimedOut) => Answer::TimedOut,
            Err(Error::WouldBlock) => Answer::WouldBlock,
            Err(Error::WouldDeadlock) => Answer::WouldDeadlock,
            Err(other) => panic!("nothing in these programs ends as {other:?}"),
        }
    }

    /// The function of a call: does what it is told until it is told to end.
    fn run(&self, id: CallId) -> Outcome {
        let (tell, commands) = channel();
        let mut shared = self.shared();
        shared.functions.insert(id, tell);
        shared.doing.insert(id, Doing::Runs);
        drop(shared);
        drop(JOB.take());
        let end = self.obey(&commands);
        self.set(id, Doing::Ran);
        let product = self.product(id, end);
        match end {
            End::Error | End::BriefError(_) => Err(product),
            // Without the hook, which would print a thousand panics that are meant to be.
            End::Panic => resume_unwind(Box::new(id.to_string())),
            End::Value | End::Private | End::Passing | End::Brief(_) | End::RulePanic => {
                Ok(product)
            }
        }
    }

    fn obey(&self, commands: &Receiver<Command>) -> End {
        loop {
            match commands.recv() {
                Ok(Command::Call(id, verb, key)) => self.make(id, verb, key),
                Ok(Command::End(end)) => return end,
                // The program has failed; nothing is to hang.
                Err(_) => return End::Error,
            }
        }
    }

    /// Lets every function that runs end, after a failure.
    pub(crate) fn give_up(&self) {
        self.shared().functions.clear();
    }

    /// Takes the place of a function that has been told to end.
    pub(crate) fn has_ended(&self, id: CallId) {
        self.shared().functions.remove(&id);
    }
}

fn group(settings: &Settings, clock: &ManualClock, undecided: &Arc<AtomicUsize>) -> Numbers {
    let jobs = Arc::clone(undecided);
    let executor = NeverBlocks(move |job: Job| {
        let undecided = Undecided::new(&jobs);
        thread::spawn(move || {
            JOB.set(Some(undecided));
            job.run();
            drop(JOB.take());
        });
    });
    let builder = settings.on(Group::builder(), clock).executor(executor);
    match settings.has_rule {
        true => builder.share_with(share_with).share_error_with(share_with).build(),
        false => builder.build(),
    }
}

fn share_with(product: &Product) -> ShareWith {
    match product.end {
        End::RulePanic => resume_unwind(Box::new(product.maker.to_string())),
        End::Private => ShareWith::Nobody,
        End::Passing => ShareWith::Followers,
        End::Brief(time) | End::BriefError(time) => ShareWith::For(duration(time)),
        _ => ShareWith::Everyone,
    }
}
