use coalescer::coalesce;

#[coalesce]
struct User {
    id: u64,
}

trait Users {
    #[coalesce]
    fn find(&self, id: u64) -> u64;
}

fn main() {}
