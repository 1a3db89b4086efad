//! The promises of the library, one module for each topic.
//!
//! Each test names the sentences of the specification that it is about (`S14`). Nothing here
//! sleeps: barriers, channels and the manual clock order events. Every test runs under
//! [`support::watched`], because a broken promise often shows as a hang.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod attribute;
mod attribute_keys;
mod attribute_methods;
mod attribute_settings;
mod bad_input;
mod bounded_waits;
mod chains;
mod coalescer;
mod conversions;
mod counters;
mod deadlock;
mod drops;
mod ends;
mod errors;
mod executors;
mod forget;
mod forget_if;
mod fresh;
#[cfg(feature = "future")]
mod futures;
mod gathering;
mod house_rules;
mod in_flight;
mod insert;
mod jobs;
mod keys;
mod leads;
mod lifetimes;
mod lost_jobs;
mod lost_leaders;
mod manager;
mod many;
mod many_callbacks;
#[cfg(feature = "future")]
mod many_futures;
mod max_requests;
mod memory;
#[cfg(feature = "metrics")]
mod metered;
#[cfg(feature = "metrics")]
mod metered_ends;
mod own_errors;
mod panics;
mod peek;
mod places;
mod public_types;
#[cfg(feature = "channel")]
mod receivers;
mod refreshes;
mod refreshing;
mod requests;
mod shared;
mod sharing;
mod slow;
mod support;
mod take_over;
mod take_over_limits;
mod tickets;
mod unlocked;
mod unshareable;
mod waiting;
mod waits_for_room;
mod wanted_jobs;
mod window;
mod worked_examples;
mod younger_results;
