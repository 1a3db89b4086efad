//! The steps as scripts of the server, with their arguments and their answers.

mod args;
mod read;
mod script;

pub(crate) use args::{Steps, missing};
pub(crate) use read::{
    Fetched, answer, claimed, count, counts, fetched, flag, forgotten, published, released,
};
pub(crate) use script::Call;
