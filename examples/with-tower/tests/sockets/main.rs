//! Real clients of HTTP/1.1 and HTTP/2, and real servers, on the loopback.
//!
//! No test sleeps: a read of a page ends when the test says so, after the layer shows the expected number of followers.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod support;
#[path = "../../../../tests/support/watchdog.rs"]
mod watchdog;

use std::time::Duration;

use coalescer_http::{CoalesceLayer, Settings};
use support::{Client, Got, Kind, Server, run};

/// Clients that ask at once.
const CLIENTS: usize = 20;

fn with_window(window: Duration) -> CoalesceLayer {
    CoalesceLayer::new().settings(Settings::new().window(window))
}

/// Lets all clients ask for one page, and one more when they have it.
async fn one_run_for_all(mut server: Server, clients: Vec<Client>) {
    assert_eq!(clients.len(), CLIENTS);
    let asked: Vec<_> = clients.iter().map(|client| client.get("/pages/heron")).collect();
    let read = server.next_read().await;
    server.until_followers(CLIENTS - 1);
    read.send(()).unwrap();
    for asked in asked {
        let got = asked.await.unwrap();
        assert_eq!((got.status, got.text.as_str(), got.age.as_deref()), (200, "a heron", None));
    }
    let hit = clients[0].get("/pages/heron").await.unwrap();
    let age: Option<u64> = hit.age.map(|seconds| seconds.parse().unwrap());
    assert!(hit.text == "a heron" && age.is_some(), "{age:?}");
    let stats = server.stats();
    assert_eq!((stats.flights.executed_requests, stats.flights.late), (1, 1));
    assert_eq!(stats.passed_through, 0);
}

#[test]
fn twenty_connections_of_http_1_are_one_run_and_the_next_one_is_a_hit() {
    run(|| async {
        let server = Server::axum(with_window(Duration::MAX)).await;
        let clients = server.clients(Kind::Http1, CLIENTS).await;
        one_run_for_all(server, clients).await;
    });
}

#[test]
fn twenty_connections_of_http_2_are_one_run_and_the_next_one_is_a_hit() {
    run(|| async {
        let server = Server::axum(with_window(Duration::MAX)).await;
        let clients = server.clients(Kind::Http2, CLIENTS).await;
        one_run_for_all(server, clients).await;
    });
}

#[test]
fn twenty_streams_of_one_connection_are_one_run_and_the_next_one_is_a_hit() {
    run(|| async {
        let server = Server::axum(with_window(Duration::MAX)).await;
        let client = server.client(Kind::Http2).await;
        one_run_for_all(server, vec![client; CLIENTS]).await;
    });
}

#[test]
fn plain_hyper_serves_the_same() {
    run(|| async {
        let server = Server::hyper(with_window(Duration::MAX)).await;
        let client = server.client(Kind::Http2).await;
        one_run_for_all(server, vec![client; CLIENTS]).await;
    });
}

#[test]
fn a_leader_that_resets_its_stream_lets_another_stream_lead() {
    run(|| async {
        let mut server = Server::axum(with_window(Duration::ZERO)).await;
        let client = server.client(Kind::Http2).await;
        let leader = client.get("/pages/heron");
        let given_up = server.next_read().await;
        let followers: Vec<_> = (0..3).map(|_| client.get("/pages/heron")).collect();
        server.until_followers(3);
        leader.abort();
        assert!(leader.await.unwrap_err().is_cancelled());
        // The stream ends, and not the connection.
        let read = server.next_read().await;
        server.until_followers(2);
        read.send(()).unwrap();
        for follower in followers {
            assert_eq!(follower.await.unwrap().text, "a heron");
        }
        // The function that blocks has not been stopped, and nobody waits for it.
        given_up.send(()).unwrap();
        assert_eq!(server.stats().flights.executed_requests, 1);
    });
}

#[test]
fn a_leader_that_closes_its_connection_lets_another_client_lead() {
    run(|| async {
        let mut server = Server::axum(with_window(Duration::ZERO)).await;
        let (leader, follower) =
            (server.client(Kind::Http1).await, server.client(Kind::Http1).await);
        let asked = leader.get("/pages/heron");
        let given_up = server.next_read().await;
        let follows = follower.get("/pages/heron");
        server.until_followers(1);
        asked.abort();
        drop(leader);
        let read = server.next_read().await;
        read.send(()).unwrap();
        assert_eq!(follows.await.unwrap().text, "a heron");
        given_up.send(()).unwrap();
    });
}

#[test]
fn a_write_reaches_the_site_and_forgets_the_page() {
    run(|| async {
        let mut server = Server::axum(with_window(Duration::MAX)).await;
        for kind in [Kind::Http1, Kind::Http2] {
            let client = server.client(kind).await;
            let text = format!("a heron by {kind:?}");
            let asked = client.get("/pages/heron");
            server.next_read().await.send(()).unwrap();
            assert_eq!(asked.await.unwrap().status, 200);
            let wrote = client.post("/pages/heron", text.clone()).await.unwrap();
            assert_eq!(wrote.status, 201);
            let asked = client.get("/pages/heron");
            server.next_read().await.send(()).unwrap();
            let Got { text: new, age, .. } = asked.await.unwrap();
            assert_eq!((new, age), (text, None));
            assert_eq!(client.post("/pages/heron", "a heron".into()).await.unwrap().status, 201);
        }
    });
}

#[test]
fn a_page_that_is_not_there_is_not_found() {
    run(|| async {
        for mut server in
            [Server::axum(CoalesceLayer::new()).await, Server::hyper(CoalesceLayer::new()).await]
        {
            let asked = server.client(Kind::Http2).await.get("/pages/owl");
            server.next_read().await.send(()).unwrap();
            assert_eq!(asked.await.unwrap().status, 404);
        }
    });
}
