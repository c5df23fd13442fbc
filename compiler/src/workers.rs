//! The same work on many items, by all threads. A thread keeps what it has allocated for one item
//! for the next: rayon's `map_init` would begin anew with each part of the items that it splits off.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What `work` returns for each item, in the order of items. Items are begun in that order; what a
/// thread makes with `init` it hands to `work` with each of its items.
pub fn map<T: Sync, S, R: Send>(
    items: &[T],
    init: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let parts = rayon::broadcast(|_| {
        let mut state = None;
        let mut part = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(number) else {
                return part;
            };
            let state = state.get_or_insert_with(&init);
            part.push((number, work(state, item)));
        }
    });
    let mut results: Vec<Option<R>> = items.iter().map(|_| None).collect();
    for (number, result) in parts.into_iter().flatten() {
        results[number] = Some(result);
    }
    let results = results.into_iter();
    results
        .map(|result| result.expect("each item once"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::map;

    #[test]
    fn results_are_in_the_order_of_items() {
        let items: Vec<u32> = (0..1000).collect();
        let doubled = map(&items, Vec::new, |seen, &item| {
            seen.push(item);
            assert!(seen.is_sorted(), "a thread goes through items in order");
            2 * item
        });
        assert!(doubled.into_iter().eq((0..1000).map(|item| 2 * item)));
    }

    #[test]
    fn nothing_is_made_for_no_items() {
        let none: [u32; 0] = [];
        assert!(map(&none, || panic!("not needed"), |(), _| ()).is_empty());
    }
}
