use coalescer::{Group, coalesce};

struct User {
    id: u64,
}

static GROUP: std::sync::LazyLock<Group<u64, u64, String>> = std::sync::LazyLock::new(Group::new);

#[coalesce(key = user.id)]
fn without_a_type(user: &User) -> u64 {
    user.id
}

#[coalesce(key = (user, other))]
fn of_no_argument(user: u64) -> u64 {
    user
}

#[coalesce(skip(other))]
fn skips_no_argument(user: u64) -> u64 {
    user
}

#[coalesce(key = user, skip(user))]
fn in_and_out(user: u64) -> u64 {
    user
}

#[coalesce(group = GROUP, window = "1s")]
fn with_settings_of_a_group(user: u64) -> Result<u64, String> {
    Ok(user)
}

#[coalesce]
fn of_too_many(
    a: u8,
    b: u8,
    c: u8,
    d: u8,
    e: u8,
    f: u8,
    g: u8,
    h: u8,
    i: u8,
    j: u8,
    k: u8,
    l: u8,
    m: u8,
) -> u8 {
    a + b + c + d + e + f + g + h + i + j + k + l + m
}

fn main() {}
