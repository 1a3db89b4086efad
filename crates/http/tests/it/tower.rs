//! The layer for async servers (H64 to H67). Runs are ordered by channels, and each test has a watchdog.

use std::future::{Future, pending, ready};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use coalescer_http::{CoalesceLayer, Served, ServedRole, Settings, TowerBody, TowerLayer};
use http::header::ETAG;
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tower::limit::ConcurrencyLimitLayer;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};

use crate::support::{wait_until, watched};

pub(crate) type Inner = http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>;
pub(crate) type Answer = Result<Response<TowerBody<Inner>>, BoxError>;
pub(crate) type Answers = Result<Response<Inner>, BoxError>;

/// A service inside the layer.
pub(crate) trait Serves:
    Service<
        Request<Empty<Bytes>>,
        Response = Response<TowerBody<Inner>>,
        Error = BoxError,
        Future: Send,
    > + Clone
    + Send
    + 'static
{
}

impl<S> Serves for S where
    S: Service<
            Request<Empty<Bytes>>,
            Response = Response<TowerBody<Inner>>,
            Error = BoxError,
            Future: Send,
        > + Clone
        + Send
        + 'static
{
}

/// Runs that the test ends, one after the other.
pub(crate) struct Runs(mpsc::UnboundedReceiver<oneshot::Sender<Answers>>);

impl Runs {
    pub(crate) async fn next(&mut self) -> oneshot::Sender<Answers> {
        self.0.recv().await.expect("a run begins")
    }
}

fn full(text: &'static str) -> Inner {
    Full::new(Bytes::from(text)).map_err(Into::into).boxed_unsync()
}

pub(crate) fn page(text: &'static str) -> Answers {
    Ok(Response::new(full(text)))
}

pub(crate) fn get() -> Request<Empty<Bytes>> {
    Request::get("http://shop.example/").version(Version::HTTP_2).body(Empty::new()).unwrap()
}

pub(crate) fn overlapping() -> CoalesceLayer {
    CoalesceLayer::new().settings(Settings::new().window(Duration::ZERO))
}

/// A service whose runs the test ends.
pub(crate) fn scripted(layer: &TowerLayer) -> (impl Serves, Runs) {
    let (begin, runs) = mpsc::unbounded_channel();
    let service = service_fn(move |_: Request<Empty<Bytes>>| {
        let (end, ended) = oneshot::channel();
        begin.send(end).expect("the test goes on");
        async move { ended.await.expect("the test ends each run") }
    });
    (ServiceBuilder::new().layer(layer.clone()).service(service), Runs(runs))
}

fn waiting(layer: &TowerLayer) -> usize {
    layer.pages().in_flight().iter().map(|flight| flight.followers).sum()
}

pub(crate) fn call(service: &impl Serves, request: Request<Empty<Bytes>>) -> JoinHandle<Answer> {
    tokio::spawn(service.clone().oneshot(request))
}

/// Calls that follow, when all of them wait.
pub(crate) fn follow(
    layer: &TowerLayer,
    service: &impl Serves,
    count: usize,
) -> Vec<JoinHandle<Answer>> {
    let before = waiting(layer);
    let calls = (0..count).map(|_| call(service, get())).collect();
    wait_until(|| waiting(layer) == before + count);
    calls
}

/// A request that leads, the end of its run, and requests that wait for it.
async fn meet(
    (layer, service): (&TowerLayer, &impl Serves),
    runs: &mut Runs,
    followers: usize,
) -> (JoinHandle<Answer>, oneshot::Sender<Answers>, Vec<JoinHandle<Answer>>) {
    let leader = call(service, get());
    let end = runs.next().await;
    (leader, end, follow(layer, service, followers))
}

async fn text(answer: Answer) -> String {
    let bytes = answer.unwrap().into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn role(answer: &Answer) -> ServedRole {
    answer.as_ref().unwrap().extensions().get::<Served>().expect("each response has one").role()
}

pub(crate) fn run<F: Future<Output = ()> + Send + 'static>(
    test: impl FnOnce() -> F + Send + 'static,
) {
    watched(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = { runtime }.worker_threads(2).enable_time().build().unwrap();
        runtime.block_on(test());
    });
}

/// H64: requests of HTTP/2, of which no field says that they have no body.
#[test]
fn one_request_calls_the_service_and_a_thousand_share_its_page() {
    run(|| async {
        let layer = overlapping().tower(tokio::time::sleep);
        let (service, mut runs) = scripted(&layer);
        let (leader, end, followers) = meet((&layer, &service), &mut runs, 1000).await;
        end.send(page("news")).unwrap();
        let own = leader.await.unwrap();
        assert_eq!(role(&own), ServedRole::Leader);
        assert_eq!(text(own).await, "news");
        for follower in followers {
            let answer = follower.await.unwrap();
            assert_eq!(role(&answer), ServedRole::Follower);
            assert_eq!(text(answer).await, "news");
        }
        let stats = layer.pages().stats();
        assert_eq!((stats.flights.executed_requests, stats.passed_through), (1, 0));
    });
}

/// H64: the handle forgets for all services of the layer.
#[test]
fn services_of_one_layer_share_their_pages() {
    run(|| async {
        let layer = CoalesceLayer::new().tower(tokio::time::sleep);
        let ((one, mut runs), (two, _)) = (scripted(&layer), scripted(&layer));
        let first = call(&one, get());
        runs.next().await.send(page("news")).unwrap();
        assert_eq!(text(first.await.unwrap()).await, "news");
        let hit = call(&two, get()).await.unwrap();
        assert_eq!(role(&hit), ServedRole::Hit);
        assert_eq!(hit.unwrap().headers()["age"], "0");
        assert_eq!(layer.pages().forget_path("/"), 1);
    });
}

/// H65: the client of a leader goes away, or its service fails. The others are told at once.
#[test]
fn a_leader_that_is_dropped_or_fails_lets_the_next_one_lead() {
    run(|| async {
        let layer = overlapping().tower(tokio::time::sleep);
        let (service, mut runs) = scripted(&layer);
        let (leader, end, followers) = meet((&layer, &service), &mut runs, 3).await;
        leader.abort();
        assert!(leader.await.unwrap_err().is_cancelled());
        drop(end);
        let end = runs.next().await;
        wait_until(|| waiting(&layer) == 2);
        end.send(Err("the service fails".into())).unwrap();
        let end = runs.next().await;
        wait_until(|| waiting(&layer) == 1);
        end.send(page("news")).unwrap();
        let mut failed = 0;
        for follower in followers {
            match follower.await.unwrap() {
                Err(error) => {
                    assert_eq!(error.to_string(), "the service fails");
                    failed += 1;
                }
                answer => assert_eq!(text(answer).await, "news"),
            }
        }
        assert_eq!(failed, 1, "its own request alone gets an error");
        assert!(layer.pages().in_flight().is_empty());
    });
}

/// H65: a follower whose client goes away leaves its place at once.
#[test]
fn a_follower_that_is_dropped_gives_its_place_up() {
    run(|| async {
        let layer = overlapping().tower(tokio::time::sleep);
        let (service, mut runs) = scripted(&layer);
        let (leader, end, mut followers) = meet((&layer, &service), &mut runs, 1).await;
        let follower = followers.remove(0);
        follower.abort();
        assert!(follower.await.unwrap_err().is_cancelled());
        assert_eq!(waiting(&layer), 0);
        end.send(page("news")).unwrap();
        assert_eq!(text(leader.await.unwrap()).await, "news");
    });
}

/// H64, H15: the timer of the user's runtime bounds the wait.
#[test]
fn a_request_waits_for_its_leaders_no_longer_than_max_wait() {
    run(|| async {
        let settings = Settings::new().window(Duration::ZERO).max_wait(Duration::from_secs(7));
        let (asked, mut times) = mpsc::unbounded_channel();
        let layer = CoalesceLayer::new().settings(settings).tower(move |time| {
            asked.send(time).unwrap();
            ready(())
        });
        let (service, mut runs) = scripted(&layer);
        let leader = call(&service, get());
        let end = runs.next().await;
        let refused = call(&service, get()).await.unwrap();
        assert_eq!(
            (refused.as_ref().unwrap().status().as_u16(), role(&refused)),
            (503, ServedRole::Refused)
        );
        let time = times.recv().await.unwrap();
        assert!(time > Duration::from_secs(5) && time <= Duration::from_secs(7), "{time:?}");
        assert_eq!(waiting(&layer), 0, "it has given its place up");
        end.send(page("late")).unwrap();
        assert_eq!(text(leader.await.unwrap()).await, "late");
    });
}

/// A body of frames that the test sends, with the length that it states.
struct Frames(mpsc::UnboundedReceiver<Result<Frame<Bytes>, BoxError>>, Option<u64>);

type Chunks = mpsc::UnboundedSender<Result<Frame<Bytes>, BoxError>>;

fn frames(length: Option<u64>) -> (Chunks, Inner) {
    let (chunks, frames) = mpsc::unbounded_channel();
    (chunks, Frames(frames, length).boxed_unsync())
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.poll_recv(cx)
    }

    fn size_hint(&self) -> SizeHint {
        self.1.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

fn data(text: &'static str) -> Result<Frame<Bytes>, BoxError> {
    Ok(Frame::data(Bytes::from(text)))
}

/// H66: the others do not wait for the end of a body that is not for them.
#[test]
fn a_response_for_its_own_request_is_passed_on_as_a_stream() {
    run(|| async {
        let layer = overlapping().tower(|_| pending());
        let (service, mut runs) = scripted(&layer);
        let (leader, end, mut followers) = meet((&layer, &service), &mut runs, 1).await;
        let follower = followers.remove(0);
        let (chunks, body) = frames(None);
        end.send(Ok(Response::new(body))).unwrap();
        let own = leader.await.unwrap().unwrap();
        let served = own.extensions().get::<Served>().unwrap().to_string();
        assert_eq!(served, "leader: body of unknown end");
        // The follower runs its own while the body of the leader goes on.
        runs.next().await.send(page("its own")).unwrap();
        assert_eq!(text(follower.await.unwrap()).await, "its own");
        chunks.send(data("without end")).unwrap();
        drop(chunks);
        assert_eq!(text(Ok(own)).await, "without end");
    });
}

/// H66: a body of several chunks is one page.
#[test]
fn chunks_of_a_stated_length_are_shared() {
    run(|| async {
        let layer = overlapping().tower(|_| pending());
        let (service, mut runs) = scripted(&layer);
        let (leader, end, mut followers) = meet((&layer, &service), &mut runs, 1).await;
        let follower = followers.remove(0);
        let (chunks, body) = frames(Some(8));
        for chunk in ["two ", "", "news"] {
            chunks.send(data(chunk)).unwrap();
        }
        drop(chunks);
        end.send(Ok(Response::new(body))).unwrap();
        for answer in [leader.await.unwrap(), follower.await.unwrap()] {
            assert_eq!(answer.as_ref().unwrap().body().size_hint().exact(), Some(8));
            assert_eq!(text(answer).await, "two news");
        }
    });
}

/// H66: what others cannot have reaches its own request whole, and as it was.
#[test]
fn bodies_that_break_off_or_have_trailers_are_for_their_own_request() {
    run(|| async {
        let trailers: HeaderMap = [(ETAG, HeaderValue::from_static("1"))].into_iter().collect();
        let ends = [
            ("broken body", vec![Err("the disk is on fire".into())]),
            ("broken body", vec![]),
            ("broken body", vec![data("too long")]),
            ("trailers", vec![data(" and more"), Ok(Frame::trailers(trailers))]),
        ];
        for (reason, rest) in ends {
            let layer = overlapping().tower(|_| pending());
            let (service, mut runs) = scripted(&layer);
            let (leader, end, mut followers) = meet((&layer, &service), &mut runs, 1).await;
            let follower = followers.remove(0);
            let (chunks, body) = frames(Some(13));
            chunks.send(data("news")).unwrap();
            let (fails, has_trailers) = (rest.iter().any(Result::is_err), reason == "trailers");
            rest.into_iter().for_each(|frame| chunks.send(frame).unwrap());
            drop(chunks);
            end.send(Ok(Response::new(body))).unwrap();
            let own = leader.await.unwrap().unwrap();
            let served = own.extensions().get::<Served>().unwrap().to_string();
            assert_eq!(served, format!("leader: {reason}"));
            let mut body = own.into_body();
            let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
            assert!(first.starts_with(b"news"));
            match body.frame().await {
                Some(Ok(frame)) => assert!(has_trailers && frame.is_trailers()),
                Some(Err(error)) => assert!(fails, "{error}"),
                None => assert!(!fails && !has_trailers),
            }
            runs.next().await.send(page("its own")).unwrap();
            assert_eq!(text(follower.await.unwrap()).await, "its own");
        }
    });
}

/// H67: a limit inside counts those who run. With a place for each request, the second would never come to the layer.
#[test]
fn only_requests_that_run_need_the_service_to_be_ready() {
    run(|| async {
        let layer = overlapping().tower(|_| pending());
        let (begin, runs) = mpsc::unbounded_channel();
        let mut runs = Runs(runs);
        let inner = service_fn(move |_: Request<Empty<Bytes>>| {
            let (end, ended) = oneshot::channel();
            begin.send(end).expect("the test goes on");
            async move { ended.await.expect("the test ends each run") }
        });
        let limit = ConcurrencyLimitLayer::new(1);
        let service = ServiceBuilder::new().layer(layer.clone()).layer(limit).service(inner);
        let (leader, end, followers) = meet((&layer, &service), &mut runs, 8).await;
        let write = Request::post("http://shop.example/").body(Empty::new()).unwrap();
        let write = call(&service, write);
        end.send(page("news")).unwrap();
        assert_eq!(text(leader.await.unwrap()).await, "news");
        for follower in followers {
            assert_eq!(text(follower.await.unwrap()).await, "news");
        }
        runs.next().await.send(page("written")).unwrap();
        assert_eq!(role(&write.await.unwrap()), ServedRole::PassedThrough);
    });
}
