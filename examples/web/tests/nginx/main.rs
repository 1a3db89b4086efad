//! The same pairs of requests, through nginx and through the layer. Each difference is in `docs/nginx.md`.
//!
//! ```text
//! two clients ──▶ nginx, which caches and has proxy_cache_lock ──▶ a plain server of threads ──┐
//!                                                                                              ├──▶ the pair's answer
//! two clients ──▶ the server of examples/web, with the layer ──────────────────────────────────┘
//! ```
//!
//! A [`script`] says which two requests are sent, and what the origin answers. It is played twice: the second request
//! comes while the first one runs, or after it, within the window. No test sleeps. The origin tells that a request is in
//! and lets it go when the test says so ([`stage`]). How the test knows that a second request is held is in [`pair`].
//!
//! With `COALESCER_WRITE_TABLES=1` the test writes the page's outcomes. Reasons are written by hand.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod client;
mod layer;
mod nginx;
mod origin;
mod outcome;
mod page;
mod pair;
mod script;
mod scripts;
#[path = "../../../../tests/support/nginx.rs"]
#[expect(dead_code, reason = "the measurements use the rest of it")]
mod server;
mod stage;
#[path = "../../../../tests/support/watchdog.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod watchdog;

use std::collections::BTreeSet;

use outcome::Outcome;
use pair::{Pair, play_all};
use watchdog::watched;

/// One pair, and how it ended in both ways.
struct Compared {
    name: String,
    pair: Pair,
    nginx: Outcome,
    ours: Outcome,
}

#[test]
fn every_difference_from_nginx_is_listed_with_its_reason() {
    watched(|| {
        let Some(nginx) = nginx::Nginx::start() else { return };
        let pairs = pair::all();
        assert!(pairs.len() >= 200, "{} pairs", pairs.len());
        let names: BTreeSet<_> = pairs.iter().map(Pair::name).collect();
        assert_eq!(names.len(), pairs.len(), "each pair has a name of its own");

        // nginx looks for a page twice a second, so many pairs wait at a time.
        let theirs = play_all(&nginx, &pairs, 48);
        let ours = play_all(&layer::Layer::start(), &pairs, 8);
        let compared = pairs.into_iter().zip(theirs.into_iter().zip(ours));
        let compared: Vec<_> = compared
            .map(|(pair, (nginx, ours))| Compared { name: pair.name(), pair, nginx, ours })
            .collect();

        for (pair, seen) in [
            ("GET, meanwhile", "1 run; 200 #1; 200 #1"),
            ("POST, meanwhile", "2 runs at once; 200 #1; 200 #2"),
            ("no-store, meanwhile", "2 runs in turn; 200 #1; 200 #2"),
        ] {
            let it = compared.iter().find(|it| it.name == pair).unwrap();
            // The test tells one that is held from one that runs, here and there.
            assert_eq!([it.nginx.to_string(), it.ours.to_string()], [seen, seen], "{pair}");
        }
        for it in &compared {
            nobody_gets_a_field_of_another_run(it);
            age_tells_who_got_a_page_of_the_window(it);
        }
        page::check(nginx.version(), &compared);
    });
}

/// A field that names a run, such as a session's cookie, goes to the client of that run alone.
fn nobody_gets_a_field_of_another_run(it: &Compared) {
    let second = it.ours.second();
    let is_others = second.run == Some(1);
    assert!(!is_others || second.marked.is_empty(), "{}: {}", it.name, it.ours);
}

/// A page of the layer's window has an `Age`, and no other one has, but for an origin's own. nginx never adds one.
fn age_tells_who_got_a_page_of_the_window(it: &Compared) {
    if it.pair.script.answer.states("age") {
        return;
    }
    let is_late = it.pair.is_after && it.ours.second().run == Some(1);
    assert_eq!(it.ours.second().has_age, is_late, "{}: {}", it.name, it.ours);
    assert!(!it.ours.first().has_age, "{}: {}", it.name, it.ours);
    assert!(!it.nginx.first().has_age && !it.nginx.second().has_age, "{}: {}", it.name, it.nginx);
}
