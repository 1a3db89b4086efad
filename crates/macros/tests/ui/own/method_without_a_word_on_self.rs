use coalescer::coalesce;

struct Users;

impl Users {
    #[coalesce]
    fn find(&self, id: u64) -> u64 {
        id
    }

    #[coalesce(skip(self))]
    fn update(&mut self, id: u64) -> u64 {
        id
    }

    #[coalesce(skip(self))]
    fn replace(self: &mut Self, id: u64) -> u64 {
        id
    }
}

fn main() {}
