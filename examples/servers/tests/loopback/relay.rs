//! A relay in front of astra 0.4, which may lose a connection.
//!
//! astra asks the kernel for the events of a new connection before it can find the connection by an event. If the request
//! arrives in this moment, its event is dropped, and the connection waits until another one comes. The relay makes
//! it come: while there is no answer, it sends an empty line, which servers skip before a request (RFC 9112, 2.2).

use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// The time without an answer after which an empty line is sent.
const NUDGE: Duration = Duration::from_millis(300);

/// Starts a relay to this server, and returns the relay's address.
pub(crate) fn relay(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind((server.ip(), 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.unwrap();
            // A client that goes away ends its connection, and that is all.
            thread::spawn(move || forward(client, server).ok());
        }
    });
    address
}

fn forward(mut client: TcpStream, server: SocketAddr) -> io::Result<()> {
    let mut server = TcpStream::connect(server)?;
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || io::copy(&mut from, &mut to).and_then(|_| to.shutdown(Shutdown::Write)));
    server.set_read_timeout(Some(NUDGE))?;
    while let Err(error) = server.peek(&mut [0]) {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => server.write_all(b"\r\n")?,
            _ => return Err(error),
        }
    }
    server.set_read_timeout(None)?;
    io::copy(&mut server, &mut client)?;
    client.shutdown(Shutdown::Both)
}
