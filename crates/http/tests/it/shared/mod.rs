//! Layers that share their pages. Two clusters over one engine in one process are as two processes.

mod faults;
mod kinds;
mod record;
mod secrets;
mod sharing;
mod stale;
mod tags;
mod visits;
mod writes;

#[cfg(target_os = "linux")]
use std::path::PathBuf;
#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use coalescer::ManualClock;
use coalescer_cluster::engine::Engine;
use coalescer_cluster::{Cluster, Memory, Shared};
use coalescer_http::{CoalesceLayer, Settings, SharedPages};
use http::request::Builder;

use self::record::Record;
use crate::stage::{Page, Pages, call, page, pages, scripted};
use crate::support::wait_until;

const MINUTE: Duration = Duration::from_secs(60);

/// One process: its handle to the cluster, and its layer.
struct Site {
    cluster: Cluster,
    pages: Pages,
}

impl Site {
    /// Makes a call whose handler returns `page` at once.
    fn call(&self, request: Builder, page: Page) -> Page {
        call(&self.pages, request, page)
    }

    /// Makes a call, and returns `true` if its handler ran.
    fn runs(&self, request: Builder) -> bool {
        let (ran, has_run) = channel();
        let run = move || {
            ran.send(()).unwrap();
            Ok(page("it ran"))
        };
        self.pages.call(scripted(request, run)).unwrap();
        has_run.recv().is_ok()
    }

    /// Counters of the layer: runs, and pages of other processes.
    fn counts(&self) -> (u64, u64) {
        let flights = self.pages.stats().flights;
        let answered = flights.executed_requests + flights.coalesced_requests;
        assert_eq!(flights.total_requests, answered + flights.timed_out + flights.refused);
        let parts = flights.followers + flights.late + flights.shared;
        assert_eq!(flights.coalesced_requests, parts);
        (flights.executed_requests, flights.shared)
    }
}

fn shared(cluster: &Cluster) -> Shared {
    cluster.named("pages").schema("1")
}

/// A process whose layer has a window of a minute.
fn site(engine: impl Engine) -> Site {
    site_with(engine, |layer| layer)
}

fn site_with(
    engine: impl Engine,
    set: impl FnOnce(CoalesceLayer<SharedPages>) -> CoalesceLayer<SharedPages>,
) -> Site {
    site_of(engine, Settings::new().window(MINUTE), set)
}

/// A handle that hears messages: until then a process keeps no copies, and shares nothing that it cannot publish.
fn opened(engine: impl Engine) -> Cluster {
    let cluster = Cluster::over(engine).namespace("shop").open().unwrap();
    wait_until(|| cluster.health().listening);
    cluster
}

fn site_of(
    engine: impl Engine,
    settings: Settings,
    set: impl FnOnce(CoalesceLayer<SharedPages>) -> CoalesceLayer<SharedPages>,
) -> Site {
    let cluster = opened(engine);
    let layer = CoalesceLayer::new().settings(settings).shared(shared(&cluster));
    Site { pages: pages(set(layer)), cluster }
}

/// Runs a test with each kind of engine: one that sends messages and takes copies back, and one that does neither. All
/// processes of the test have the engine that it is given.
fn each_engine(test: impl Fn(&Record)) {
    test(&Record::of(Memory::new()));
    #[cfg(target_os = "linux")]
    {
        let folder = Folder::new();
        test(&Record::of(coalescer_cluster::Files::open(&folder.0).unwrap()));
    }
}

/// Does the same with two processes.
fn each_two(test: impl Fn([Site; 2])) {
    each_engine(|engine| test([(); 2].map(|()| site(engine.clone()))));
}

/// A folder of the test's own, which goes with it.
#[cfg(target_os = "linux")]
struct Folder(PathBuf);

#[cfg(target_os = "linux")]
impl Folder {
    fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("coalescer-http-{}-{number}", std::process::id())))
    }
}

#[cfg(target_os = "linux")]
impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// Two processes over one engine, which sends messages.
fn two() -> [Site; 2] {
    let engine = Memory::new();
    [(); 2].map(|()| site(engine.clone()))
}

/// Two processes that take the time from one clock, with a window of a minute.
fn two_by_clock() -> ([Site; 2], ManualClock) {
    let clock = ManualClock::new();
    let engine = Memory::with_clock(clock.clone());
    let settings = Settings::new().window(MINUTE).clock(clock.clone());
    ([(); 2].map(|()| site_of(engine.clone(), settings.clone(), |layer| layer)), clock)
}
