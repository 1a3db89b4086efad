//! Random requests and responses in two processes: no client sees a response for another client (H25, H26).

use coalescer_http::{CoalesceLayer, SharedPages};
use proptest::prelude::*;

use super::record::Record;
use super::{each_engine, site_with};
use crate::secrets::{Visit, judge, page_for, said, visit};
use crate::stage::call;

type Layer = CoalesceLayer<SharedPages>;

fn by_all(layer: Layer) -> Layer {
    ["cookie", "authorization", "proxy-authorization"].into_iter().fold(layer, Layer::key_header)
}

/// Each visit comes to both processes. Returns how many pages the second one had of the first one.
fn takes_turns(
    engine: &Record,
    visits: &[(Visit, crate::secrets::Said)],
    set: fn(Layer) -> Layer,
) -> u64 {
    let sites = [(); 2].map(|()| site_with(engine.clone(), set));
    for (number, (visit, said)) in visits.iter().enumerate() {
        for turn in 0..2 {
            let (pages, number) = (&sites[(number + turn) % 2].pages, 2 * number + turn);
            judge(visit, number, call(pages, visit.request(), page_for(visit, number, said)));
        }
    }
    sites.iter().map(|site| site.counts().1).sum()
}

#[test]
fn no_process_serves_what_is_another_ones() {
    let config =
        ProptestConfig { failure_persistence: None, cases: 100, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let shared = [const { std::cell::Cell::new(0) }; 3];
    let visits = prop::collection::vec((visit(), said()), 1..12);
    let layers: [fn(Layer) -> Layer; 3] =
        [|layer| layer, by_all, |layer| by_all(layer).share_credentials()];
    let result = runner.run(&visits, |visits| {
        for (layer, shared) in layers.iter().zip(&shared) {
            each_engine(|engine| shared.set(shared.get() + takes_turns(engine, &visits, *layer)));
        }
        Ok(())
    });
    result.unwrap();
    let counts = shared.map(|count| count.get());
    assert!(counts.iter().all(|count| *count > 20), "each layer shares: {counts:?}");
    assert!(counts[2] > counts[1], "and more with credentials: {counts:?}");
}
