use coalescer::coalesce;

#[coalesce]
async fn find_user(id: u64) -> u64 {
    id
}

fn main() {}
