//! A worker's ends of its pipes: orders come in, and what happened goes out.
//!
//! The crate `lab` includes this file, with a `talk` of its own.

use std::io::{self, BufRead, Write};
use std::process;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use super::clock::{self, Nanos};
use super::talk::{Order, Told};

/// The orders, read by a thread that ends the process when there are no more: the parent has gone then.
pub(super) fn orders() -> Result<Receiver<Order>> {
    let (sender, receiver) = channel();
    let read = move || {
        let lines = io::stdin().lock().lines();
        for order in lines.map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok())
        {
            let _ = sender.send(order);
        }
        process::exit(0);
    };
    thread::Builder::new().name("hears".to_string()).spawn(read).context("not enough threads")?;
    Ok(receiver)
}

/// One write for each line, so that lines of two threads do not mix.
pub(super) fn say(told: &Told) {
    let Ok(mut line) = serde_json::to_string(told) else { return };
    line.push('\n');
    // A parent that has gone ends this process by stdin.
    let mut out = io::stdout().lock();
    let _ = out.write_all(line.as_bytes());
    let _ = out.flush();
}

pub(super) fn wait_until(at: Nanos) {
    thread::sleep(Duration::from_nanos(at.saturating_sub(clock::now())));
}
