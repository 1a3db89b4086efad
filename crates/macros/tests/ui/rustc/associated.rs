use coalescer::coalesce;

struct User;

impl User {
    #[coalesce]
    fn find(id: u64) -> u64 {
        id
    }

    #[coalesce(associated, skip(self))]
    fn same(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
