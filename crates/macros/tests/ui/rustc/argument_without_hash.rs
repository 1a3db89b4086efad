use coalescer::coalesce;

#[derive(Clone, PartialEq)]
struct Filter {
    max_age: f64,
}

#[coalesce]
fn find_users(tenant: &str, filter: Filter) -> Vec<u64> {
    vec![tenant.len() as u64, filter.max_age as u64]
}

#[coalesce]
fn count_users(filter: &Filter) -> f64 {
    filter.max_age
}

#[coalesce]
fn measure(length: f64) -> f64 {
    length
}

fn main() {}
