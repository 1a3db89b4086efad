use coalescer::coalesce;

#[coalesce(windw = "100ms")]
fn misspelt(id: u64) -> u64 {
    id
}

#[coalesce(window = "100ms", window = "200ms")]
fn twice(id: u64) -> u64 {
    id
}

#[coalesce(window)]
fn without_a_value(id: u64) -> u64 {
    id
}

#[coalesce(skip = id)]
fn without_parentheses(id: u64) -> u64 {
    id
}

#[coalesce(window = "100ms" max_wait = "1s")]
fn without_a_comma(id: u64) -> u64 {
    id
}

#[coalesce(max_requests = 0)]
fn shared_with_nobody(id: u64) -> u64 {
    id
}

#[coalesce(max_requests = "50")]
fn a_number_as_text(id: u64) -> u64 {
    id
}

#[coalesce(leader_timeout = "0s", max_leaders = 2)]
fn always_taken_over(id: u64) -> u64 {
    id
}

#[coalesce(max_leaders = 0)]
fn without_a_leader(id: u64) -> u64 {
    id
}

#[coalesce(shards = 0)]
fn without_a_shard(id: u64) -> u64 {
    id
}

#[coalesce(shards = 100_000)]
fn of_too_many_shards(id: u64) -> u64 {
    id
}

#[coalesce(share_if = |id: &u64| *id > 0, share_with = |_: &u64| coalescer::ShareWith::Nobody)]
fn shared_by_two_rules(id: u64) -> u64 {
    id
}

#[coalesce(on_slow = "5s")]
fn told_to_nobody(id: u64) -> u64 {
    id
}

#[coalesce(on_slow("5s"))]
fn told_to_nobody_either(id: u64) -> u64 {
    id
}

#[coalesce(on_slow("0s", |_| ()))]
fn always_told_of(id: u64) -> u64 {
    id
}

#[coalesce(on_slow(5, |_| ()))]
fn of_no_unit(id: u64) -> u64 {
    id
}

#[coalesce(share_error_with = |_| coalescer::ShareWith::Nobody)]
fn without_an_error(id: u64) -> u64 {
    id
}

#[coalesce(share_error_with(rule))]
fn without_a_rule(id: u64) -> Result<u64, ()> {
    Ok(id)
}

fn main() {}
