use coalescer::coalesce;

#[coalesce(window = 100 + 5)]
fn window(id: u64) -> u64 {
    id
}

#[coalesce(key: String = id)]
fn key(id: u64) -> u64 {
    id
}

#[coalesce(share_if = |value: &str| !value.is_empty())]
fn share_if(id: u64) -> u64 {
    id
}

#[coalesce(group = coalescer::Group::<String, u64, String>::new())]
fn group(id: u64) -> Result<u64, String> {
    Ok(id)
}

fn main() {}
