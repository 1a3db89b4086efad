//! Tables of several processes that share by a server. A cluster handle stands for a process here.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use coalescer::{Coalescer, Role};
use coalescer_redis::{Cluster, Redis};

use crate::servers;
use crate::support::watched;
use crate::world::WINDOW;

/// A busy machine is slow, and a step that fails costs an execution.
fn connect(server: &servers::Redis) -> Cluster {
    let redis = Redis::open(server.url()).namespace("shop");
    redis.op_timeout(Duration::from_secs(5)).lease(Duration::from_secs(15)).connect().unwrap()
}

fn wait_until_it_listens(cluster: &Cluster) {
    servers::wait("the cluster to listen", || cluster.health().listening);
}

/// C1: one execution for all threads of all processes.
#[test]
fn one_process_runs_the_function() {
    watched(|| {
        let Some(server) = servers::Redis::start() else { return };
        let clusters = [(); 4].map(|()| connect(&server));
        clusters.iter().for_each(wait_until_it_listens);
        let (executions, barrier) = (Arc::new(AtomicU32::new(0)), Barrier::new(16));
        let barrier = &barrier;
        thread::scope(|scope| {
            for cluster in &clusters {
                let users = Coalescer::builder().window(WINDOW).shared(cluster.named("users"));
                let executions = executions.clone();
                let users = users.build(move |id: &u64| {
                    executions.fetch_add(1, Ordering::Relaxed);
                    Ok::<_, Infallible>(format!("user {id}"))
                });
                let users = Arc::new(users);
                for _ in 0..4 {
                    let users = users.clone();
                    scope.spawn(move || {
                        for id in 0..20_u64 {
                            barrier.wait();
                            assert_eq!(*users.execute(&id).unwrap(), format!("user {id}"));
                        }
                    });
                }
            }
        });
        assert_eq!(executions.load(Ordering::Relaxed), 20);
    });
}

/// C20: a forget in one process is one in all.
#[test]
fn what_one_process_forgets_all_forget() {
    watched(|| {
        let Some(server) = servers::Redis::start() else { return };
        let clusters = [connect(&server), connect(&server)];
        clusters.iter().for_each(wait_until_it_listens);
        let executions = Arc::new(AtomicU32::new(0));
        let table = |cluster: &Cluster| {
            let builder = Coalescer::builder().window(WINDOW).shared(cluster.named("users"));
            let executions = executions.clone();
            builder.build(move |_: &u64| {
                Ok::<_, Infallible>(executions.fetch_add(1, Ordering::Relaxed))
            })
        };
        let [here, there] = [table(&clusters[0]), table(&clusters[1])];
        for round in 0..20 {
            assert_eq!(*here.execute(&7).unwrap(), round);
            assert_eq!(*there.execute(&7).unwrap(), round);
            if round % 2 == 0 {
                here.forget(&7)
            } else {
                there.forget(&7)
            };
        }
    });
}

/// C15, C29: no call fails for the server, and the processes find each other again.
#[test]
fn a_server_that_goes_and_comes_costs_no_answer() {
    watched(|| {
        let Some(mut server) = servers::Redis::start() else { return };
        let clusters = [connect(&server), connect(&server)];
        clusters.iter().for_each(wait_until_it_listens);
        let table = |cluster: &Cluster| {
            let builder = Coalescer::builder().window(WINDOW).shared(cluster.named("users"));
            builder.build(|id: &u64| Ok::<_, Infallible>(id + 1))
        };
        let [here, there] = [table(&clusters[0]), table(&clusters[1])];
        server.kill();
        for id in 0..50 {
            assert_eq!(*here.execute(&id).unwrap(), id + 1);
            assert_eq!(*there.execute(&id).unwrap(), id + 1);
        }
        assert!(!clusters[0].health().up);
        server.revive();
        clusters.iter().for_each(wait_until_it_listens);
        let mut id = 100;
        let served = || clusters.iter().map(|cluster| cluster.stats().hits).sum::<u64>();
        let before = served();
        while served() == before {
            id += 1;
            assert_eq!(*here.execute(&id).unwrap(), *there.execute(&id).unwrap());
        }
    });
}

/// C30: what somebody without the secret has written is not decoded.
#[test]
fn a_secret_reaches_the_cluster() {
    watched(|| {
        let Some(server) = servers::Redis::start() else { return };
        let call = |secret: u8| {
            let redis = Redis::open(server.url()).op_timeout(Duration::from_secs(5));
            let cluster = redis.lease(Duration::from_secs(15)).secret([secret; 32]).connect();
            let cluster = cluster.unwrap();
            let builder = Coalescer::builder().window(WINDOW).shared(cluster.named("users"));
            let users = builder.build(|id: &u64| Ok::<_, Infallible>(id + 1));
            (users.call(&7).outcome().unwrap().role == Role::Leader, cluster.stats().undecodable)
        };
        assert_eq!([call(1), call(1), call(2)], [(true, 0), (false, 0), (true, 1)]);
    });
}

/// Two builds of a program at a time are two groups, and so are two settings of one.
#[test]
fn processes_of_another_build_share_nothing() {
    watched(|| {
        let Some(server) = servers::Redis::start() else { return };
        let cluster = connect(&server);
        wait_until_it_listens(&cluster);
        let role = |schema: &str, window| {
            let shared = cluster.named("users").schema(schema);
            let builder = Coalescer::builder().window(window).shared(shared);
            let users = builder.build(|id: &u64| Ok::<_, Infallible>(id + 1));
            users.call(&7).outcome().unwrap().role
        };
        let groups = [("1", WINDOW), ("2", WINDOW), ("1", 2 * WINDOW)];
        assert!(groups.iter().all(|&(schema, window)| role(schema, window) == Role::Leader));
        assert!(groups.iter().all(|&(schema, window)| role(schema, window) == Role::Shared));
    });
}

/// C8: a value that is too large for the server stays in its process, and those who waited for it run their own functions.
#[test]
fn a_value_of_ten_mebibytes_is_made_by_each_process() {
    watched(|| {
        let Some(server) = servers::Redis::start() else { return };
        let clusters = [connect(&server), connect(&server)];
        clusters.iter().for_each(wait_until_it_listens);
        let (end, is_over) = channel::<()>();
        let runs = Arc::new(AtomicU32::new(0));
        let is_over = Arc::new(Mutex::new(is_over));
        let [here, there] = clusters.each_ref().map(|cluster| {
            let builder = Coalescer::builder().window(WINDOW).shared(cluster.named("large"));
            let (runs, is_over) = (runs.clone(), is_over.clone());
            builder.build(move |_: &u64| {
                runs.fetch_add(1, Ordering::SeqCst);
                is_over.lock().unwrap().recv().ok();
                Ok::<_, Infallible>(vec![7_u8; 10 << 20])
            })
        });
        thread::scope(|scope| {
            let first = scope.spawn(|| here.execute(&7).unwrap().len());
            servers::wait("it to run", || runs.load(Ordering::SeqCst) == 1);
            let second = scope.spawn(|| there.execute(&7).unwrap().len());
            servers::wait("the other one to wait", || clusters[1].stats().follows > 0);
            drop(end);
            assert_eq!([first, second].map(|call| call.join().unwrap()), [10 << 20; 2]);
        });
        assert_eq!(runs.load(Ordering::SeqCst), 2);
        assert_eq!(clusters[0].stats().too_large, 1);
    });
}
