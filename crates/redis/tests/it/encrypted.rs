//! Connections over TLS, with certificates that the test makes.

use std::fs;
use std::process::{Command, Stdio};

use coalescer_cluster::engine::*;
use coalescer_redis::Redis;

use crate::servers;
use crate::support::watched;
use crate::world::*;

/// A folder with an authority, and with the certificate of a server by the name `localhost`, which serves as a client's
/// too. `None`: there is no program that makes them.
fn certificates() -> Option<servers::Folder> {
    let openssl = servers::program(&["openssl"])?;
    let folder = servers::Folder::new();
    let run = |arguments: &str| {
        let mut command = Command::new(&openssl);
        command.current_dir(&folder.0).args(arguments.split(' ')).stdin(Stdio::null());
        let done = command.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    fs::write(folder.0.join("names"), "subjectAltName=DNS:localhost\n").unwrap();
    run(&format!("req -x509 {new} -keyout ca.key -out ca.pem -days 2 -subj /CN=ca"));
    run(&format!("req {new} -keyout own.key -out own.csr -subj /CN=own"));
    run(
        "x509 -req -in own.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out own.pem",
    );
    Some(folder)
}

/// A server that speaks TLS alone, at that port.
fn start(certificates: &servers::Folder, clients: &str) -> Option<(servers::Redis, u16)> {
    let port = servers::free_port();
    let path = |name: &str| certificates.0.join(name).display().to_string();
    let (number, cert, key, ca) =
        (port.to_string(), path("own.pem"), path("own.key"), path("ca.pem"));
    let server = servers::Redis::start_with(&[
        "--tls-port",
        &number,
        "--tls-cert-file",
        &cert,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &ca,
        "--tls-auth-clients",
        clients,
    ]);
    Some((server?, port))
}

/// The client reads the certificates of the system for each connection, which takes its time in a test's build.
fn at(host: &str, port: u16) -> Redis {
    Redis::open(format!("rediss://{host}:{port}/")).connect_timeout(WITHIN)
}

#[test]
fn steps_and_messages_go_over_tls() {
    watched(|| {
        let Some(folder) = certificates() else { return };
        let Some((_server, port)) = start(&folder, "no") else { return };
        let root = fs::read(folder.0.join("ca.pem")).unwrap();
        let server = at("localhost", port).root_certificate(root);
        let engine = server.engine().unwrap();
        let reader = token();
        let mut listener = engine.listen(reader.inbox(), WITHIN).unwrap();
        fill(&engine, &vec![7; 100_000]);
        hits(&claim_with_copies(&engine, &reader), &vec![7; 100_000]);
        listener.ping(WITHIN).unwrap();
        assert_eq!(forget(&engine, &Inbox::draw("shop")).told, 1);
        assert!(matches!(next(&mut listener), Message::Forget { .. }));
        assert_eq!(listener.next(std::time::Duration::from_millis(1)), Ok(None));
        listener.ping(WITHIN).unwrap();
    });
}

/// Health says which: the name, or the authority.
#[test]
fn a_wrong_name_and_an_unknown_authority_are_denied() {
    watched(|| {
        let Some(folder) = certificates() else { return };
        let Some((_server, port)) = start(&folder, "no") else { return };
        let root = fs::read(folder.0.join("ca.pem")).unwrap();
        let other = at("127.0.0.1", port).root_certificate(root);
        let error = other.engine().unwrap().ping(WITHIN).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
        assert!(error.text().contains("certificate not valid for name"), "{error}");
        let error = other_authority(port).ping(WITHIN).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
        assert!(error.text().contains("UnknownIssuer"), "{error}");
    });
}

/// The system's authorities have not signed the test's certificate.
fn other_authority(port: u16) -> coalescer_redis::RedisEngine {
    at("localhost", port).engine().unwrap()
}

#[test]
fn a_server_can_ask_for_a_certificate() {
    watched(|| {
        let Some(folder) = certificates() else { return };
        let Some((_server, port)) = start(&folder, "yes") else { return };
        let [root, cert, key] =
            ["ca.pem", "own.pem", "own.key"].map(|name| fs::read(folder.0.join(name)).unwrap());
        let server = at("localhost", port).root_certificate(root);
        let error = server.clone().engine().unwrap().ping(WITHIN).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Denied | ErrorKind::Lost), "{error}");
        server.client_certificate(cert, key).engine().unwrap().ping(WITHIN).unwrap();
    });
}

#[test]
fn a_certificate_that_cannot_be_read_is_an_error_at_once() {
    let server = Redis::open("rediss://localhost/").client_certificate(*b"no", *b"pem");
    let error = server.engine().unwrap_err().to_string();
    assert!(error.starts_with("the URL or a certificate cannot be read"), "{error}");
}
