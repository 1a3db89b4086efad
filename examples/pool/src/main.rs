//! Forty threads ask for the pages of two users. Four threads of a pool run the queries.
//!
//! ```sh
//! cargo run -p pool
//! ```

use std::error::Error;
use std::num::NonZero;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use crossbeam_channel::bounded;
use pool::{Order, Pool, Shop, User};

/// Time of a query.
const QUERY: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pool: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let pool = Pool::start(NonZero::new(4).ok_or("a pool has threads")?, 16)?;
    let (stop, stopped) = bounded(0);
    let shop = Shop::new(&pool.queue(), stopped, load_user, load_orders);

    let visitors: Vec<_> = (0..40)
        .map(|visitor| {
            let shop = shop.clone();
            thread::spawn(move || shop.page(visitor % 2, Duration::from_secs(5)))
        })
        .collect();
    for visitor in visitors {
        let page = visitor.join().map_err(|_| "a visitor has panicked")??;
        println!("{} has bought {}", page.user.name, page.orders.len());
    }
    let (queries, calls) = shop.queries_and_calls();
    println!("{calls} calls, {queries} queries");

    // Calls that still wait for a page get an error, and the pool finishes its jobs.
    drop(stop);
    drop(pool);
    println!(
        "a late visitor: {}",
        match shop.page(7, QUERY) {
            Ok(page) => page.user.name.clone(),
            Err(error) => format!("{error:#}"),
        }
    );
    Ok(())
}

fn load_user(id: &u64) -> Result<User, String> {
    thread::sleep(QUERY);
    Ok(User { name: format!("user {id}") })
}

fn load_orders(id: &u64) -> Result<Vec<Order>, String> {
    thread::sleep(QUERY);
    Ok((0..=*id).map(|nth| Order { article: format!("article {nth}") }).collect())
}
