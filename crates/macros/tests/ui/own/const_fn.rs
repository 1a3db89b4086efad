use coalescer::coalesce;

#[coalesce]
const fn find_user(id: u64) -> u64 {
    id
}

fn main() {}
