//! Coalescing in a rayon pool, whose threads run other jobs while they wait.
//!
//! ```sh
//! cargo run -p with-rayon
//! ```
//!
//! A thread of such a pool does not sleep while it waits in `join`, in a `scope` or in a parallel
//! iterator: it runs any other job that it finds. So a function can wait for a part of its work, while
//! the same thread runs another request for the same key, higher on its stack. A mutex or a `OnceLock`
//! would then wait for its own thread, forever:
//! [rayon#592](https://github.com/rayon-rs/rayon/issues/592). A coalescer knows which thread leads.
//!
//! | situation | result of the call |
//! |---|---|
//! | a job asks for a key that its own thread leads | `WouldDeadlock`, at once |
//! | the same, with `on_deadlock(OnDeadlock::Bypass)` | a value of its own: the call runs the function, and does not share the result |
//! | a job waits for a job on another thread, which asks for a key that the first thread leads | with `max_wait`, `TimedOut` |
//! | all threads of the pool follow a leader outside of it, whose function waits for the pool | with `max_wait`, `TimedOut` |
//!
//! In the last two rows a thread waits for a job of the pool. A coalescer cannot see that, so without
//! `max_wait` the calls wait forever. In a pool that steals jobs, set `max_wait` and `Bypass`. Do not put
//! a refused job back into the pool: the thread that waits would take it again at once. If the function
//! uses only its own thread, none of this can happen.
//!
//! Copy `reports.rs`. `scenes.rs` and the tests create these situations.

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
            eprintln!("with-rayon: {error:#}");
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
    println!("  {answered} got one. {}\n", reports.stats());

    println!(
        "A job that runs on the leader's own thread, while the leader waits for half of its report:"
    );
    for on_deadlock in [OnDeadlock::Refuse, OnDeadlock::Bypass] {
        let seen = scenes::stolen(on_deadlock)?;
        let thread = if seen.same_thread { "one thread" } else { "two threads" };
        println!("  {on_deadlock:?}: executions {}, on {thread}", seen.stats.executed_requests);
        println!("    the leader got {}", describe(&seen.leader));
        println!("    the job got {}", describe(&seen.stolen));
    }

    println!("\nBoth threads of a pool follow a leader that waits for the pool:");
    let seen = scenes::crowded()?;
    for follower in &seen.followers {
        println!("    a follower got {}", describe(follower));
    }
    println!(
        "    the leader, after a thread of the pool was free again, got {}",
        describe(&seen.leader)
    );
    println!("    executions {}", seen.stats.executed_requests);
    Ok(())
}

fn describe(answer: &Answer) -> String {
    match answer {
        Ok(report) => format!("a report with the total {}", report.total),
        Err(error) => format!("no report: {error:#}"),
    }
}
