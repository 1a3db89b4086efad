//! A step that fails while the engine is up (C15, C20).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use coalescer_cluster::Memory;
use coalescer_cluster::engine::*;

use super::{Function, MINUTE, site};
use crate::support::{wait_until, watched};

/// An engine whose claims fail when the test says so, and whose messages come all the same.
#[derive(Clone, Default)]
struct Unsteady {
    engine: Memory,
    fails: Arc<AtomicBool>,
}

type Step<T> = Result<T, EngineError>;

impl Engine for Unsteady {
    fn can(&self) -> Can {
        self.engine.can()
    }

    fn ping(&self, within: Duration) -> Step<()> {
        self.engine.ping(within)
    }

    fn claim(&self, claim: &Claim<'_>, within: Duration) -> Step<Claimed> {
        match self.fails.load(Ordering::SeqCst) {
            true => Err(ErrorKind::TimedOut.into()),
            false => self.engine.claim(claim, within),
        }
    }

    fn publish(&self, publication: &Publication<'_>, within: Duration) -> Step<Published> {
        self.engine.publish(publication, within)
    }

    fn release(&self, release: &Release<'_>, within: Duration) -> Step<Released> {
        self.engine.release(release, within)
    }

    fn renew(&self, leads: &[Lead<'_>], within: Duration) -> Step<Vec<bool>> {
        self.engine.renew(leads, within)
    }

    fn forget(&self, forget: &Forget<'_>, within: Duration) -> Step<Forgotten> {
        self.engine.forget(forget, within)
    }

    fn forget_all(&self, forget: &ForgetAll<'_>, within: Duration) -> Step<Forgotten> {
        self.engine.forget_all(forget, within)
    }

    fn discard(&self, key: Key<'_>, bytes: &[u8], within: Duration) -> Step<bool> {
        self.engine.discard(key, bytes, within)
    }

    fn listen(&self, inbox: &Inbox, within: Duration) -> Step<Box<dyn Listener>> {
        self.engine.listen(inbox, within)
    }

    fn confirm(&self, to: &Inbox, by: &Inbox, id: ForgetId, within: Duration) -> Step<()> {
        self.engine.confirm(to, by, id, within)
    }
}

/// The engine knows of no copy here, and nothing opens or closes the breaker, so a copy would stay for its window.
#[test]
fn c15_of_a_call_whose_step_failed_nothing_is_kept() {
    watched(|| {
        let (engine, function) = (Unsteady::default(), Function::default());
        let [here, there] = [(); 2].map(|()| site(engine.clone(), MINUTE, &function));
        wait_until(|| [&here, &there].iter().all(|site| site.cluster.health().listening));
        engine.fails.store(true, Ordering::SeqCst);
        assert_eq!(here.value(7), 1, "by itself");
        engine.fails.store(false, Ordering::SeqCst);
        assert!(here.cluster.health().up);
        assert_eq!(there.value(7), 2);
        assert_eq!(there.users.forget_everywhere(&7), Ok(true));
        assert_eq!(here.value(7), 3, "what it had made before the forget is not served");
    });
}
