//! [`BodyRule`]: how a layer finds out if a request has a body.

use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::body::Body;

/// The user's function of a body, and the bodies that tell by themselves.
///
/// The type of the body is no parameter of the layer, so the function is kept without it.
#[derive(Clone, Default)]
pub(crate) struct BodyRule(Option<Rule>);

#[derive(Clone)]
struct Rule {
    /// A `Function<B>`.
    function: Arc<dyn Any + Send + Sync>,
    body: TypeId,
    name: &'static str,
}

type Function<B> = Box<dyn Fn(&B) -> bool + Send + Sync>;

impl BodyRule {
    pub(crate) fn new<B: 'static>(has_body: impl Fn(&B) -> bool + Send + Sync + 'static) -> Self {
        let function: Function<B> = Box::new(has_body);
        let (function, body, name) = (Arc::new(function), TypeId::of::<B>(), type_name::<B>());
        Self(Some(Rule { function, body, name }))
    }

    /// Panics if the function is for bodies of another type. It would never be asked.
    #[track_caller]
    pub(crate) fn check<B: 'static>(&self) {
        if let Some(Rule { name, body, .. }) = &self.0 {
            assert!(
                *body == TypeId::of::<B>(),
                "has_body: the function is for a body of type {name}, and the handler takes a request with {}",
                type_name::<B>()
            );
        }
    }

    /// Returns `Some(true)` if there is a body or may be one, and `None` if nobody knows.
    pub(crate) fn ask<B: 'static>(&self, body: &B) -> Option<bool> {
        let function = self.0.as_ref().and_then(|rule| rule.function.downcast_ref::<Function<B>>());
        function.map(|has_body| has_body(body)).or_else(|| told_by(body))
    }
}

/// The word of a body whose type the layer knows.
fn told_by(body: &dyn Any) -> Option<bool> {
    fn of<T: 'static>(body: &dyn Any, has_body: fn(&T) -> bool) -> Option<bool> {
        body.downcast_ref().map(has_body)
    }
    of(body, |(): &()| false)
        .or_else(|| of(body, |body: &Bytes| !body.is_empty()))
        .or_else(|| of(body, |body: &Vec<u8>| !body.is_empty()))
        .or_else(|| of(body, |body: &Body| !body.is_empty()))
        .or_else(|| of(body, |body: &String| !body.is_empty()))
        .or_else(|| of(body, |body: &&'static str| !body.is_empty()))
        .or_else(|| of(body, |body: &&'static [u8]| !body.is_empty()))
        .or_else(|| of::<Box<[u8]>>(body, |body| !body.is_empty()))
        .or_else(|| of(body, |body: &Arc<[u8]>| !body.is_empty()))
}

impl fmt::Debug for BodyRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BodyRule").field(&self.0.as_ref().map(|rule| rule.name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// H38
    #[test]
    fn bodies_of_known_types_tell_by_themselves() {
        fn told<B: 'static>(empty: B, full: B) -> [Option<bool>; 2] {
            [empty, full].map(|body| BodyRule::default().ask(&body))
        }
        let expected = [Some(false), Some(true)];
        assert_eq!(told(Vec::new(), vec![0_u8]), expected);
        assert_eq!(told(String::new(), "a".to_owned()), expected);
        assert_eq!(told(Bytes::new(), Bytes::from_static(b"a")), expected);
        assert_eq!(told("", "a"), expected);
        assert_eq!(told(&b""[..], &b"a"[..]), expected);
        assert_eq!(told(Box::<[u8]>::from([]), Box::from([0])), expected);
        assert_eq!(told(Arc::<[u8]>::from([]), Arc::from([0])), expected);
        assert_eq!(told(Body::empty(), Body::from("a")), expected);
        assert_eq!(told(Body::empty(), Body::stream(std::io::empty())), expected, "it may be one");
        assert_eq!(BodyRule::default().ask(&()), Some(false));
        assert_eq!(BodyRule::default().ask(&7_u8), None);
    }

    /// H38: the user's word holds, also for a type that the layer knows.
    #[test]
    fn a_function_is_asked_about_bodies_of_its_type() {
        let rule = BodyRule::new(|length: &u64| *length > 0);
        assert_eq!(
            [rule.ask(&0_u64), rule.ask(&7_u64), rule.ask(&7_u32)],
            [Some(false), Some(true), None]
        );
        assert_eq!(BodyRule::new(|_: &Vec<u8>| true).ask(&Vec::<u8>::new()), Some(true));
        rule.check::<u64>();
    }

    #[test]
    #[should_panic(
        expected = "has_body: the function is for a body of type u64, and the handler takes a request with u32"
    )]
    fn a_function_for_another_type_is_refused() {
        BodyRule::new(|_: &u64| true).check::<u32>();
    }
}
