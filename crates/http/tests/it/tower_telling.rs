//! A tower layer tells how it has answered (H54, H58).

use http::Request;
use http_body_util::Empty;

use crate::tower::{Answer, call, follow, get, overlapping, page, run, scripted};

/// H54, H58: the layer tells clients and operators how it has answered, as a blocking one does.
#[test]
fn a_tower_layer_tells_how_it_has_answered() {
    run(|| async {
        let layer = overlapping().cache_status("pages").route_by(|_| Some("all"));
        let layer = layer.tower(tokio::time::sleep);
        let (service, mut runs) = scripted(&layer);
        let leader = call(&service, get());
        let run = runs.next().await;
        let follower = follow(&layer, &service, 1).remove(0);
        run.send(page("news")).unwrap();
        let status = |answer: Answer| answer.unwrap().headers()["cache-status"].clone();
        assert_eq!(status(leader.await.unwrap()), "pages; fwd=miss");
        assert_eq!(status(follower.await.unwrap()), "pages; fwd=miss; collapsed");
        let post = Request::post("http://shop.example/").body(Empty::new()).unwrap();
        let passed = call(&service, post);
        runs.next().await.send(page("own")).unwrap();
        assert_eq!(status(passed.await.unwrap()), "pages; fwd=method; detail=method");
        let cancelled = call(&service, get());
        let run = runs.next().await;
        cancelled.abort();
        assert!(cancelled.await.unwrap_err().is_cancelled());
        drop(run);
        let all = layer.pages().stats_by_route().remove(0);
        assert_eq!((all.requests, all.leaders, all.followers), (4, 1, 1));
        assert_eq!((all.passed_through, all.unanswered), (1, 1));
    });
}
