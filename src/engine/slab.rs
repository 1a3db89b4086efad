//! [`Slab`]: a vector whose cells are reused, some of which stand in queues.
//!
//! A shard keeps its slots here and finds them by number. A result that the window keeps also stands
//! in a [`Queue`], oldest first: expiry and eviction remove the front, `forget` and replacement remove
//! a member from the middle. Each is O(1), and no sweep is needed: the queue is a doubly linked list
//! whose links are numbers of cells. The same links connect the values that stand in no queue, which are
//! the flights: an operator's list costs what runs, however many results there are or were.

/// No cell.
pub(crate) const NONE: u32 = u32::MAX;

/// How many members an insertion passes at most, from the end of the queue.
const MAX_STEPS: usize = 64;

/// The number of a cell, valid until the value there is removed.
pub(crate) type SlotId = u32;

#[derive(Debug)]
pub(crate) struct Slab<T> {
    cells: Vec<Cell<T>>,
    /// The first unused cell; `next` links the others.
    free: SlotId,
    /// The value that stands in no queue and came last; `next` leads to the one before it.
    loose: SlotId,
}

#[derive(Debug)]
struct Cell<T> {
    value: Option<T>,
    previous: SlotId,
    next: SlotId,
}

/// A queue of cells: the numbers of its first and its last.
#[derive(Debug)]
pub(crate) struct Queue {
    front: SlotId,
    back: SlotId,
}

impl Queue {
    pub(crate) const fn new() -> Self {
        Self { front: NONE, back: NONE }
    }

    #[inline]
    pub(crate) fn front(&self) -> Option<SlotId> {
        (self.front != NONE).then_some(self.front)
    }
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self { cells: Vec::new(), free: NONE, loose: NONE }
    }

    #[inline]
    pub(crate) fn get(&self, id: SlotId) -> &T {
        self.cells[id as usize]
            .value
            .as_ref()
            .expect("a number is valid until its value is removed")
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: SlotId) -> &mut T {
        self.cells[id as usize]
            .value
            .as_mut()
            .expect("a number is valid until its value is removed")
    }

    /// Inserts the value that `make` returns. It is constructed in its cell, not moved there.
    #[inline]
    pub(crate) fn insert_with(&mut self, make: impl FnOnce() -> T) -> SlotId {
        if self.free == NONE {
            self.grow();
        }
        let id = self.free;
        let cell = &mut self.cells[id as usize];
        assert!(cell.value.is_none(), "an unused cell is empty");
        self.free = cell.next;
        (cell.previous, cell.next) = (NONE, self.loose);
        cell.value = Some(make());
        let next = std::mem::replace(&mut self.loose, id);
        if next != NONE {
            self.connect_others(id, next);
        }
        id
    }

    #[cold]
    fn grow(&mut self) {
        let id = SlotId::try_from(self.cells.len()).ok().filter(|id| *id != NONE);
        self.free = id.expect("a shard holds fewer than 2^32 flights");
        self.cells.push(Cell { value: None, previous: NONE, next: NONE });
    }

    /// Removes a value that stands in no queue.
    #[inline(always)]
    pub(crate) fn remove(&mut self, id: SlotId) -> T {
        let cell = &self.cells[id as usize];
        self.connect_loose(cell.previous, cell.next);
        self.vacate(id)
    }

    /// Removes a value that stands in no queue, and keeps only what `take` takes out of it. The rest is dropped where it is: to
    /// move it would cost as much as a lock.
    #[inline(always)]
    pub(crate) fn remove_with<R>(&mut self, id: SlotId, take: impl FnOnce(&mut T) -> R) -> R {
        let cell = &self.cells[id as usize];
        self.connect_loose(cell.previous, cell.next);
        let value = self.give_back(id);
        let taken = take(value.as_mut().expect("a number is valid until its value is removed"));
        *value = None;
        taken
    }

    /// Removes a value that stands in this queue.
    #[inline]
    pub(crate) fn remove_from(&mut self, queue: &mut Queue, id: SlotId) -> T {
        let cell = &self.cells[id as usize];
        let (previous, next) = (cell.previous, cell.next);
        self.connect(queue, previous, next);
        self.vacate(id)
    }

    #[inline(always)]
    fn vacate(&mut self, id: SlotId) -> T {
        self.give_back(id).take().expect("a number is valid until its value is removed")
    }

    /// Lets the next insertion use this cell, whose value the caller removes.
    #[inline(always)]
    fn give_back(&mut self, id: SlotId) -> &mut Option<T> {
        let cell = &mut self.cells[id as usize];
        cell.next = self.free;
        self.free = id;
        &mut cell.value
    }

    /// Makes two cells neighbours in the list of values that stand in no queue. Most often there is no
    /// such value but the one that leaves.
    #[inline]
    fn connect_loose(&mut self, previous: SlotId, next: SlotId) {
        if previous == NONE && next == NONE {
            self.loose = NONE;
            return;
        }
        self.connect_others(previous, next);
    }

    #[cold]
    #[inline(never)]
    fn connect_others(&mut self, previous: SlotId, next: SlotId) {
        match previous {
            NONE => self.loose = next,
            previous => self.cells[previous as usize].next = next,
        }
        if next != NONE {
            self.cells[next as usize].previous = previous;
        }
    }

    /// The values that stand in no queue, the last one first.
    pub(crate) fn loose(&self) -> impl Iterator<Item = SlotId> {
        let known = |id: SlotId| (id != NONE).then_some(id);
        std::iter::successors(known(self.loose), move |id| known(self.cells[*id as usize].next))
    }

    /// How many values there are. Looks at every cell.
    pub(crate) fn count(&self) -> usize {
        self.cells.iter().filter(|cell| cell.value.is_some()).count()
    }

    /// True if every value stands in a queue.
    #[inline]
    pub(crate) fn has_no_loose(&self) -> bool {
        self.loose == NONE
    }

    /// True if there are more cells than this, used or not.
    #[inline]
    pub(crate) fn is_larger_than(&self, cells: usize) -> bool {
        self.cells.len() > cells
    }

    /// The number of a cell that is not in use, from `lowest` on.
    pub(crate) fn unused_from(&self, lowest: SlotId) -> Option<SlotId> {
        let unused = self.cells.iter().skip(lowest as usize).position(|cell| cell.value.is_none());
        unused.and_then(|index| SlotId::try_from(index + lowest as usize).ok())
    }

    /// The last cell that is in use.
    pub(crate) fn last_used(&self) -> Option<SlotId> {
        let last = self.cells.iter().rposition(|cell| cell.value.is_some())?;
        SlotId::try_from(last).ok()
    }

    /// Moves a member of a queue to a cell that is not in use.
    pub(crate) fn relocate(&mut self, queue: &mut Queue, from: SlotId, to: SlotId) {
        let cell = &mut self.cells[from as usize];
        let (value, previous, next) = (cell.value.take(), cell.previous, cell.next);
        self.cells[to as usize] = Cell { value, previous, next };
        self.set_next(queue, previous, to);
        self.set_previous(queue, next, to);
    }

    /// Gives back the unused cells at the end. Numbers of cells in use stay as they are.
    pub(crate) fn shrink_to_fit(&mut self) {
        while self.cells.last().is_some_and(|cell| cell.value.is_none()) {
            self.cells.pop();
        }
        self.cells.shrink_to_fit();
        self.free = NONE;
        for (id, cell) in self.cells.iter_mut().enumerate().filter(|(_, cell)| cell.value.is_none())
        {
            cell.next = self.free;
            self.free = SlotId::try_from(id).expect("made from the number of a cell");
        }
    }

    /// Puts a value that stands in no queue in order into this one, searching back from the tail. Stops
    /// after [`MAX_STEPS`], so it is O(1) and the order is approximate.
    pub(crate) fn enqueue(
        &mut self,
        queue: &mut Queue,
        id: SlotId,
        goes_before: impl Fn(&T, &T) -> bool,
    ) {
        let cell = &self.cells[id as usize];
        self.connect_loose(cell.previous, cell.next);
        let (mut previous, mut next) = (queue.back, NONE);
        for _ in 0..MAX_STEPS {
            if previous == NONE || !goes_before(self.get(id), self.get(previous)) {
                break;
            }
            (previous, next) = (self.cells[previous as usize].previous, previous);
        }
        let cell = &mut self.cells[id as usize];
        (cell.previous, cell.next) = (previous, next);
        self.set_next(queue, previous, id);
        self.set_previous(queue, next, id);
    }

    /// Makes two cells neighbours in a queue. [`NONE`] stands for the queue's own end.
    #[inline]
    fn connect(&mut self, queue: &mut Queue, previous: SlotId, next: SlotId) {
        self.set_next(queue, previous, next);
        self.set_previous(queue, next, previous);
    }

    #[inline]
    fn set_next(&mut self, queue: &mut Queue, id: SlotId, next: SlotId) {
        match id {
            NONE => queue.front = next,
            id => self.cells[id as usize].next = next,
        }
    }

    #[inline]
    fn set_previous(&mut self, queue: &mut Queue, id: SlotId, previous: SlotId) {
        match id {
            NONE => queue.back = previous,
            id => self.cells[id as usize].previous = previous,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes out everything, from the front on.
    fn drain(slab: &mut Slab<u32>, queue: &mut Queue) -> Vec<u32> {
        let mut drained = Vec::new();
        while let Some(id) = queue.front() {
            drained.push(slab.remove_from(queue, id));
        }
        drained
    }

    #[test]
    fn a_value_can_leave_a_queue_from_the_front_the_middle_and_the_back() {
        for gone in 0..3 {
            let (mut slab, mut queue) = (Slab::new(), Queue::new());
            for n in 0..3 {
                let id = slab.insert_with(|| n);
                slab.enqueue(&mut queue, id, |_, _| false);
            }
            assert_eq!(slab.remove_from(&mut queue, gone), gone);
            let left: Vec<u32> = (0..3).filter(|n| *n != gone).collect();
            assert_eq!(drain(&mut slab, &mut queue), left);
        }
    }

    #[test]
    fn a_value_is_inserted_in_order() {
        let (mut slab, mut queue) = (Slab::new(), Queue::new());
        for n in [5, 1, 4, 4, 0, 9] {
            let id = slab.insert_with(|| n);
            slab.enqueue(&mut queue, id, |new, other| new < other);
        }
        assert_eq!(drain(&mut slab, &mut queue), [0, 1, 4, 4, 5, 9]);
    }

    #[test]
    fn a_value_passes_a_bounded_number_of_others() {
        let (mut slab, mut queue) = (Slab::new(), Queue::new());
        for n in (0..1000).rev() {
            let id = slab.insert_with(|| n);
            slab.enqueue(&mut queue, id, |new, other| new < other);
        }
        assert_eq!(slab.get(queue.front().expect("it has a thousand members")), &(999 - 64));
    }

    #[test]
    fn cells_are_reused() {
        let mut slab = Slab::new();
        for n in 0..1000 {
            let id = slab.insert_with(|| n);
            assert_eq!(slab.remove(id), n);
        }
        assert_eq!(slab.cells.len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn the_queue_and_the_rest_behave_as_two_vectors_do(
            steps in proptest::collection::vec((0..5, 0_usize..12), 0..200),
        ) {
            let (mut slab, mut queue) = (Slab::new(), Queue::new());
            let mut model: Vec<(SlotId, u32)> = Vec::new();
            let mut loose: Vec<(SlotId, u32)> = Vec::new();
            for (n, (step, which)) in (0_u32..).zip(steps) {
                match step {
                    0 | 1 => loose.push((slab.insert_with(|| n), n)),
                    2 if !loose.is_empty() => {
                        let (id, value) = loose.remove(which % loose.len());
                        slab.enqueue(&mut queue, id, |_, _| false);
                        model.push((id, value));
                    }
                    3 if !loose.is_empty() => {
                        let (id, value) = loose.remove(which % loose.len());
                        assert_eq!(slab.remove(id), value);
                    }
                    _ if !model.is_empty() => {
                        let (id, value) = model.remove(which % model.len());
                        assert_eq!(slab.remove_from(&mut queue, id), value);
                    }
                    _ => {}
                }
                assert_eq!(queue.front(), model.first().map(|(id, _)| *id));
                let expected: Vec<SlotId> = loose.iter().rev().map(|(id, _)| *id).collect();
                assert_eq!(slab.loose().collect::<Vec<_>>(), expected);
                assert_eq!(slab.has_no_loose(), loose.is_empty());
            }
            let expected: Vec<u32> = model.into_iter().map(|(_, value)| value).collect();
            assert_eq!(drain(&mut slab, &mut queue), expected);
        }
    }
}
