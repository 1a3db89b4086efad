//! The parts of a tier's tests: a function that can be held, and processes that share it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use coalescer::shared::SharedBy;
use coalescer::{Builder, Coalescer, DefaultHashBuilder, ForCoalescer, Outcome};
use coalescer_cluster::engine::{Engine, Key};
use coalescer_cluster::wire::{Digests, KeyWriter, ReadBack, Schema, Scope, WriteKey};
use coalescer_cluster::{Cluster, Open, Shared};
use parking_lot::{Condvar, Mutex};

use crate::support::wait_until;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// The function of a test: it counts its runs, and waits while it is held.
#[derive(Clone, Default)]
pub(crate) struct Function(Arc<Inner>);

#[derive(Default)]
struct Inner {
    begun: AtomicU32,
    held: Mutex<bool>,
    changed: Condvar,
}

impl Function {
    pub(crate) fn run(&self) -> u32 {
        let number = self.0.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let mut held = self.0.held.lock();
        self.0.changed.notify_all();
        self.0.changed.wait_while(&mut held, |held| *held);
        number
    }

    /// The function, as a coalescer takes it.
    pub(crate) fn body(&self) -> impl Fn(&u64) -> Result<u32, String> + Send + Sync + use<> {
        let function = self.clone();
        move |_| Ok(function.run())
    }

    pub(crate) fn hold(&self) {
        *self.0.held.lock() = true;
    }

    pub(crate) fn let_go(&self) {
        *self.0.held.lock() = false;
        self.0.changed.notify_all();
    }

    pub(crate) fn runs(&self) -> u32 {
        self.0.begun.load(Ordering::SeqCst)
    }

    /// Waits until so many runs have begun.
    pub(crate) fn wait_for(&self, runs: u32) {
        let mut held = self.0.held.lock();
        self.0.changed.wait_while(&mut held, |_| self.runs() < runs);
    }
}

/// One process: its handle to the cluster, and its coalescer, whose values mostly are the numbers of the runs.
pub(crate) struct Site<V = u32> {
    pub(crate) cluster: Cluster,
    pub(crate) users: Coalescer<u64, V, String>,
}

impl<V> Site<V> {
    pub(crate) fn call(&self, key: u64) -> Outcome<V> {
        self.users.call(&key).outcome().unwrap()
    }

    /// Calls, and watches the copy that the process may keep.
    pub(crate) fn copy(&self, key: u64) -> Copied<V> {
        Copied(Arc::downgrade(&self.call(key).value))
    }

    pub(crate) fn followers(&self) -> usize {
        self.users.in_flight().iter().map(|flight| flight.followers).sum()
    }

    pub(crate) fn value(&self, key: u64) -> V
    where
        V: Copy,
    {
        *self.call(key).value
    }
}

/// A value of a process, which lives while the process keeps it.
pub(crate) struct Copied<V = u32>(Weak<V>);

impl<V> Copied<V> {
    pub(crate) fn is_kept(&self) -> bool {
        self.0.strong_count() > 0
    }
}

/// A cluster that waits for the steps of its engine, and for the answers of other threads, as long as they take on a busy
/// machine, and whose leases do not run out.
pub(crate) fn open(engine: impl Engine) -> Open {
    Cluster::over(engine).namespace("shop").op_timeout(MINUTE / 3).lease(60 * MINUTE)
}

/// A cluster that asks soon again, where its engine fails.
pub(crate) fn hasty(engine: impl Engine) -> Open {
    open(engine).op_timeout(Duration::from_millis(100))
}

/// A handle that hears messages, unless the engine is down: until then a process keeps no copies, and shares nothing
/// that it cannot publish.
pub(crate) fn opened(open: Open) -> Cluster {
    let cluster = open.open().unwrap();
    if cluster.ping().is_ok() {
        wait_until(|| cluster.health().listening);
    }
    cluster
}

/// A process with a window.
pub(crate) fn site(engine: impl Engine, window: Duration, function: &Function) -> Site {
    site_with(open(engine), window, function, |shared| shared)
}

pub(crate) fn site_with<R>(
    open: Open,
    window: Duration,
    function: &Function,
    share: impl FnOnce(Shared) -> R,
) -> Site
where
    R: SharedBy<u64, u32, String, DefaultHashBuilder>,
{
    let share = |cluster: &Cluster| share(users(cluster));
    site_of(open, |table| table.window(window), share, function.body())
}

/// How a `Site` shares, unless its test says something else.
pub(crate) fn users(cluster: &Cluster) -> Shared {
    cluster.named("users").schema("1")
}

pub(crate) type Table<V> = Builder<ForCoalescer, u64, V>;

/// A process with other settings, another sharing, or another function.
pub(crate) fn site_of<V, R>(
    open: Open,
    set: impl FnOnce(Table<V>) -> Table<V>,
    share: impl FnOnce(&Cluster) -> R,
    run: impl Fn(&u64) -> Result<V, String> + Send + Sync + 'static,
) -> Site<V>
where
    R: SharedBy<u64, V, String, DefaultHashBuilder>,
{
    let cluster = opened(open);
    let shared = share(&cluster);
    let users = set(Coalescer::builder().window(MINUTE)).shared(shared).build(run);
    Site { cluster, users }
}

/// A call leads, and another process waits for it. Then `meanwhile` happens, and the function, which was held, is
/// let go.
pub(crate) fn led_and_awaited<A: Send, B: Send>(
    function: &Function,
    leads: impl FnOnce() -> A + Send,
    (there, waits): (&Cluster, impl FnOnce() -> B + Send),
    meanwhile: impl FnOnce(),
) -> (thread::Result<A>, B) {
    function.hold();
    thread::scope(|scope| {
        let led = scope.spawn(leads);
        function.wait_for(1);
        let awaited = scope.spawn(waits);
        wait_until(|| there.stats().follows >= 1);
        meanwhile();
        function.let_go();
        (led.join(), awaited.join().unwrap())
    })
}

/// A user's key as the engine has it, in a cluster of `site`s with a window of a minute.
pub(crate) fn key_of(user: u64) -> Key<'static> {
    let scope = Scope {
        namespace: "shop",
        name: "users",
        schema: Schema::named("1"),
        codec: "postcard",
        window: MINUTE,
        error_window: Duration::ZERO,
    };
    let mut out = KeyWriter::new();
    ReadBack.write(&user, &mut out).unwrap();
    let digest = Digests::new(&scope).unwrap().of(out.bytes());
    Key { namespace: "shop", name: "users", digest }
}
