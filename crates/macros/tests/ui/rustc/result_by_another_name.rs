use coalescer::coalesce;

type Found<T> = Result<T, String>;

#[coalesce]
fn find_user(id: u64) -> Found<u64> {
    Ok(id)
}

fn main() {}
