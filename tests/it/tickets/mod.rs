//! Tickets of submitted calls. Their functions run when a test says so; see [`crate::jobs`].
//!
//! Receivers that are made of tickets are in `receivers`, and common pools are in `executors`.

mod executor_answers;
mod own_jobs;
mod requests;
mod user_code;
mod waits;
