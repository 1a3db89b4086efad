//! The bytes that processes exchange: the digests of keys, and the envelopes of outcomes.
//!
//! Both are fixed, and a test holds them byte by byte. Processes that disagree about a format never meet, since
//! its number is part of every digest.

mod envelope;
mod key;
mod schema;
mod scope;

pub use envelope::{HEADER, Kind, Opened, Seal, Undecodable};
pub use key::{KeyError, KeyWriter, ReadBack, With, WriteKey};
pub use schema::Schema;
pub use scope::{BadName, Digests, Scope, check_name};

/// The number of the protocol. Every change of a digest or an envelope raises it.
const FORMAT: u8 = 1;
