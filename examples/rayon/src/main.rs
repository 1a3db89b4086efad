//! Coalescing in a rayon pool, whose threads run other jobs while they wait.
//!
//! ```sh
//! cargo run -p with-rayon
//! ```
//!
//! A thread of such a pool does not sleep while it waits in `join`, in a `scope` or in a parallel
//! iterator: it takes any job that it finds. So it may happen that a function has spread its work
//! over the pool and waits for a part of it, and on the same thread, higher up on the stack, another
//! request asks for the key that this function is run for. A mutex or a `OnceLock` would then wait
//! for its own thread, for ever: [rayon#592](https://github.com/rayon-rs/rayon/issues/592). A
//! coalescer knows who leads.
//!
//! | what happens | what the call gets |
//! |---|---|
//! | a job asks for a key that its own thread leads | `WouldDeadlock`, at once |
//! | the same, with `on_deadlock(OnDeadlock::Bypass)` | a value of its own: it runs the function itself, unshared |
//! | the job does not ask itself, but waits for a job on another thread, and that one asks | with `max_wait`, `TimedOut` |
//! | all threads of the pool follow a leader outside, whose function waits for the pool | with `max_wait`, `TimedOut` |
//!
//! In the last two rows somebody waits for a job of the pool, which a coalescer cannot see: without
//! `max_wait` such calls wait for ever. So set it, and `Bypass`, in a pool that steals. To put a refused job
//! back into the pool is no way out: the thread that waits would take it again at once, and again. And
//! where the function keeps to its own thread, none of this can happen.
//!
//! `reports.rs` is what to copy. `scenes.rs` and the tests bring these situations about.

mod reports;
mod scenes;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use coalescer::OnDeadlock;
use rayon::ThreadPoolBuilder;
use rayon::prelude::*;

use reports::{Answer, Half, Reports, settings};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("with-rayon: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    println!("100 000 requests for 16 reports, by a parallel iterator:");
    let pool = Arc::new(ThreadPoolBuilder::new().build()?);
    let reports = Reports::new(settings(), Arc::clone(&pool), |year, half| match half {
        Half::First => Ok(u64::from(year)),
        Half::Second => Ok(1),
    });
    let answered = pool.install(|| {
        (0..100_000_u32).into_par_iter().filter(|n| reports.get(n % 16).is_ok()).count()
    });
    println!("  {answered} got one; {}\n", reports.stats());

    println!(
        "A job that comes to the leader's own thread, while that waits for half of its report:"
    );
    for on_deadlock in [OnDeadlock::Refuse, OnDeadlock::Bypass] {
        let seen = scenes::stolen(on_deadlock)?;
        let thread = if seen.same_thread { "one thread" } else { "two threads" };
        println!("  {on_deadlock:?}: executions {}, on {thread}", seen.stats.executed_requests);
        println!("    the leader got {}", told(&seen.leader));
        println!("    the job got {}", told(&seen.stolen));
    }

    println!("\nBoth threads of a pool follow a leader that waits for the pool:");
    let seen = scenes::crowded()?;
    for follower in &seen.followers {
        println!("    a follower got {}", told(follower));
    }
    println!(
        "    and the leader, with a thread of the pool free again, got {}",
        told(&seen.leader)
    );
    println!("    executions {}", seen.stats.executed_requests);
    Ok(())
}

fn told(answer: &Answer) -> String {
    match answer {
        Ok(report) => format!("its report, of {}", report.total),
        Err(error) => format!("no report: {error}"),
    }
}
