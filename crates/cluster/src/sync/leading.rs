//! The leads of a thread: an engine that finds cycles of waits must know what the thread that waits leads.

use std::cell::RefCell;

use crate::engine::Token;

#[cfg(not(any(loom, shuttle)))]
thread_local! {
    /// Those of all clusters, the youngest last.
    static LEADS: RefCell<Vec<Token>> = const { RefCell::new(Vec::new()) };
}

// The threads of a model may share one thread of the system.
#[cfg(any(loom, shuttle))]
super::checker::thread_local! {
    static LEADS: RefCell<Vec<Token>> = RefCell::new(Vec::new());
}

/// This thread leads from now on, by this token.
pub(crate) fn now_leads(token: &Token) {
    with(|leads| leads.push(token.clone()));
}

/// The lead of this token has ended, on the thread that had it.
pub(crate) fn leads_no_more(token: &Token) {
    with(|leads| leads.retain(|lead| lead != token));
}

/// The youngest lead of this thread that `counts`.
pub(crate) fn leads_here(counts: impl Fn(&Token) -> bool) -> Option<Token> {
    with(|leads| leads.iter().rfind(|lead| counts(lead)).cloned()).flatten()
}

/// False while the locals of this thread are being destroyed.
#[cfg(feature = "tracing")]
pub(crate) fn has_locals() -> bool {
    LEADS.try_with(|_| ()).is_ok()
}

/// `None` while the thread ends.
fn with<T>(look: impl FnOnce(&mut Vec<Token>) -> T) -> Option<T> {
    LEADS.try_with(|leads| look(&mut leads.borrow_mut())).ok()
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::engine::Inbox;

    #[test]
    fn a_look_at_the_leads_of_one_cluster_leaves_those_of_another() {
        let [outer, inner] = [1, 2].map(|number| Token::new(Inbox::draw("shop"), number));
        [&outer, &inner].into_iter().for_each(now_leads);
        assert_eq!(leads_here(|_| true).as_ref(), Some(&inner));
        assert_eq!(leads_here(|lead| *lead == outer).as_ref(), Some(&outer));
        leads_no_more(&outer);
        assert_eq!(leads_here(|_| true).as_ref(), Some(&inner), "it is still there");
        leads_no_more(&inner);
        assert_eq!(leads_here(|_| true), None);
    }
}
