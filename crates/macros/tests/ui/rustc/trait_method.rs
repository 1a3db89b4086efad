use std::sync::Arc;

use coalescer::{Error, coalesce};

trait Users {
    fn find(&self, id: u64) -> Result<Arc<u64>, Error<String>>;
}

struct Database;

impl Users for Database {
    #[coalesce(skip(self))]
    fn find(&self, id: u64) -> Result<u64, String> {
        Ok(id)
    }
}

fn main() {}
