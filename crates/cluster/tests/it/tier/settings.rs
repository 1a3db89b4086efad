//! Settings that are refused, and results that are not shared.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use coalescer::{Coalescer, ManualClock, Role};
use coalescer_cluster::codec::Bytes;
use coalescer_cluster::{Cluster, Memory, OpenError};
use serde::{Deserialize, Serialize};

use super::{Function, MINUTE, open, opened, site, site_with};
use crate::support::watched;

fn refused(build: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(build)).unwrap_err();
    *payload
        .downcast::<String>()
        .or_else(|payload| payload.downcast::<&str>().map(|text| Box::new((*text).to_owned())))
        .unwrap()
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let open = || Cluster::over(Memory::new());
    assert!(matches!(open().namespace("our shop").open(), Err(OpenError::Namespace(_))));
    let lease = Duration::from_millis(499);
    assert!(matches!(open().lease(lease).open(), Err(OpenError::Lease(_))));
    let op_timeout = Duration::from_millis(1001);
    assert!(matches!(open().op_timeout(op_timeout).open(), Err(OpenError::OpTimeout(..))));
    assert!(matches!(open().op_timeout(Duration::ZERO).open(), Err(OpenError::OpTimeout(..))));
    assert!(matches!(open().probe(Duration::ZERO).open(), Err(OpenError::Probe)));

    let cluster = open().open().unwrap();
    let square = |n: &u64| Ok::<u64, ()>(n * n);
    let message = refused(|| {
        let _ = Coalescer::builder().shared(cluster.named("our users")).build(square);
    });
    assert!(message.contains("'our users' is no name"), "{message}");
    let message = refused(|| {
        let _ = Coalescer::builder().max_requests(1).shared(cluster.named("users")).build(square);
    });
    assert!(message.contains("max_requests(1)"), "{message}");
    let message = refused(|| {
        let clock = ManualClock::new();
        let _ = Coalescer::builder().clock(clock).shared(cluster.named("users")).build(square);
    });
    assert!(message.contains("Memory::with_clock"), "{message}");
}

#[test]
fn processes_of_another_window_schema_codec_or_name_form_groups_of_their_own() {
    watched(|| {
        let (engine, function) = (Memory::new(), Function::default());
        let base = site(engine.clone(), MINUTE, &function);
        assert_eq!(base.call(7).role, Role::Leader);
        let longer = site(engine.clone(), 2 * MINUTE, &function);
        assert_eq!(longer.call(7).role, Role::Leader);
        let newer = site_with(open(engine.clone()), MINUTE, &function, |shared| shared.schema("2"));
        assert_eq!(newer.call(7).role, Role::Leader);
        let of_build = site_with(open(engine.clone()), MINUTE, &function, |_| {
            opened(open(engine.clone())).named("users")
        });
        assert_eq!(of_build.call(7).role, Role::Leader);
        let elsewhere = Cluster::over(engine.clone()).namespace("other");
        let elsewhere = site_with(elsewhere, MINUTE, &function, |shared| shared);
        assert_eq!(elsewhere.call(7).role, Role::Leader);
        let secret = open(engine).secret([7; 32]);
        let secret = site_with(secret, MINUTE, &function, |shared| shared);
        assert_eq!(secret.call(7).role, Role::Leader, "C30: it trusts nobody without the secret");
        assert_eq!(secret.cluster.stats().undecodable, 1);
    });
}

/// A key with a field that serde leaves out.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Tenant {
    id: u64,
    #[serde(skip)]
    region: u8,
}

#[test]
fn c4_a_key_that_does_not_come_back_is_never_shared() {
    watched(|| {
        let engine = Memory::new();
        let tenants = || {
            let cluster = opened(open(engine.clone()));
            Coalescer::builder()
                .window(MINUTE)
                .shared(cluster.named("tenants").schema("1"))
                .build(|tenant: &Tenant| Ok::<_, String>(tenant.region))
        };
        let here = tenants();
        let whole = Tenant { id: 7, region: 0 };
        assert_eq!(*here.execute(&whole).unwrap(), 0);
        let cut = Tenant { id: 7, region: 1 };
        let called = catch_unwind(AssertUnwindSafe(|| here.execute(&cut).map(|value| *value)));
        match called {
            Ok(value) => assert_eq!(value.unwrap(), 1, "it ran its own function"),
            Err(_) if cfg!(debug_assertions) => {}
            Err(_) => panic!("a panic is for debug builds"),
        }
    });
}

#[test]
fn a_large_value_and_one_that_is_read_as_another_stay_in_their_process() {
    watched(|| {
        let engine = Memory::new();
        let runs = Function::default();
        let large = || {
            let (cluster, runs) = (opened(open(engine.clone())), runs.clone());
            let shared = cluster.named("pages").schema("1").codec(Bytes).max_value(1000);
            let pages =
                Coalescer::builder().window(MINUTE).shared(shared).build(move |length: &usize| {
                    runs.run();
                    Ok::<_, String>(vec![0_u8; *length])
                });
            (cluster, pages)
        };
        let [(here, one), (_, other)] = [(); 2].map(|()| large());
        one.execute(&900).unwrap();
        other.execute(&900).unwrap();
        assert_eq!(runs.runs(), 1);
        one.execute(&1000).unwrap();
        other.execute(&1000).unwrap();
        assert_eq!(runs.runs(), 3);
        assert_eq!(here.stats().too_large, 1);

        let checked = site_with(open(engine), MINUTE, &runs, |shared| {
            shared.check_with(|_: &u32, _: &u32| false)
        });
        checked.call(7);
        assert_eq!(checked.cluster.stats().not_encoded, 1);
    });
}

/// An `Option` of a sharing is one, so that a configuration can decide.
#[test]
fn a_configuration_can_decide() {
    watched(|| {
        for cluster in [None, Some(opened(open(Memory::new())))] {
            let shared = cluster.as_ref().map(|cluster| cluster.named("users").schema("1"));
            let users = Coalescer::builder().shared(shared).build(|n: &u64| Ok::<u64, ()>(n * n));
            assert_eq!(*users.execute(&3).unwrap(), 9);
            assert!(cluster.is_none_or(|cluster| cluster.stats().leads == 1));
        }
    });
}
