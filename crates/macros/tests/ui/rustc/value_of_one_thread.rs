use std::rc::Rc;

use coalescer::coalesce;

#[coalesce]
fn find_user(id: u64) -> Rc<u64> {
    Rc::new(id)
}

fn main() {}
