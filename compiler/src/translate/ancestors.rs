//! Chains of ancestors that are followed in steps of growing length: dominators of blocks, loops around
//! loops. Each has one link to the next and one far away, by Myers' rule (An Applicative Random-Access Stack,
//! 1983): from anywhere, twice the logarithm of the depth is enough to find where a condition ends.

#[derive(Default)]
pub(super) struct Ancestors {
    links: Vec<Link>,
}

struct Link {
    next: u32,
    far: u32,
    depth: u32,
}

impl Ancestors {
    pub(super) fn clear(&mut self) {
        self.links.clear();
    }

    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.links.len()).expect("fewer than bytes of a body")
    }

    /// One more, whose number is how many there were. The first is its own ancestor.
    pub(super) fn push(&mut self, next: u32) {
        let Some(to) = self.links.get(next as usize) else {
            self.links.push(Link {
                next: 0,
                far: 0,
                depth: 0,
            });
            return;
        };
        let far = &self.links[to.far as usize];
        let farther = &self.links[far.far as usize];
        let is_even = to.depth - far.depth == far.depth - farther.depth;
        let link = Link {
            next,
            far: if is_even { far.far } else { next },
            depth: to.depth + 1,
        };
        self.links.push(link);
    }

    pub(super) fn next(&self, of: u32) -> u32 {
        self.links[of as usize].next
    }

    /// The last of the chain from `at` on of which a condition is true, which then is true of all before it,
    /// and of `at`.
    pub(super) fn last(&self, mut at: u32, is_so: impl Fn(u32) -> bool) -> u32 {
        loop {
            let Link { next, far, .. } = self.links[at as usize];
            if far < at && is_so(far) {
                at = far;
            } else if next < at && is_so(next) {
                at = next;
            } else {
                return at;
            }
        }
    }

    /// The nearest that two have in common, or are. Numbers grow along branches, and all of one branch are
    /// less than all of the next, or it takes longer.
    pub(super) fn common(&self, mut one: u32, mut other: u32) -> u32 {
        while one != other {
            if one < other {
                std::mem::swap(&mut one, &mut other);
            }
            one = match self.last(one, |at| at >= other) {
                last if last == other => last,
                last => self.next(last),
            };
        }
        one
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ancestors_are_found_on_long_chains_and_short_ones() {
        let mut ancestors = Ancestors::default();
        ancestors.push(0);
        for number in 1..5000_u32 {
            // A long chain, from which others branch off.
            let next = match number % 7 {
                3 => number - 3,
                _ => number - 1,
            };
            ancestors.push(next);
        }
        let chain = |at| {
            let mut all = vec![at];
            while let Some(&at) = all.last()
                && at > 0
            {
                all.push(ancestors.next(at));
            }
            all
        };
        for (one, other) in [(4999, 0), (4998, 7), (100, 4000), (2, 2), (2, 3), (3, 9)] {
            let (of_one, of_other) = (chain(one), chain(other));
            let expected = of_one.iter().find(|at| of_other.contains(at));
            assert_eq!(Some(&ancestors.common(one, other)), expected);
            for limit in [0, other.min(1), other / 2, other] {
                let expected = of_other.iter().rfind(|&&at| at >= limit);
                assert_eq!(Some(&ancestors.last(other, |at| at >= limit)), expected);
            }
        }
    }

    #[test]
    fn few_steps_lead_far() {
        let mut ancestors = Ancestors::default();
        for number in 0..1_000_000_u32 {
            ancestors.push(number.saturating_sub(1));
        }
        for limit in [1, 7, 123_456, 999_998] {
            let asked = std::cell::Cell::new(0);
            let last = ancestors.last(999_999, |at| {
                asked.set(asked.get() + 1);
                at >= limit
            });
            assert_eq!(last, limit);
            assert!(asked.get() < 100, "{}", asked.get());
        }
    }
}
