//! Threads that work for a leader's function (`Lead::enter`): the graph sees them as a part of it.

use coalescer::{Error, Role};
use coalescer_loom_tests::{Failure, Model, Stage};

/// Leads `key` with a function that lets a child call another key, and waits for the child. `None` if
/// another thread led `key`.
fn with_child<R: Send + 'static>(
    stage: &Stage,
    key: u8,
    call: impl FnOnce(&Stage) -> R + Send + 'static,
) -> Option<R> {
    let mut result = None;
    let run = || {
        let lead = coalescer::leading();
        let child = stage.spawn(move |stage| lead.enter(|| call(stage)));
        result = Some(child.join().expect("no panic"));
        stage.run()
    };
    stage.group.execute(&key, run).expect("no outer call closes a cycle");
    result
}

fn is_refused(result: Result<u64, Failure>) -> bool {
    match result {
        Ok(_) => false,
        Err(Error::WouldDeadlock) => true,
        Err(other) => panic!("a call ended as {other:?}"),
    }
}

fn asks(key: u8) -> impl FnOnce(&Stage) -> bool + Send + 'static {
    move |stage| is_refused(stage.group.execute(&key, || stage.run()).map(|value| *value))
}

/// S67: a child asks for the key that its parent leads.
#[test]
#[cfg_attr(
    shuttle,
    ignore = "its threads run one after the other, and shuttle wants some that do not"
)]
fn a_child_is_refused_its_parents_key() {
    Model::new("child of a leader", ["refused"]).exhaustive().explore(|seen| {
        let stage = Stage::new(|builder| builder);
        assert_eq!(with_child(&stage, 1, asks(1)), Some(true), "it waited for its own parent");
        seen.note("refused");
        stage.is_at_rest();
    });
}

/// S42, S67: a cycle of a leader's child and another leader. Whoever closes it is refused.
#[test]
fn a_cycle_through_a_child_is_refused() {
    let endings = ["one refused", "no cycle"];
    Model::new("cycle through a child", endings).explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let other = stage.spawn(|stage| {
            let mut refused = false;
            let run = || {
                refused = asks(1)(stage);
                stage.run()
            };
            stage.group.execute(&2, run).expect("no outer call closes a cycle");
            refused
        });
        let child = with_child(&stage, 1, asks(2)).unwrap_or(false);
        let refused = [child, other.join().expect("no panic")];
        let refused = refused.into_iter().filter(|refused| *refused).count();
        assert!(refused < 2, "both were refused, and one is enough");
        seen.note(endings[1 - refused]);
        stage.is_at_rest();
    });
}

/// S43, S67: two children of one leader ask for one key. One leads it, and the other may wait for it.
#[test]
fn children_wait_for_each_other() {
    let endings = ["one waited", "both led"];
    Model::new("two children of a leader", endings).explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let run = || {
            let lead = coalescer::leading();
            let ask = move |stage: &Stage| {
                lead.enter(|| stage.group.call(&2).outcome(|| stage.run()).map(|value| value.role))
            };
            let children = [stage.spawn(ask.clone()), stage.spawn(ask)];
            let roles = children.map(|child| child.join().expect("no panic"));
            let waited = roles
                .into_iter()
                .filter(|role| *role.as_ref().expect("refused without a cycle") == Role::Follower);
            seen.note(endings[1 - waited.count()]);
            stage.run()
        };
        stage.group.execute(&1, run).expect("no outer call closes a cycle");
        stage.is_at_rest();
    });
}
