//! A wire between clients and a server of a test, which the test can cut.
//!
//! Clients come to a port of this host, and the server is behind a socket. What becomes of bytes is said for each of
//! the two ways:
//!
//! ```text
//!   Passes    they are carried
//!   Vanishes  they are lost, as behind a firewall that drops packets. With `heal` the connections that lost any end
//!   Waits     they come later, as after packets that were lost and sent again
//! ```
//!
//! While bytes vanish both ways, the end of a connection is not told either.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Passes,
    Vanishes,
    Waits,
}

#[derive(Clone, Copy)]
enum Way {
    ToTheServer,
    ToTheClient,
}

pub(crate) struct Proxy {
    port: u16,
    wire: Arc<Wire>,
}

struct Wire {
    server: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    to_server: Fate,
    to_client: Fate,
    pairs: Vec<Pair>,
    next: u64,
    is_over: bool,
}

/// The two ends of a connection.
struct Pair {
    number: u64,
    client: TcpStream,
    server: UnixStream,
    has_lost_bytes: bool,
}

impl Proxy {
    /// A wire to the socket of a server.
    pub(crate) fn to(server: impl Into<PathBuf>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("a port").port();
        let state = State {
            to_server: Fate::Passes,
            to_client: Fate::Passes,
            pairs: Vec::new(),
            next: 0,
            is_over: false,
        };
        let (state, changed) = (Mutex::new(state), Condvar::new());
        let wire = Arc::new(Wire { server: server.into(), state, changed });
        let accepts = Arc::clone(&wire);
        thread::spawn(move || accepts.accept(&listener));
        Self { port, wire }
    }

    /// The port that clients connect to.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Swallows all bytes, both ways.
    pub(crate) fn cut(&self) {
        self.set(Fate::Vanishes, Fate::Vanishes);
    }

    /// Keeps all bytes back, both ways.
    pub(crate) fn hold(&self) {
        self.set(Fate::Waits, Fate::Waits);
    }

    /// The server gets what is sent, and nobody gets its answers.
    pub(crate) fn lose_answers(&self) {
        self.set(Fate::Passes, Fate::Vanishes);
    }

    /// The server gets nothing.
    pub(crate) fn lose_questions(&self) {
        self.set(Fate::Vanishes, Fate::Passes);
    }

    /// Carries everything again.
    pub(crate) fn heal(&self) {
        self.set(Fate::Passes, Fate::Passes);
    }

    fn set(&self, to_server: Fate, to_client: Fate) {
        let mut state = self.wire.lock();
        (state.to_server, state.to_client) = (to_server, to_client);
        if (to_server, to_client) == (Fate::Passes, Fate::Passes) {
            // The rest of a stream without its middle is of no use.
            state.pairs.iter().filter(|pair| pair.has_lost_bytes).for_each(Pair::end);
        }
        drop(state);
        self.wire.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut state = self.wire.lock();
        state.is_over = true;
        state.pairs.iter().for_each(Pair::end);
        drop(state);
        self.wire.changed.notify_all();
        // It wakes the thread that accepts.
        TcpStream::connect(("127.0.0.1", self.port)).ok();
    }
}

impl Pair {
    fn end(&self) {
        // An end may have gone already.
        self.client.shutdown(Shutdown::Both).ok();
        self.server.shutdown(Shutdown::Both).ok();
    }
}

impl Wire {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming() {
            if self.lock().is_over {
                return;
            }
            let Ok(client) = client else { continue };
            // A server that is down refuses: the client's end goes with this value.
            if let Ok(server) = UnixStream::connect(&self.server) {
                self.carry(client, server);
            }
        }
    }

    fn carry(self: &Arc<Self>, client: TcpStream, server: UnixStream) {
        // Small packets are the rule here.
        client.set_nodelay(true).ok();
        let number = {
            let mut state = self.lock();
            state.next += 1;
            let number = state.next;
            let client = client.try_clone().expect("a handle");
            let server = server.try_clone().expect("a handle");
            state.pairs.push(Pair { number, client, server, has_lost_bytes: false });
            number
        };
        let (from_client, to_client) = (client.try_clone().expect("a handle"), client);
        let (from_server, to_server) = (server.try_clone().expect("a handle"), server);
        let there = Arc::clone(self);
        thread::spawn(move || there.pump(number, Way::ToTheServer, from_client, to_server));
        let back = Arc::clone(self);
        thread::spawn(move || back.pump(number, Way::ToTheClient, from_server, to_client));
    }

    fn pump(&self, number: u64, way: Way, mut from: impl Read, mut to: impl Write) {
        let mut bytes = [0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            if self.lets_pass(number, way) && to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        self.end(number);
    }

    /// Returns false if the bytes that have come are lost.
    fn lets_pass(&self, number: u64, way: Way) -> bool {
        let mut state = self.lock();
        loop {
            let fate = match way {
                Way::ToTheServer => state.to_server,
                Way::ToTheClient => state.to_client,
            };
            match fate {
                _ if state.is_over => return false,
                Fate::Passes => return true,
                Fate::Vanishes => {
                    let pair = state.pairs.iter_mut().find(|pair| pair.number == number);
                    pair.into_iter().for_each(|pair| pair.has_lost_bytes = true);
                    return false;
                }
                Fate::Waits => {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// One end has gone: the other one goes too, as soon as it can be told.
    fn end(&self, number: u64) {
        let mut state = self.lock();
        while !state.is_over && state.is_cut() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(at) = state.pairs.iter().position(|pair| pair.number == number) {
            state.pairs.swap_remove(at).end();
        }
    }
}

impl State {
    fn is_cut(&self) -> bool {
        (self.to_server, self.to_client) == (Fate::Vanishes, Fate::Vanishes)
    }
}
