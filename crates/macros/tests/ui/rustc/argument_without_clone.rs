use coalescer::coalesce;

#[derive(Hash, PartialEq, Eq)]
struct Token;

#[coalesce]
fn user_of(token: Token) -> u64 {
    let _ = token;
    7
}

fn main() {}
