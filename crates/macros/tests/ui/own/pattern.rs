use coalescer::coalesce;

#[coalesce]
fn distance((x, y): (u64, u64), _: u64) -> u64 {
    x + y
}

fn main() {}
