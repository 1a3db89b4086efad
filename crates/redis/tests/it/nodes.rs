//! Several servers: a primary that sentinels know, and a cluster of three.

use std::fs;
use std::process::{Child, Command, Stdio};

use coalescer_cluster::engine::*;
use coalescer_redis::Redis;

use crate::servers;
use crate::support::watched;
use crate::world::*;

struct Sentinel {
    child: Child,
    folder: servers::Folder,
    port: u16,
}

impl Sentinel {
    /// One is enough here: it decides by itself.
    fn start(primary: u16) -> Option<Self> {
        let program = servers::program(&["redis-server", "valkey-server"])?;
        let (folder, port) = (servers::Folder::new(), servers::free_port());
        let settings = format!(
            "port {port}\nsentinel monitor mymaster 127.0.0.1 {primary} 1\n\
             sentinel down-after-milliseconds mymaster 300\nsentinel failover-timeout mymaster 2000\n"
        );
        let file = folder.0.join("sentinel.conf");
        fs::write(&file, settings).unwrap();
        let mut command = Command::new(program);
        command.arg(&file).arg("--sentinel").stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.stderr(Stdio::null()).spawn().unwrap();
        Some(Self { child, folder, port })
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        let _ = &self.folder;
    }
}

/// A server at a port of this host.
fn start(port: u16, more: &[&str]) -> Option<servers::Redis> {
    let port = port.to_string();
    let options: Vec<_> = ["--port", &port, "--repl-diskless-sync-delay", "0"]
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    servers::Redis::start_with(&options)
}

/// A failover is as a flush of what the replica did not have, and a new connection finds the new primary.
#[test]
fn sentinels_lead_to_the_new_primary() {
    watched(|| {
        let [first, second] = [servers::free_port(), servers::free_port()];
        let Some(mut primary) = start(first, &[]) else { return };
        let Some(replica) = start(second, &["--replicaof", "127.0.0.1", &first.to_string()]) else {
            return;
        };
        let in_step =
            || replica.command(&["INFO", "replication"]).contains("master_link_status:up");
        servers::wait("the replica", in_step);
        let Some(sentinel) = Sentinel::start(first) else { return };
        let down = "redis://127.0.0.1:1/".to_owned();
        let known = format!("redis://127.0.0.1:{}/", sentinel.port);
        let engine = Redis::open("redis://mymaster/").sentinels([down, known]).engine().unwrap();
        servers::wait("the sentinel", || engine.ping(WITHIN).is_ok());
        let mut listener = engine.listen(&Inbox::draw("shop"), WITHIN).unwrap();
        let leader = token();
        leads(&claim(&engine, &leader));
        // The sentinel looks for replicas each ten seconds, and at once when it begins.
        let knows = || {
            let address = std::net::TcpStream::connect(("127.0.0.1", sentinel.port));
            address.is_ok_and(|mut stream| {
                use std::io::{Read, Write};
                stream.write_all(b"SENTINEL REPLICAS mymaster\r\n").unwrap();
                let mut answer = [0; 4096];
                let read = stream.read(&mut answer).unwrap();
                String::from_utf8_lossy(&answer[..read]).contains(&second.to_string())
            })
        };
        servers::wait("the sentinel to know the replica", knows);
        primary.kill();
        assert!(listener.next(WITHIN).is_err());
        servers::wait("the failover", || try_claim(&engine, &token()).is_ok());
        assert!(replica.command(&["ROLE"]).contains("master"));
        engine.listen(&Inbox::draw("shop"), WITHIN).unwrap();
        fill_another(&engine);
    });
}

fn fill_another(engine: &coalescer_redis::RedisEngine) {
    let token = token();
    leads(&engine.claim(&Claim::new(key(9), &token, LEASE), WITHIN).unwrap());
    let mut publication = Publication::new(key(9), &token, b"ada");
    publication.keep = Some(WINDOW);
    engine.publish(&publication, WITHIN).unwrap();
    hits(&engine.claim(&Claim::new(key(9), &token, LEASE), WITHIN).unwrap(), b"ada");
}

#[test]
fn a_primary_that_no_sentinel_knows_is_refused() {
    watched(|| {
        let Some(sentinel) = Sentinel::start(1) else { return };
        let known = format!("redis://127.0.0.1:{}/", sentinel.port);
        let engine = Redis::open("redis://another/").sentinels([known]).engine().unwrap();
        let is_asked = || engine.ping(WITHIN).unwrap_err().text().contains("no sentinel knows");
        servers::wait("the sentinel", is_asked);
        assert_eq!(engine.ping(WITHIN).unwrap_err().kind(), ErrorKind::Refused);
    });
}

#[cfg(feature = "cluster")]
mod cluster {
    use super::*;

    /// Three nodes, each with a third of the slots.
    fn start_three() -> Option<([servers::Redis; 3], [u16; 3])> {
        let ports = [(); 3].map(|()| servers::free_port_of_a_node());
        let node = |port| start(port, &["--cluster-enabled", "yes"]);
        let nodes = [node(ports[0])?, node(ports[1])?, node(ports[2])?];
        for (node, slots) in nodes.iter().zip([0..=5460_u16, 5461..=10_922, 10_923..=16_383]) {
            let slots: Vec<_> = slots.map(|slot| slot.to_string()).collect();
            let names = slots.iter().map(String::as_str);
            let command: Vec<_> = ["CLUSTER", "ADDSLOTS"].into_iter().chain(names).collect();
            assert_eq!(node.command(&command), "+OK\r\n");
        }
        for port in &ports[1..] {
            nodes[0].command(&["CLUSTER", "MEET", "127.0.0.1", &port.to_string()]);
        }
        let is_whole = |node: &servers::Redis| {
            let info = node.command(&["CLUSTER", "INFO"]);
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
        };
        servers::wait("the cluster", || nodes.iter().all(is_whole));
        Some((nodes, ports))
    }

    fn open_at(ports: &[u16]) -> coalescer_redis::RedisEngine {
        let url = |port: &u16| format!("redis://127.0.0.1:{port}/");
        Redis::open(url(&ports[0])).cluster(ports[1..].iter().map(url)).engine().unwrap()
    }

    /// Each partition of a name lies on one node, and all steps of a key go there.
    #[test]
    fn all_partitions_work_on_three_nodes() {
        watched(|| {
            let Some((nodes, ports)) = start_three() else { return };
            let engine = open_at(&ports);
            let [follower, asker] = [token(), token()];
            let mut listener = engine.listen(follower.inbox(), WITHIN).unwrap();
            for number in 0..64 {
                let (key, leader) = (key(number), token());
                let mut claim = Claim::new(key, &leader, LEASE);
                leads(&engine.claim(&claim, WITHIN).unwrap());
                claim.token = &follower;
                claim.presence = Presence::KeepsCopies;
                follows(&engine.claim(&claim, WITHIN).unwrap());
                let lead = Lead { key, token: &leader, lease: LEASE };
                assert_eq!(engine.renew(&[lead], WITHIN), Ok(vec![true]));
                let mut publication = Publication::new(key, &leader, b"ada");
                publication.keep = Some(WINDOW);
                let published = engine.publish(&publication, WITHIN).unwrap();
                assert_eq!(published, Published::Ended { told: 1, kept: true, forgotten: false });
                assert!(matches!(next(&mut listener), Message::Ended { .. }), "from any node");
                hits(&engine.claim(&claim, WITHIN).unwrap(), b"ada");
                // Word that arrives at another node counts as told.
                let forget = Forget { key, from: asker.inbox(), id: number.into() };
                let forgotten = engine.forget(&forget, WITHIN).unwrap();
                assert_eq!(forgotten, Forgotten { was_there: true, noted: 1, told: 1 });
                assert!(matches!(next(&mut listener), Message::Forget { .. }));
            }
            let spread = nodes.map(|node| node.command(&["DBSIZE"]));
            assert!(spread.iter().all(|size| size != ":0\r\n"), "{spread:?}");
        });
    }

    #[test]
    fn all_keys_of_a_name_are_forgotten_on_all_nodes() {
        watched(|| {
            let Some((_nodes, ports)) = start_three() else { return };
            let engine = open_at(&ports);
            let [reader, asker] = [token(), token()];
            let other = open_at(&[ports[2], ports[1]]);
            let mut listener = other.listen(reader.inbox(), WITHIN).unwrap();
            let _own = engine.listen(asker.inbox(), WITHIN).unwrap();
            let keys: Vec<_> = (0..64).map(key).collect();
            let leads_all = || {
                for key in &keys {
                    let token = token();
                    leads(&engine.claim(&Claim::new(*key, &token, LEASE), WITHIN).unwrap());
                    let mut publication = Publication::new(*key, &token, b"ada");
                    publication.keep = Some(WINDOW);
                    engine.publish(&publication, WITHIN).unwrap();
                }
            };
            leads_all();
            let forgotten = forget_all(&engine, asker.inbox());
            assert_eq!(forgotten, Forgotten { was_there: false, noted: 1, told: 1 });
            assert!(matches!(next(&mut listener), Message::ForgetAll { .. }));
            leads_all();
        });
    }

    /// A leader whose connection is at another node lives. One that hung up does not.
    #[test]
    fn leaders_are_suspected_at_all_nodes() {
        watched(|| {
            let Some((_nodes, ports)) = start_three() else { return };
            let engine = open_at(&ports);
            let [leader, suspecting] = [token(), token()];
            for port in ports {
                let there = open_at(&[port]);
                let listener = there.listen(leader.inbox(), WITHIN).unwrap();
                let listens = |expected| {
                    engine.listening(&[leader.inbox().clone()], WITHIN) == Ok(vec![expected])
                };
                assert!(listens(true));
                leads(&claim_with_copies(&engine, &leader));
                let mut claim = Claim::new(KEY, &suspecting, LEASE);
                claim.manner = Manner::Suspect;
                follows(&engine.claim(&claim, WITHIN).unwrap());
                drop(listener);
                servers::wait("the node to notice", || listens(false));
                leads(&engine.claim(&claim, WITHIN).unwrap());
                let release = Release { key: KEY, token: &suspecting, end: End::AskAgain };
                engine.release(&release, WITHIN).unwrap();
            }
        });
    }

    /// The rights for a cluster beside those for one server, as in the README.
    #[test]
    fn the_least_rights_suffice_in_a_cluster() {
        watched(|| {
            let Some((nodes, ports)) = start_three() else { return };
            let rights = crate::rights::of_user("shop", &crate::rights::COMMANDS);
            for node in &nodes {
                let mut rule: Vec<_> = rights.iter().map(String::as_str).collect();
                rule.extend(["+cluster|slots", "+readonly"]);
                assert_eq!(node.command(&rule), "+OK\r\n");
                // A right that older servers do not know. What it allows is not needed.
                node.command(&["ACL", "SETUSER", "shop", "+client|setinfo"]);
            }
            let url = |port: &u16| format!("redis://shop:pa55word@127.0.0.1:{port}/");
            let engine =
                Redis::open(url(&ports[0])).cluster(ports[1..].iter().map(url)).engine().unwrap();
            crate::rights::everything(&engine).unwrap();
            for node in &nodes {
                let log = node.command(&["ACL", "LOG"]);
                assert_eq!(log, "*0\r\n");
            }
        });
    }

    #[test]
    fn scripts_that_are_gone_are_loaded_again_on_all_nodes() {
        watched(|| {
            let Some((nodes, ports)) = start_three() else { return };
            let engine = open_at(&ports);
            for round in 0..2 {
                nodes.iter().for_each(|node| drop(node.command(&["SCRIPT", "FLUSH"])));
                for number in 0..16 {
                    let token = Token::new(Inbox::draw("shop"), round);
                    let key = key(number);
                    leads(&engine.claim(&Claim::new(key, &token, LEASE), WITHIN).unwrap());
                    let release = Release { key, token: &token, end: End::AskAgain };
                    engine.release(&release, WITHIN).unwrap();
                }
                forget_all(&engine, &Inbox::draw("shop"));
            }
        });
    }

    /// One of three is killed: its keys fail, within the time of their step, and those of the others go on.
    #[test]
    fn a_node_that_is_down_costs_its_own_keys() {
        watched(|| {
            let Some((mut nodes, ports)) = start_three() else { return };
            // The others go on without it.
            for node in &nodes {
                node.command(&["CONFIG", "SET", "cluster-require-full-coverage", "no"]);
            }
            let engine = open_at(&ports);
            nodes[2].kill();
            let within = std::time::Duration::from_millis(500);
            let begin = std::time::Instant::now();
            let mut asked = (0..32)
                .map(|number| engine.claim(&Claim::new(key(number), &token(), LEASE), within));
            let (good, bad): (Vec<_>, Vec<_>) = asked.by_ref().partition(Result::is_ok);
            assert!(!good.is_empty() && !bad.is_empty(), "{} and {}", good.len(), bad.len());
            assert!(begin.elapsed() < within * 32 * 2, "{:?}", begin.elapsed());
        });
    }

    /// C15: a frozen node holds a step up for its time, and not for that time at each attempt.
    #[test]
    fn a_frozen_node_costs_the_time_of_a_step() {
        watched(|| {
            let Some((nodes, ports)) = start_three() else { return };
            let engine = open_at(&ports);
            for number in 0..32 {
                engine.claim(&Claim::new(key(number), &token(), LEASE), WITHIN).unwrap();
            }
            nodes[0].freeze();
            let within = std::time::Duration::from_millis(400);
            let mut failed = 0;
            for number in 0..8 {
                let begin = std::time::Instant::now();
                let claimed = engine.claim(&Claim::new(key(number), &token(), LEASE), within);
                failed += u32::from(claimed.is_err());
                assert!(begin.elapsed() < within * 2, "{:?}", begin.elapsed());
            }
            assert!(failed > 0, "a node has some of eight keys");
            nodes[0].thaw();
        });
    }
}
