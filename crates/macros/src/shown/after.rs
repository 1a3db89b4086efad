/// Finds a user.
pub fn find_user(
    tenant: &str, id: u64
) -> ::core::result::Result<::std::sync::Arc<User>, ::coalescer::Error<DbError> > {
    ::coalescer::macro_support::by_2(
        find_user::coalescer(),
        tenant,
        &id,
        ::coalescer::macro_support::Execute(|| -> Result<User, DbError> {
            let id = {
                use ::coalescer::macro_support::Unfit as _;
                ::coalescer::macro_support::Again(&id).owned()
            };
            query(tenant, id)
        })
    )
}

/// Access to the flights of the function [`find_user`](fn@find_user).
pub enum find_user {}

impl find_user {
    /// The group of [`find_user`](fn@find_user): its counters, its running flights, and all its methods.
    pub fn coalescer() -> &'static ::coalescer::Group<(::std::string::String, u64), User, DbError> {
        static FLIGHTS: ::std::sync::LazyLock<::coalescer::macro_support::Flights> =
            ::std::sync::LazyLock::new(|| {
                ::coalescer::macro_support::Flights::of::<
                    (::std::string::String, u64), User, DbError, ::coalescer::DefaultHashBuilder
                >(
                    ::coalescer::Group::builder()
                        .name(::core::concat!(::core::module_path!(), "::", "find_user"))
                        .window(::core::time::Duration::new(0u64, 250000000u32))
                        .max_requests(1_000)
                        .build()
                )
            });
        FLIGHTS.group()
    }

    /// Forgets the flight or the result of [`find_user`](fn@find_user) for these arguments, and returns whether there was one.
    pub fn forget(tenant: &str, id: u64) -> bool {
        ::coalescer::macro_support::by_2(
            Self::coalescer(), tenant, &id, ::coalescer::macro_support::Forget
        )
    }
}
