//! Cache-aside by hand: GET, and on a miss the function and SET; without a lock, or with one of two.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use redis::{Client, Connection, RedisResult};
use tokio::runtime::{self, Runtime};

use super::clock::{self, MS};
use super::talk::{Answer, Job};
use super::way::{Ask, Function};

/// A command that takes longer counts as failed, as the steps of the library.
const TIMEOUT: Duration = Duration::from_millis(100);

/// A lock goes after this time if its holder has died.
const LOCK: Duration = Duration::from_secs(10);

/// Who may run the function on a miss.
pub(super) enum By {
    /// Everybody.
    Nobody,
    /// The process that sets a key which was not there. The others look again after this time.
    SetNx { poll: Duration },
    /// The process that gets the lock of rslock, which waits for a random time between its tries.
    Rslock { runtime: Runtime, manager: rslock::LockManager },
}

impl By {
    pub(super) fn rslock(url: &str) -> Result<Self> {
        let mut builder = runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().context("a runtime")?;
        Ok(Self::Rslock { runtime, manager: rslock::LockManager::new(vec![url]) })
    }
}

/// The cache, with a connection for each thread.
pub(super) struct Aside {
    function: Arc<Function>,
    window: Duration,
    client: Client,
    connections: Vec<Mutex<Option<Connection>>>,
    commands: AtomicU64,
    by: By,
}

impl Aside {
    pub(super) fn open(job: &Job, function: &Arc<Function>, by: By) -> Result<Self> {
        Ok(Self {
            function: Arc::clone(function),
            window: job.window,
            client: Client::open(job.address.url()?)?,
            connections: (0..job.threads).map(|_| Mutex::default()).collect(),
            commands: AtomicU64::new(0),
            by,
        })
    }

    /// Sends a command. `None`: it failed, and the connection is given up.
    fn send<T>(
        &self,
        thread: usize,
        command: impl FnOnce(&mut Connection) -> RedisResult<T>,
    ) -> Option<T> {
        let mut place = self.connections[thread].lock();
        if place.is_none() {
            *place = self.connect().ok();
        }
        self.commands.fetch_add(1, Ordering::Relaxed);
        let done = command(place.as_mut()?);
        if done.is_err() {
            *place = None;
        }
        done.ok()
    }

    fn connect(&self) -> RedisResult<Connection> {
        let connection = self.client.get_connection_with_timeout(TIMEOUT)?;
        connection.set_read_timeout(Some(TIMEOUT))?;
        connection.set_write_timeout(Some(TIMEOUT))?;
        Ok(connection)
    }

    /// `None`: the cache did not answer.
    fn get(&self, thread: usize, key: u64) -> Option<Option<Answer>> {
        let get = redis::cmd("GET").arg(key).to_owned();
        let text: Option<String> = self.send(thread, |connection| get.query(connection))?;
        Some(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Runs the function, and keeps its value until a window after its begin, as the library does.
    fn run(&self, thread: usize, key: u64) -> Answer {
        let answer = self.function.run(key);
        let end = answer.began + self.window.as_nanos() as u64;
        let left = end.saturating_sub(clock::now()) / MS;
        if let (Ok(text), 1..) = (serde_json::to_string(&answer), left) {
            let set = redis::cmd("SET").arg(key).arg(text).arg("PX").arg(left).to_owned();
            self.send(thread, |connection| set.exec(connection));
        }
        answer
    }

    /// The value, if somebody has put it there before this process got the lock.
    fn look_or_run(&self, thread: usize, key: u64) -> Answer {
        self.get(thread, key).flatten().unwrap_or_else(|| self.run(thread, key))
    }

    /// One try for the lock: `Some(true)` got it, `None` the server did not answer.
    fn try_lock(&self, thread: usize, key: u64) -> Option<bool> {
        let mut set = redis::cmd("SET");
        set.arg(lock_of(key)).arg(1).arg("NX").arg("PX").arg(LOCK.as_millis() as u64);
        let got: Option<String> = self.send(thread, |connection| set.query(connection))?;
        Some(got.is_some())
    }

    fn by_set_nx(&self, thread: usize, key: u64, poll: Duration) -> Answer {
        loop {
            match self.try_lock(thread, key) {
                None => return self.function.run(key),
                Some(true) => {
                    let answer = self.look_or_run(thread, key);
                    let delete = redis::cmd("DEL").arg(lock_of(key)).to_owned();
                    self.send(thread, |connection| delete.exec(connection));
                    return answer;
                }
                Some(false) => thread::sleep(poll),
            }
            if let Some(Some(answer)) = self.get(thread, key) {
                return answer;
            }
        }
    }

    fn by_rslock(
        &self,
        thread: usize,
        key: u64,
        runtime: &Runtime,
        manager: &rslock::LockManager,
    ) -> Result<Answer, String> {
        let name = lock_of(key);
        let lock = runtime.block_on(manager.acquire_no_guard(name.as_bytes(), LOCK));
        let lock = lock.map_err(|error| error.to_string())?;
        let answer = self.look_or_run(thread, key);
        runtime.block_on(lock.release());
        Ok(answer)
    }
}

fn lock_of(key: u64) -> String {
    format!("{key}:lock")
}

impl Ask for Aside {
    fn ask(&self, thread: usize, key: u64) -> Result<Answer, String> {
        match (self.get(thread, key), &self.by) {
            (Some(Some(answer)), _) => Ok(answer),
            (None, _) => Ok(self.function.run(key)),
            (Some(None), By::Nobody) => Ok(self.run(thread, key)),
            (Some(None), By::SetNx { poll }) => Ok(self.by_set_nx(thread, key, *poll)),
            (Some(None), By::Rslock { runtime, manager }) => {
                self.by_rslock(thread, key, runtime, manager)
            }
        }
    }

    fn round_trips(&self) -> Option<u64> {
        // The messages of rslock are not counted here, so the count would be too low.
        let is_all = !matches!(self.by, By::Rslock { .. });
        is_all.then(|| self.commands.load(Ordering::Relaxed))
    }
}
