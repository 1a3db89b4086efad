use coalescer::coalesce;

struct Result<T>(T);

#[coalesce]
fn find_user(id: u64) -> Result<u64> {
    Result(id)
}

fn main() {}
