//! The server of the example, with the layer.

use std::fmt;
use std::io::{self, Cursor, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use coalescer_http::{Body, CoalesceLayer, Settings};
use http::header::USER_AGENT;
use http::{Request, Response};

use crate::client::{PATIENCE, Stream};
use crate::pair::System;
use crate::script::Content;
use crate::stage::{Stage, page_of};

/// No window ends while a pair is played.
pub(crate) const WINDOW: Duration = Duration::from_secs(600);

/// Nor does a wait.
const MOST_WAIT: Duration = Duration::from_secs(60);

pub(crate) struct Layer {
    address: SocketAddr,
    stage: Stage,
    /// The pages for which a request waits.
    followed: Box<dyn Fn(&str) -> bool + Send + Sync>,
}

/// A handler that fails where a server behind nginx closes the connection without an answer.
#[derive(Debug)]
struct NoAnswer;

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a script has no answer here")
    }
}

impl Layer {
    pub(crate) fn start() -> Self {
        let stage = Stage::default();
        let origin = stage.clone();
        let settings = Settings::new().window(WINDOW).max_wait(MOST_WAIT);
        let pages = CoalesceLayer::new()
            .settings(settings)
            .layer(move |request: Request<Vec<u8>>| answer(&origin, &request));
        let flights = pages.clone();
        let followed = move |page: &str| {
            let mut flights = flights.in_flight().into_iter();
            flights.any(|it| it.followers > 0 && page_of(it.key.path_and_query()) == page)
        };
        for _ in 0..100 {
            let pages = pages.clone();
            let address = free_address();
            // Another program may take the port before the server does.
            if web::serve(address, move |request| pages.call(request)).is_ok() {
                return Self { address, stage, followed: Box::new(followed) };
            }
        }
        panic!("found no free port")
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

impl System for Layer {
    fn stage(&self) -> &Stage {
        &self.stage
    }

    fn connect(&self) -> Box<dyn Stream> {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Box::new(stream)
    }

    fn holds(&self, page: &str) -> bool {
        (self.followed)(page)
    }
}

fn answer(stage: &Stage, request: &Request<Vec<u8>>) -> Result<Response<Body>, NoAnswer> {
    let target = request.uri().to_string();
    let scene = stage.scene(&target).unwrap_or_else(|| panic!("no script has {target}"));
    scene.wait(scene.begin());
    let client = request.headers().get(USER_AGENT).and_then(|client| client.to_str().ok());
    let client = client.and_then(|client| client.parse().ok()).expect("each client has a number");
    let answer = scene.answer.to(|name| request.headers().contains_key(name));
    let mut response = Response::new(body(answer.content, client).ok_or(NoAnswer)?);
    *response.status_mut() = http::StatusCode::from_u16(answer.status).unwrap();
    for (name, value) in answer.fields(client) {
        response.headers_mut().append(name, value);
    }
    Ok(response)
}

fn body(content: Content, client: usize) -> Option<Body> {
    let sent = Cursor::new(content.sent(client));
    Some(match content {
        Content::Sized | Content::Empty | Content::Long => Body::from(content.text(client)),
        Content::Chunked | Content::ToTheEnd => Body::stream(sent),
        Content::Short => Body::sized(sent, content.text(client).len() as u64),
        Content::BrokenChunks => Body::stream(sent.chain(Broken)),
        Content::NoAnswer => return None,
    })
}

/// A body that breaks off.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the body of a script breaks off here"))
    }
}
