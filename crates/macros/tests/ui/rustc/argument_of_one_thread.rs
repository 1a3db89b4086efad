use std::rc::Rc;

use coalescer::coalesce;

#[coalesce]
fn find_user(name: Rc<str>) -> usize {
    name.len()
}

fn main() {}
