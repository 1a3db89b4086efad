//! Short runs with several processes, and what must hold on a machine of any speed.

#![cfg(target_os = "linux")]

mod ends;
mod options;
mod short_run;

use std::process::{Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// No run of these tests takes longer. The program has a watchdog of its own; this one is for that.
const LIMIT: Duration = Duration::from_secs(120);

fn stampede(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stampede"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// One run at a time has the processors.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the program to its end.
fn run(arguments: &[&str]) -> Output {
    let _turn = turn();
    let child = stampede(arguments).spawn().expect("the program was built with its tests");
    let id = child.id();
    let (sender, receiver) = channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    match receiver.recv_timeout(LIMIT) {
        Ok(output) => output.expect("the program was started"),
        Err(_) => {
            signal("KILL", id);
            panic!("stampede {arguments:?} did not end within {} s", LIMIT.as_secs());
        }
    }
}

fn signal(name: &str, process: u32) {
    let sent = Command::new("kill").args(["-s", name, &process.to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "the signal {name} was not sent");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn result(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("stdout is not the result alone: {error}\n{}", text(&output.stderr))
    })
}
