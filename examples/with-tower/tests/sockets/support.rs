//! Servers whose reads the test ends, and their clients.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};

use coalescer_http::{CoalesceLayer, LayerStats, TowerLayer};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;
use with_tower::{Site, router};

use crate::watchdog::{wait_until, watched};

/// Runs a test on a runtime of its own.
pub(crate) fn run<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    watched(|| {
        let mut runtime = Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(test());
        // A read that the test has not ended is left behind.
        runtime.shutdown_background();
    });
}

/// A server with the page `heron`.
pub(crate) struct Server {
    address: SocketAddr,
    layer: TowerLayer,
    reads: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
}

impl Server {
    pub(crate) async fn axum(layer: CoalesceLayer) -> Self {
        let (server, site, listener) = Self::listen(layer).await;
        let pages = router(site, server.layer.clone());
        tokio::spawn(async { axum::serve(listener, pages).await });
        server
    }

    pub(crate) async fn hyper(layer: CoalesceLayer) -> Self {
        let (server, site, listener) = Self::listen(layer).await;
        let layer = server.layer.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(with_tower::serve(client, site.clone(), layer.clone()));
            }
        });
        server
    }

    async fn listen(layer: CoalesceLayer) -> (Self, Site, TcpListener) {
        let (begin, reads) = mpsc::unbounded_channel();
        let site = Site::new(move || {
            let (end, ended) = oneshot::channel();
            begin.send(end).expect("the test goes on");
            ended.blocking_recv().expect("the test ends each read");
        });
        site.write("heron".into(), "a heron".into());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let layer = layer.tower(tokio::time::sleep);
        (Self { address, layer, reads }, site, listener)
    }

    /// The next read that begins. It ends when the test says so.
    pub(crate) async fn next_read(&mut self) -> oneshot::Sender<()> {
        self.reads.recv().await.expect("a read begins")
    }

    /// Waits until the layer shows so many requests that follow.
    pub(crate) fn until_followers(&self, count: usize) {
        let flights = || self.layer.pages().in_flight();
        wait_until(|| flights().iter().map(|flight| flight.followers).sum::<usize>() == count);
    }

    pub(crate) fn stats(&self) -> LayerStats {
        self.layer.pages().stats()
    }

    pub(crate) async fn clients(&self, kind: Kind, count: usize) -> Vec<Client> {
        let mut clients = Vec::new();
        for _ in 0..count {
            clients.push(self.client(kind).await);
        }
        clients
    }

    /// A client with a connection of its own. Its clones share the connection.
    pub(crate) async fn client(&self, kind: Kind) -> Client {
        let stream = TokioIo::new(TcpStream::connect(self.address).await.unwrap());
        let connection = match kind {
            Kind::Http1 => {
                let (sender, connection) = http1::handshake(stream).await.unwrap();
                tokio::spawn(connection);
                Connection::Http1(std::sync::Arc::new(Mutex::new(sender)))
            }
            Kind::Http2 => {
                let executor = TokioExecutor::new();
                let (sender, connection) = http2::handshake(executor, stream).await.unwrap();
                tokio::spawn(connection);
                Connection::Http2(sender)
            }
        };
        Client { address: self.address, connection }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Http1,
    Http2,
}

#[derive(Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    connection: Connection,
}

#[derive(Clone)]
enum Connection {
    /// One request at a time.
    Http1(std::sync::Arc<Mutex<http1::SendRequest<Full<Bytes>>>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// The response that a client got.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) age: Option<String>,
    pub(crate) text: String,
}

impl Client {
    /// Begins a request. The client gives it up if the task is aborted.
    pub(crate) fn get(&self, path: &str) -> JoinHandle<Got> {
        self.send(Method::GET, path, String::new())
    }

    pub(crate) fn post(&self, path: &str, text: String) -> JoinHandle<Got> {
        self.send(Method::POST, path, text)
    }

    fn send(&self, method: Method, path: &str, text: String) -> JoinHandle<Got> {
        let request = Request::builder().method(method).header("accept", "*/*");
        let body = Full::new(Bytes::from(text));
        let connection = self.connection.clone();
        let (host, uri) = (self.address.to_string(), format!("http://{}{path}", self.address));
        let path = path.to_owned();
        tokio::spawn(async move {
            let response = match connection {
                Connection::Http1(sender) => {
                    let request = request.uri(path).header("host", host).body(body).unwrap();
                    let mut sender = sender.lock().await;
                    sender.ready().await.unwrap();
                    sender.send_request(request).await
                }
                Connection::Http2(mut sender) => {
                    sender.send_request(request.uri(uri).body(body).unwrap()).await
                }
            };
            got(response.unwrap()).await
        })
    }
}

async fn got(response: Response<Incoming>) -> Got {
    let status = response.status().as_u16();
    let age = response.headers().get("age").map(|age| age.to_str().unwrap().to_owned());
    let text = response.into_body().collect().await.unwrap().to_bytes();
    Got { status, age, text: String::from_utf8(text.to_vec()).unwrap() }
}
