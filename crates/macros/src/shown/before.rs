/// Finds a user.
#[coalesce(window = "250ms", max_requests = 1_000)]
pub fn find_user(tenant: &str, id: u64) -> Result<User, DbError> {
    query(tenant, id)
}
