use coalescer::coalesce;

struct Connection;

#[coalesce]
fn find_user(connection: &mut Connection, id: u64, trail: &mut Vec<u64>) -> u64 {
    let _ = connection;
    trail.push(id);
    id
}

fn main() {}
