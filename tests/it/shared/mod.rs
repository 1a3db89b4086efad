//! A table that shares with other processes: what its leaders ask, and what they do with each answer.

mod desk;
mod due;
mod forgets;
mod jobs;
mod leads;
mod served;
