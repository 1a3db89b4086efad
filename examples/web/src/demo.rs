//! [`keep_asking`]: clients for a site that nobody else visits, so that its status page has much to show.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Clients that ask for pages that others want too.
const READERS: u64 = 24;

/// A client gives up a request after this time.
const PATIENCE: Duration = Duration::from_secs(30);

/// Length of a busy time and the quiet time after it.
const TIDE: u64 = 40_000;

/// Starts clients that ask the site at this address for pages until the program ends.
///
/// # Errors
///
/// If a thread cannot be started.
pub fn keep_asking(site: SocketAddr) -> io::Result<()> {
    let site = reachable(site);
    let start = Instant::now();
    let clients: [(u64, Act); 4] =
        [(READERS, Client::read), (2, Client::visit), (1, Client::order), (1, Client::be_odd)];
    let mut seed = 0;
    for (count, act) in clients {
        for _ in 0..count {
            seed += 1;
            let mut client = Client { site, start, random: Random::new(seed) };
            let act = move || {
                loop {
                    act(&mut client);
                }
            };
            thread::Builder::new().name("demo".to_owned()).spawn(act)?;
        }
    }
    Ok(())
}

/// A server that listens on every address is reached by the loopback.
fn reachable(site: SocketAddr) -> SocketAddr {
    let loopback: IpAddr = match site {
        SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    if site.ip().is_unspecified() { SocketAddr::new(loopback, site.port()) } else { site }
}

/// One thing that a client does.
type Act = fn(&mut Client);

struct Client {
    site: SocketAddr,
    start: Instant,
    random: Random,
}

impl Client {
    /// Asks for one of a few hot pages, for a report, which is slow, or for a page that few ask for.
    fn read(&mut self) {
        let path = match self.random.below(60) {
            0..18 => &format!("/reports/{}", self.month()),
            18..28 => "/primes/1000000",
            28..45 => "/primes/300000?from=the-front-page",
            45..52 => "/",
            _ => &format!("/primes/{}", 100_000 + self.random.below(50)),
        };
        self.ask("GET", path, "", "");
        let busy = self.start.elapsed().as_millis() as u64 % TIDE < TIDE / 2;
        self.pause(if busy { 120 } else { 500 });
    }

    /// A month from 1 to 6, of which the first are asked for most.
    fn month(&mut self) -> u64 {
        let [one, two, three] = [(); 3].map(|()| self.random.below(6));
        1 + one.min(two).min(three)
    }

    /// Is somebody, as the cookie says.
    fn visit(&mut self) {
        let cookie = format!("Cookie: name=visitor-{}\r\n", self.random.below(100));
        self.ask("GET", "/me", &cookie, "");
        self.pause(300);
    }

    /// Orders something, and looks at the orders.
    fn order(&mut self) {
        self.ask("POST", "/orders", "", "tea");
        self.ask("GET", "/orders", "", "");
        self.pause(500);
    }

    /// Asks in ways that cannot be shared, or for pages that cannot.
    fn be_odd(&mut self) {
        match self.random.below(6) {
            0 => self.ask("GET", "/login/ada", "", ""),
            1 => self.ask("GET", "/", "Cache-Control: no-store\r\n", ""),
            2 => self.ask("GET", "/primes/many", "", ""),
            _ => self.ask("GET", "/clock", "", ""),
        }
        self.pause(200);
    }

    /// Sends a request over a new connection, and reads its answer. A failure is seen on the status page.
    fn ask(&self, method: &str, path: &str, fields: &str, body: &str) {
        let ask = || {
            let mut stream = TcpStream::connect_timeout(&self.site, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            let host = self.site.to_string();
            // The layer shares nothing with a client that names the default port.
            let host = host.strip_suffix(":80").unwrap_or(&host);
            let length = match body.len() {
                0 => String::new(),
                length => format!("Content-Length: {length}\r\n"),
            };
            let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
            stream.write_all(format!("{head}{fields}{length}\r\n{body}").as_bytes())?;
            stream.read_to_end(&mut Vec::new())
        };
        let _: io::Result<usize> = ask();
    }

    /// Waits, for this number of milliseconds on average.
    fn pause(&mut self, average: u64) {
        thread::sleep(Duration::from_millis(self.random.below(2 * average)));
    }
}

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // The low bits of a xorshift are the weakest.
        (self.0 >> 16) % end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_every_address_is_asked_by_the_loopback() {
        for (listens, asked) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            let [listens, asked] = [listens, asked].map(|text| text.parse().expect("an address"));
            assert_eq!(reachable(listens), asked);
        }
    }
}
