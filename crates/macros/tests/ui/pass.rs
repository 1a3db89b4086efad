use std::fmt::Display;
use std::sync::Arc;

use coalescer::{Error, Manager, coalesce};

#[coalesce(key: String = thing.to_string())]
fn describe<T: Display>(thing: T) -> String {
    thing.to_string()
}

trait Users {
    fn find(&self, id: u64) -> Result<Arc<u64>, Error<String>>;
}

struct Database {
    users: coalescer::Group<u64, u64, String>,
}

impl Users for Database {
    #[coalesce(group = self.users)]
    fn find(&self, id: u64) -> Result<u64, String> {
        Ok(id)
    }
}

fn main() {
    let manager = Manager::new();
    assert_eq!(*manager.execute(|n: &u64| Ok::<u64, ()>(n * 2), &7).unwrap(), 14);
    assert_eq!(*describe(7).unwrap(), "7");
    assert_eq!(*Database { users: coalescer::Group::new() }.find(7).unwrap(), 7);
}
