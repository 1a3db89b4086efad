use coalescer::coalesce;

#[coalesce(window = "100")]
fn without_unit(id: u64) -> u64 {
    id
}

#[coalesce(window = 100)]
fn as_a_number(id: u64) -> u64 {
    id
}

#[coalesce(max_wait = "5 minutes")]
fn with_another_unit(id: u64) -> u64 {
    id
}

#[coalesce(window = "1.5s")]
fn with_a_fraction(id: u64) -> u64 {
    id
}

#[coalesce(window = "")]
fn empty(id: u64) -> u64 {
    id
}

#[coalesce(window = "99999999999999999999h")]
fn too_long(id: u64) -> u64 {
    id
}

fn main() {}
