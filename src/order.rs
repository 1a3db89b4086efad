//! A queue in order of arrival whose members can leave from anywhere.
//!
//! Retained results stand in it, oldest first. Expiry and eviction take the front; `forget` and
//! replacement take a member out of the middle. Each is O(1), with nothing stale left behind and
//! no sweep: a doubly linked list whose nodes live in one vector and whose links are indices.

/// No node.
const NONE: u32 = u32::MAX;

#[derive(Debug)]
pub(crate) struct Order<T> {
    nodes: Vec<Node<T>>,
    front: u32,
    back: u32,
    /// The first unused node; they are linked by `next`.
    unused: u32,
}

#[derive(Debug)]
struct Node<T> {
    value: Option<T>,
    before: u32,
    next: u32,
}

impl<T> Order<T> {
    pub(crate) const fn new() -> Self {
        Self { nodes: Vec::new(), front: NONE, back: NONE, unused: NONE }
    }

    pub(crate) fn front(&self) -> Option<&T> {
        self.nodes.get(self.front as usize)?.value.as_ref()
    }

    /// Adds `value` at the back and says by which number it can be removed.
    pub(crate) fn push_back(&mut self, value: T) -> u32 {
        let node = Node { value: Some(value), before: self.back, next: NONE };
        let place = self.place(node);
        match self.back {
            NONE => self.front = place,
            back => self.nodes[back as usize].next = place,
        }
        self.back = place;
        place
    }

    /// Puts `node` into an unused place, or a new one.
    fn place(&mut self, node: Node<T>) -> u32 {
        if self.unused == NONE {
            self.nodes.push(node);
            let last = self.nodes.len() - 1;
            return u32::try_from(last).expect("a shard holds fewer than 2^32 results");
        }
        let place = self.unused;
        self.unused = self.nodes[place as usize].next;
        self.nodes[place as usize] = node;
        place
    }

    /// Removes the value that `push_back` gave this number to.
    pub(crate) fn remove(&mut self, place: u32) -> Option<T> {
        let node = &mut self.nodes[place as usize];
        let value = node.value.take()?;
        let (before, next) = (node.before, node.next);
        node.next = self.unused;
        self.unused = place;
        match before {
            NONE => self.front = next,
            before => self.nodes[before as usize].next = next,
        }
        match next {
            NONE => self.back = before,
            next => self.nodes[next as usize].before = before,
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(order: &mut Order<u32>) -> Vec<u32> {
        let mut drained = Vec::new();
        while order.front().is_some() {
            drained.extend(order.remove(order.front));
        }
        drained
    }

    #[test]
    fn values_leave_in_the_order_of_their_arrival() {
        let mut order = Order::new();
        for n in 0..5 {
            order.push_back(n);
        }
        assert_eq!(drain(&mut order), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_value_can_leave_from_the_front_the_middle_and_the_back() {
        for gone in 0..3 {
            let mut order = Order::new();
            let places: Vec<u32> = (0..3).map(|n| order.push_back(n)).collect();
            assert_eq!(order.remove(places[gone]), Some(gone as u32));
            assert_eq!(order.remove(places[gone]), None);
            order.push_back(3);
            let left: Vec<u32> = (0..4).filter(|n| *n != gone as u32).collect();
            assert_eq!(drain(&mut order), left);
        }
    }

    #[test]
    fn places_are_used_again() {
        let mut order = Order::new();
        for n in 0..1000 {
            let place = order.push_back(n);
            assert_eq!(order.remove(place), Some(n));
        }
        assert_eq!(order.nodes.len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn it_behaves_as_a_vector_does(steps in proptest::collection::vec(0_usize..12, 0..200)) {
            let mut order = Order::new();
            let mut model: Vec<(u32, u32)> = Vec::new();
            for (n, step) in (0_u32..).zip(steps) {
                if step < 6 || model.is_empty() {
                    model.push((order.push_back(n), n));
                } else {
                    let (place, value) = model.remove(step % model.len());
                    assert_eq!(order.remove(place), Some(value));
                }
                assert_eq!(order.front(), model.first().map(|(_, value)| value));
            }
            let expected: Vec<u32> = model.into_iter().map(|(_, value)| value).collect();
            assert_eq!(drain(&mut order), expected);
        }
    }
}
