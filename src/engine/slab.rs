//! A vector of places that are used again, some of which stand in queues.
//!
//! A shard keeps its flights here and finds them by number. A result that the window keeps stands
//! in a [`Queue`] as well, oldest first: expiry and eviction take the front, `forget` and
//! replacement take a member out of the middle. Each is O(1), with nothing stale left behind and no
//! sweep: the queue is a doubly linked list whose links are numbers of places.

/// No place.
const NONE: u32 = u32::MAX;

/// How far from its end a value may enter a queue.
const FARTHEST: usize = 64;

/// The number of a place; it is good until the value there is removed.
pub(crate) type At = u32;

#[derive(Debug)]
pub(crate) struct Slab<T> {
    places: Vec<Place<T>>,
    /// The first unused place; they are linked by `next`.
    unused: At,
}

#[derive(Debug)]
struct Place<T> {
    value: Option<T>,
    before: At,
    next: At,
}

/// The members of a queue, by the numbers of the first and the last.
#[derive(Debug)]
pub(crate) struct Queue {
    front: At,
    back: At,
}

impl Queue {
    pub(crate) const fn new() -> Self {
        Self { front: NONE, back: NONE }
    }

    #[inline]
    pub(crate) fn front(&self) -> Option<At> {
        (self.front != NONE).then_some(self.front)
    }
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self { places: Vec::new(), unused: NONE }
    }

    #[inline]
    pub(crate) fn get(&self, at: At) -> &T {
        self.places[at as usize].value.as_ref().expect("whoever has the number has a value there")
    }

    /// The value there, for one whose number may be of long ago.
    pub(crate) fn try_get(&self, at: At) -> Option<&T> {
        self.places.get(at as usize)?.value.as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, at: At) -> &mut T {
        self.places[at as usize].value.as_mut().expect("whoever has the number has a value there")
    }

    /// Takes in what `make` makes, when its place is known: so it is made there, and not moved.
    #[inline]
    pub(crate) fn insert_with(&mut self, make: impl FnOnce() -> T) -> At {
        if self.unused == NONE {
            self.grow();
        }
        let at = self.unused;
        let place = &mut self.places[at as usize];
        assert!(place.value.is_none(), "an unused place is empty");
        self.unused = place.next;
        (place.before, place.next) = (NONE, NONE);
        place.value = Some(make());
        at
    }

    #[cold]
    fn grow(&mut self) {
        let at = At::try_from(self.places.len()).ok().filter(|at| *at != NONE);
        self.unused = at.expect("a shard holds fewer than 2^32 flights");
        self.places.push(Place { value: None, before: NONE, next: NONE });
    }

    /// Takes out a value that stands in no queue.
    #[inline]
    pub(crate) fn remove(&mut self, at: At) -> T {
        let place = &mut self.places[at as usize];
        place.next = self.unused;
        self.unused = at;
        place.value.take().expect("whoever has the number has a value there")
    }

    /// Lets a value into a queue, before those at its end that it goes before: past at most
    /// [`FARTHEST`] of them, so that this is O(1).
    pub(crate) fn enqueue(
        &mut self,
        queue: &mut Queue,
        at: At,
        goes_before: impl Fn(&T, &T) -> bool,
    ) {
        let (mut before, mut next) = (queue.back, NONE);
        for _ in 0..FARTHEST {
            if before == NONE || !goes_before(self.get(at), self.get(before)) {
                break;
            }
            (before, next) = (self.places[before as usize].before, before);
        }
        let place = &mut self.places[at as usize];
        (place.before, place.next) = (before, next);
        match before {
            NONE => queue.front = at,
            before => self.places[before as usize].next = at,
        }
        match next {
            NONE => queue.back = at,
            next => self.places[next as usize].before = at,
        }
    }

    pub(crate) fn dequeue(&mut self, queue: &mut Queue, at: At) {
        let place = &self.places[at as usize];
        let (before, next) = (place.before, place.next);
        match before {
            NONE => queue.front = next,
            before => self.places[before as usize].next = next,
        }
        match next {
            NONE => queue.back = before,
            next => self.places[next as usize].before = before,
        }
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.places.iter_mut().filter_map(|place| place.value.as_mut())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes out everything, from the front on.
    fn drain(slab: &mut Slab<u32>, queue: &mut Queue) -> Vec<u32> {
        let mut drained = Vec::new();
        while let Some(at) = queue.front() {
            slab.dequeue(queue, at);
            drained.push(slab.remove(at));
        }
        drained
    }

    #[test]
    fn a_value_can_leave_a_queue_from_the_front_the_middle_and_the_back() {
        for gone in 0..3 {
            let (mut slab, mut queue) = (Slab::new(), Queue::new());
            for n in 0..3 {
                let at = slab.insert_with(|| n);
                slab.enqueue(&mut queue, at, |_, _| false);
            }
            slab.dequeue(&mut queue, gone);
            assert_eq!(slab.remove(gone), gone);
            let left: Vec<u32> = (0..3).filter(|n| *n != gone).collect();
            assert_eq!(drain(&mut slab, &mut queue), left);
        }
    }

    #[test]
    fn a_value_enters_before_those_that_it_goes_before() {
        let (mut slab, mut queue) = (Slab::new(), Queue::new());
        for n in [5, 1, 4, 4, 0, 9] {
            let at = slab.insert_with(|| n);
            slab.enqueue(&mut queue, at, |new, other| new < other);
        }
        assert_eq!(drain(&mut slab, &mut queue), [0, 1, 4, 4, 5, 9]);
    }

    #[test]
    fn a_value_passes_only_so_many_others() {
        let (mut slab, mut queue) = (Slab::new(), Queue::new());
        for n in (0..1000).rev() {
            let at = slab.insert_with(|| n);
            slab.enqueue(&mut queue, at, |new, other| new < other);
        }
        assert_eq!(slab.get(queue.front().expect("a thousand are in it")), &(999 - 64));
    }

    #[test]
    fn places_are_used_again() {
        let mut slab = Slab::new();
        for n in 0..1000 {
            let at = slab.insert_with(|| n);
            assert_eq!(slab.remove(at), n);
        }
        assert_eq!(slab.places.len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn a_queue_behaves_as_a_vector_does(
            steps in proptest::collection::vec(0_usize..12, 0..200),
        ) {
            let (mut slab, mut queue) = (Slab::new(), Queue::new());
            let mut model: Vec<(At, u32)> = Vec::new();
            for (n, step) in (0_u32..).zip(steps) {
                if step < 6 || model.is_empty() {
                    let at = slab.insert_with(|| n);
                    slab.enqueue(&mut queue, at, |_, _| false);
                    model.push((at, n));
                } else {
                    let (at, value) = model.remove(step % model.len());
                    slab.dequeue(&mut queue, at);
                    assert_eq!(slab.remove(at), value);
                }
                assert_eq!(queue.front(), model.first().map(|(at, _)| *at));
                assert_eq!(slab.iter_mut().count(), model.len());
            }
            let expected: Vec<u32> = model.into_iter().map(|(_, value)| value).collect();
            assert_eq!(drain(&mut slab, &mut queue), expected);
        }
    }
}
