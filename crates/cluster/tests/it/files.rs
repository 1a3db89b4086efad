//! The engine of one host: threads, real processes, and folders that it must refuse.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use coalescer_cluster::Files;
use coalescer_cluster::engine::*;

use crate::support::watched;

/// No step of these tests is expected to take so long.
pub(crate) const WITHIN: Duration = Duration::from_secs(20);
pub(crate) const KEY: Key<'static> =
    Key { namespace: "shop", name: "users", digest: Digest::new([7; 16]) };

/// A folder of the test's own, which goes with it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("coalescer-files-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    pub(crate) fn open(&self) -> Files {
        Files::open(&self.0).unwrap()
    }

    /// The folder of this boot, which has the files.
    fn inner(&self) -> PathBuf {
        let found = fs::read_dir(&self.0).unwrap().next().unwrap();
        found.unwrap().path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

pub(crate) fn token() -> Token {
    Token::new(Inbox::draw("shop"), 1)
}

fn claim(engine: &Files, token: &Token) -> Claimed {
    engine.claim(&Claim::new(KEY, token, WITHIN), WITHIN).unwrap()
}

fn publish(engine: &Files, token: &Token, keep: Option<Duration>) -> Published {
    let mut publication = Publication::new(KEY, token, b"ada");
    publication.keep = keep;
    engine.publish(&publication, WITHIN).unwrap()
}

fn wait(engine: &Files, token: &Token, flight: &FlightId, within: Duration) -> Waited {
    engine.wait(&Wait { key: KEY, token, flight, leads: None }, within).unwrap()
}

#[test]
fn a_wait_ends_with_its_time_and_can_be_repeated() {
    watched(|| {
        let folder = Folder::new();
        let engine = folder.open();
        let [leader, follower] = [token(), token()];
        claim(&engine, &leader);
        let Claimed::Follow { flight, .. } = claim(&engine, &follower) else { panic!("it runs") };
        for _ in 0..3 {
            let waited = wait(&engine, &follower, &flight, Duration::from_millis(1));
            assert_eq!(waited, Waited::StillRuns);
        }
        let release = Release { key: KEY, token: &leader, end: End::RunYourOwn };
        engine.release(&release, WITHIN).unwrap();
        let ended = Waited::Ended { end: End::RunYourOwn, forgotten: false };
        assert_eq!(wait(&engine, &follower, &flight, WITHIN), ended);
    });
}

/// Another process, which leads or follows the key until it is killed or told to end.
struct Worker {
    process: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Worker {
    fn start(folder: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "files::worker", "--nocapture"])
            .env("COALESCER_FILES_WORKER", folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stdout.take().unwrap());
        Self { process, said }
    }

    /// Waits until it says so.
    fn says(&mut self, word: &str) {
        let mut line = String::new();
        while !line.trim_end().ends_with(word) {
            line.clear();
            assert_ne!(self.said.read_line(&mut line).unwrap(), 0, "it ended without '{word}'");
        }
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// The body of another process. As a test of its own it does nothing.
#[test]
fn worker() {
    let Ok(folder) = std::env::var("COALESCER_FILES_WORKER") else { return };
    let engine = Files::open(folder).unwrap();
    let token = token();
    match claim(&engine, &token) {
        Claimed::Lead { .. } => {
            println!("leads");
            // Until its standard input ends.
            std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
            publish(&engine, &token, Some(Duration::MAX));
            println!("published");
        }
        Claimed::Follow { flight, .. } => {
            println!("follows");
            let waited = wait(&engine, &token, &flight, WITHIN);
            println!(
                "learned {}",
                matches!(waited, Waited::Ended { end: End::Outcome { .. }, .. })
            );
        }
        other => println!("{other:?}"),
    }
}

/// C11, C16: who waits for a process that is killed learns of it at once, and exactly one leads on.
#[test]
fn a_leader_that_is_killed_is_followed_by_another() {
    watched(|| {
        let folder = Folder::new();
        let engine = folder.open();
        let mut leader = Worker::start(&folder.0);
        leader.says("leads");

        let waiting = [token(), token(), token()];
        let flights = waiting.each_ref().map(|token| match claim(&engine, token) {
            Claimed::Follow { flight, .. } => flight,
            other => panic!("{other:?}"),
        });
        let flight = &flights[0];
        thread::scope(|scope| {
            let waits = waiting.each_ref().map(|token| {
                let engine = &engine;
                scope.spawn(move || wait(engine, token, flight, WITHIN))
            });
            leader.kill();
            for waited in waits {
                let gone = Waited::Ended { end: End::AskAgain, forgotten: false };
                assert_eq!(waited.join().unwrap(), gone);
            }
        });
        let claims = waiting.each_ref().map(|token| claim(&engine, token));
        let of_flight = claims.iter().all(|claimed| claimed.flight() == Some(flight));
        assert!(of_flight, "it is the same flight: {claims:?}");
        let leads = claims.iter().filter(|claimed| matches!(claimed, Claimed::Lead { .. }));
        assert_eq!(leads.count(), 1, "{claims:?}");
    });
}

#[test]
fn an_outcome_reaches_another_process_that_waits_and_one_that_comes_later() {
    watched(|| {
        let folder = Folder::new();
        let mut leader = Worker::start(&folder.0);
        leader.says("leads");
        let mut follower = Worker::start(&folder.0);
        follower.says("follows");
        drop(leader.process.stdin.take());
        leader.says("published");
        follower.says("learned true");
        let claimed = claim(&folder.open(), &token());
        assert!(matches!(claimed, Claimed::Hit { bytes, .. } if *bytes == *b"ada"));
    });
}

/// C20, with an engine that keeps no copies in processes.
#[test]
fn a_forget_reaches_other_processes() {
    watched(|| {
        let folder = Folder::new();
        let [here, there] = [folder.open(), folder.open()];
        let [first, second] = [token(), token()];
        claim(&here, &first);
        publish(&here, &first, Some(Duration::MAX));
        assert!(matches!(claim(&there, &second), Claimed::Hit { .. }));
        let forget = Forget { key: KEY, from: second.inbox(), id: 1 };
        assert!(there.forget(&forget, WITHIN).unwrap().was_there);
        assert!(matches!(claim(&here, &token()), Claimed::Lead { .. }));
    });
}

#[test]
fn a_flight_that_is_due_or_too_old_gets_a_younger_one_beside_it() {
    watched(|| {
        let folder = Folder::new();
        let engine = folder.open();
        let tokens = [token(), token(), token(), token()];
        let claim_with = |token: &Token, change: fn(&mut Limits)| {
            let mut claim = Claim::new(KEY, token, WITHIN);
            change(&mut claim.limits);
            engine.claim(&claim, WITHIN).unwrap()
        };
        let first = claim(&engine, &tokens[0]);
        let second = claim_with(&tokens[1], |limits| limits.leader_timeout = Some(Duration::ZERO));
        assert!(matches!(second, Claimed::Lead { .. }) && second.flight() != first.flight());
        // Two run, and more may not.
        let third = claim_with(&tokens[2], |limits| limits.max_join_age = Some(Duration::ZERO));
        assert_eq!(third, Claimed::Full);
        // The old one's outcome is for those who wait for it, and kept nowhere.
        let published = publish(&engine, &tokens[0], Some(Duration::MAX));
        assert_eq!(published, Published::Ended { told: 0, kept: false, forgotten: true });
        assert_eq!(claim(&engine, &tokens[3]).flight(), second.flight());
    });
}

/// C4: a state that nobody can read forgets. An outcome that is gone is no hit.
#[test]
fn files_that_somebody_has_damaged_forget() {
    watched(|| {
        let folder = Folder::new();
        let engine = folder.open();
        let keep = || {
            let leader = token();
            let claimed = claim(&engine, &leader);
            assert!(matches!(claimed, Claimed::Lead { .. }), "{claimed:?}");
            publish(&engine, &leader, Some(Duration::MAX));
            assert!(matches!(claim(&engine, &token()), Claimed::Hit { .. }));
        };
        let files = |are_wanted: fn(&str) -> bool| {
            let all = fs::read_dir(folder.inner()).unwrap().map(|file| file.unwrap().path());
            all.filter(move |path| are_wanted(path.file_name().unwrap().to_str().unwrap()))
        };
        for damage in [&b""[..], b"x", &[0; 100]] {
            keep();
            files(|name| name.len() == 32).for_each(|state| fs::write(state, damage).unwrap());
        }
        keep();
        files(|name| name.contains('.')).for_each(|outcome| fs::remove_file(outcome).unwrap());
        keep();
    });
}

#[test]
fn a_folder_that_is_not_private_is_refused() {
    let folder = Folder::new();
    fs::create_dir(&folder.0).unwrap();
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o755)).unwrap();
    let error = Files::open(&folder.0).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
    assert!(error.to_string().contains("chmod 700"), "{error}");
}

#[test]
fn a_path_that_is_no_folder_is_refused() {
    assert!(Files::open("/proc/version").is_err());
    assert!(Files::open("/proc/no/such/folder").is_err());
}

/// Section 10: a folder that is removed, and one that is made anew in its place, which others then use.
#[test]
fn a_folder_that_was_removed_or_replaced_fails() {
    let folder = Folder::new();
    let engine = folder.open();
    engine.ping(WITHIN).unwrap();
    fs::remove_dir_all(&folder.0).unwrap();
    let refused = |error: EngineError| assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    refused(engine.ping(WITHIN).unwrap_err());
    refused(engine.claim(&Claim::new(KEY, &token(), WITHIN), WITHIN).unwrap_err());
    let replaced = folder.open();
    refused(engine.claim(&Claim::new(KEY, &token(), WITHIN), WITHIN).unwrap_err());
    assert!(matches!(claim(&replaced, &token()), Claimed::Lead { .. }));
}

#[test]
fn a_key_of_which_nothing_is_left_to_know_has_no_file() {
    let folder = Folder::new();
    let engine = folder.open();
    let leader = token();
    claim(&engine, &leader);
    let files = || fs::read_dir(folder.inner()).unwrap().count();
    assert_eq!(files(), 2, "the lock and the state");
    engine.release(&Release { key: KEY, token: &leader, end: End::AskAgain }, WITHIN).unwrap();
    assert_eq!(files(), 1, "the lock");
}

#[test]
fn all_promises_of_the_tier_hold_on_one_host() {
    watched(|| {
        let folder = Folder::new();
        crate::tier::suite::all(&|| folder.open());
    });
}

#[test]
fn a_cluster_that_is_closed_has_asked_for_nothing_that_its_engine_cannot_do() {
    watched(|| {
        let folder = Folder::new();
        let cluster = coalescer_cluster::Cluster::over(folder.open()).open().unwrap();
        cluster.ping().unwrap();
        cluster.close();
        assert_eq!((cluster.health().last_error, cluster.stats().errors.unexpected), (None, 0));
    });
}

/// C20, C6: what was forgotten while it was on its way to a process is for calls of that process that came before.
#[test]
fn who_looks_after_a_forget_is_told_of_it_even_if_the_flight_had_ended_before() {
    watched(|| {
        for all in [false, true] {
            let folder = Folder::new();
            let (here, there) = (folder.open(), folder.open());
            let [leader, waiting] = [token(), token()];
            claim(&here, &leader);
            let Claimed::Follow { flight, .. } = claim(&there, &waiting) else { panic!("it runs") };
            publish(&here, &leader, Some(WITHIN));
            let was_forgotten = || match wait(&there, &waiting, &flight, WITHIN) {
                Waited::Ended { forgotten, .. } => forgotten,
                other => panic!("{other:?}"),
            };
            assert!(!was_forgotten());
            let from = &Inbox::draw("shop");
            match all {
                false => here.forget(&Forget { key: KEY, from, id: 1 }, WITHIN),
                true => {
                    let (namespace, name) = (KEY.namespace, KEY.name);
                    here.forget_all(&ForgetAll { namespace, name, from, id: 1 }, WITHIN)
                }
            }
            .unwrap();
            assert!(was_forgotten());
        }
    });
}
