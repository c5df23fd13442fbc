//! Who waits, in the order in which they came.
//!
//! One that leaves from the middle keeps its place for a while, so that leaving takes no search:
//! everyone has a mark with the number of its place, and in any other place is not really there.
//! When most places are such, all of them are looked through.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

/// Places of those who have left that a queue may have before it is looked through.
const STALE_MAX: usize = 64;

thread_local! {
    /// Numbers of places, of all queues: 0 is none.
    static NUMBERS: Cell<u64> = const { Cell::new(0) };
}

/// The place that somebody has in a queue; there is a mark for each queue that it can be in.
pub(super) type Mark = Cell<u64>;

pub(super) struct Queue<T> {
    mark: fn(&T) -> &Mark,
    places: RefCell<VecDeque<(u64, T)>>,
    /// Without those that have left.
    len: Cell<usize>,
}

impl<T: Clone> Queue<T> {
    pub(super) const fn new(mark: fn(&T) -> &Mark) -> Queue<T> {
        Queue {
            mark,
            places: RefCell::new(VecDeque::new()),
            len: Cell::new(0),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len.get()
    }

    /// Takes the last place, unless it is there already.
    pub(super) fn push(&self, one: &T) {
        let mark = (self.mark)(one);
        if mark.get() == 0 {
            let number = NUMBERS.get() + 1;
            NUMBERS.set(number);
            mark.set(number);
            self.len.set(self.len.get() + 1);
            self.places.borrow_mut().push_back((number, one.clone()));
        }
    }

    /// The one with this mark leaves, if it is there.
    pub(super) fn leave(&self, mark: &Mark) {
        if mark.replace(0) == 0 {
            return;
        }
        self.len.set(self.len.get() - 1);
        let stale = {
            let mut places = self.places.borrow_mut();
            if places.len() <= 2 * self.len.get() + STALE_MAX {
                return;
            }
            // They are dropped when nothing is borrowed: what they hold may be waiting, too.
            let (kept, stale) = places.drain(..).partition(|place| self.is_there(place));
            *places = kept;
            stale
        };
        drop::<VecDeque<_>>(stale);
    }

    fn is_there(&self, (number, one): &(u64, T)) -> bool {
        (self.mark)(one).get() == *number
    }

    /// The first, which stays.
    pub(super) fn first(&self) -> Option<T> {
        self.find(|_| true)
    }

    /// The first that is looked for, which stays.
    pub(super) fn find(&self, is_it: impl Fn(&T) -> bool) -> Option<T> {
        while self.drop_stale_front() {}
        let places = self.places.borrow();
        let mut there = places.iter().filter(|place| self.is_there(place));
        there
            .find(|(_, one)| is_it(one))
            .map(|(_, one)| one.clone())
    }

    fn drop_stale_front(&self) -> bool {
        let mut places = self.places.borrow_mut();
        let is_stale = places.front().is_some_and(|first| !self.is_there(first));
        let stale = if is_stale { places.pop_front() } else { None };
        drop(places);
        stale.is_some()
    }

    /// Takes the first out.
    pub(super) fn pop(&self) -> Option<T> {
        let first = self.first()?;
        self.leave((self.mark)(&first));
        Some(first)
    }

    /// All leave.
    pub(super) fn clear(&self) {
        let places = self.places.take();
        for (number, one) in &places {
            let mark = (self.mark)(one);
            if mark.get() == *number {
                mark.set(0);
            }
        }
        self.len.set(0);
    }

    /// Places, those of who has left included.
    #[cfg(test)]
    pub(super) fn places(&self) -> usize {
        self.places.borrow().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    fn queue() -> Queue<Rc<Mark>> {
        Queue::new(|one| one)
    }

    fn new() -> Rc<Mark> {
        Rc::new(Cell::new(0))
    }

    fn is(one: Option<Rc<Mark>>, other: &Rc<Mark>) -> bool {
        one.is_some_and(|one| Rc::ptr_eq(&one, other))
    }

    #[test]
    fn who_comes_first_goes_first() {
        let queue = queue();
        let (a, b, c) = (new(), new(), new());
        for one in [&a, &b, &a, &c] {
            queue.push(one);
        }
        assert_eq!(queue.len(), 3);
        assert!(is(queue.first(), &a));
        assert!(is(queue.find(|one| !Rc::ptr_eq(one, &a)), &b));
        queue.leave(&b);
        queue.leave(&b);
        assert!(is(queue.pop(), &a) && is(queue.pop(), &c));
        assert!(queue.pop().is_none());
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn who_comes_back_is_the_last() {
        let queue = queue();
        let (a, b) = (new(), new());
        queue.push(&a);
        queue.push(&b);
        queue.leave(&a);
        queue.push(&a);
        assert!(is(queue.pop(), &b) && is(queue.pop(), &a));
        assert_eq!(queue.len(), 0);
        queue.push(&a);
        queue.clear();
        assert_eq!((queue.len(), a.get()), (0, 0));
        queue.push(&a);
        assert!(is(queue.pop(), &a));
    }

    /// Leaving from the end, 100,000 of them: each leave may not look at all others.
    #[test]
    fn leaving_takes_no_search_and_leaves_nothing() {
        let queue = queue();
        let first = new();
        queue.push(&first);
        let many: Vec<_> = (0..100_000).map(|_| new()).collect();
        many.iter().for_each(|one| queue.push(one));
        many.iter().rev().for_each(|one| queue.leave(one));
        assert!(queue.places() <= 2 + STALE_MAX, "{}", queue.places());
        for _ in 0..10_000 {
            let one = new();
            queue.push(&one);
            queue.leave(&one);
            assert!(queue.places() <= 2 + STALE_MAX, "{}", queue.places());
        }
        assert!(is(queue.pop(), &first));
    }
}
