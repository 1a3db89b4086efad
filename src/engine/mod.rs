//! The engine decides, under locks, how each call is answered.
//!
//! | file | holds |
//! |---|---|
//! | [`table`] | the shards, and the lock order |
//! | [`admit`] | how a call is decided |
//! | [`takeover`], [`successor`], [`chain`] | one more execution of a flight; the flight after it; all flights of a key |
//! | [`depend`] | the dependency of a flight that has not begun |
//! | [`execution`], [`publish`], [`lose`] | one run of a flight, and how it ends, or is lost |
//! | [`elsewhere`] | a leader that asks another process before it runs |
//! | [`expire`], [`capacity`] | the window, and `max_retained` |
//! | [`peek`], [`insert`] | a look at a kept value, and a value that no execution made: both are no call |
//! | [`forget`], [`depart`], [`purge`] | calls that take a result, themselves, or unused space away |
//! | [`waiter`], [`alone`] | a call that waits, and one that runs for itself: each is counted until it ends |
//! | [`job_wait`] | a call that waits for its own job, which another thread runs |
//! | [`berth`], [`led`] | the places of a call of many keys: in flights that it waits for, and that it leads |
//! | [`list`], [`slow`], [`observed`] | the view of operators |
//! | [`shard`], [`slab`], [`slot`], [`flight`], [`tally`] | the data under the locks |
//! | [`promise`], [`completion`], [`reach`], [`answer`] | a result, from its run to each call |
//! | [`call`], [`queued`], [`rules`] | the words of calls, jobs and settings |
//!
//! **Invariant:** it runs no user code but the `Eq` of keys. It knows no function, no executor and no
//! listener but the observer.

pub(crate) mod admit;
pub(crate) mod alone;
pub(crate) mod answer;
pub(crate) mod berth;
pub(crate) mod call;
pub(crate) mod capacity;
pub(crate) mod chain;
pub(crate) mod completion;
pub(crate) mod depart;
pub(crate) mod depend;
pub(crate) mod elsewhere;
pub(crate) mod execution;
pub(crate) mod expire;
pub(crate) mod flight;
pub(crate) mod forget;
pub(crate) mod insert;
mod job_wait;
pub(crate) mod led;
pub(crate) mod list;
pub(crate) mod lose;
pub(crate) mod observed;
pub(crate) mod pauses;
mod peek;
pub(crate) mod promise;
pub(crate) mod publish;
pub(crate) mod purge;
pub(crate) mod queued;
pub(crate) mod reach;
mod refresh;
pub(crate) mod rules;
pub(crate) mod shard;
pub(crate) mod slab;
pub(crate) mod slot;
pub(crate) mod slow;
pub(crate) mod successor;
pub(crate) mod table;
pub(crate) mod takeover;
pub(crate) mod tally;
pub(crate) mod waiter;
