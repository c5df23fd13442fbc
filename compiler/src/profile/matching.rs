//! Which function of a program a function of a profile is.
//!
//! A program may have been edited since. Functions are found by name and shape; those that have another
//! name, or none, by a shape that is the only one of its kind on both sides.

use super::ProfileFile;
use super::file::Counted;
use super::layout::{Counters, of};
use crate::error::{Error, Result};
use crate::index::FuncId;
use crate::plan::LinkPlan;
use foldhash::{HashMap, HashMapExt};
use rayon::prelude::*;
use std::cmp::Reverse;
use std::hash::Hash;
use wasmelt_abi::PROFILE_CALL_COUNTERS;

/// What functions of a program have counted.
#[derive(Default, Debug)]
pub struct Profile {
    functions: HashMap<FuncId, Counts>,
    /// What has run as often as this is worth code.
    hot: u64,
    pub matched: Matched,
}

/// How far profiles are of this program.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Matched {
    /// Functions that have run, in the files.
    pub ran: usize,
    /// Those of them that the program does not have any more.
    pub lost: usize,
}

/// The counters of a function.
#[derive(Clone, Default, Debug)]
pub struct Counts {
    pub values: Vec<u64>,
    /// Functions that have been called, by the first counter of the place.
    pub targets: HashMap<u32, Vec<(FuncId, u64)>>,
}

/// Blocks that have run often: together they are so many of a thousand that have run.
const HOT_THOUSANDTHS: u128 = 990;

impl Profile {
    /// # Errors
    /// A file that is no profile, or not one of this program.
    pub fn new(plan: &LinkPlan<'_>, files: &[ProfileFile]) -> Result<Profile> {
        let own: Vec<(FuncId, Counters)> = (0..plan.funcs.len())
            .into_par_iter()
            .map(FuncId::new)
            .filter_map(|id| Some((id, of(plan, id)?)))
            .collect();
        let mut profile = Profile::default();
        for file in files {
            let counted = file.parse()?;
            let found = matched(&own, &counted);
            let has_run = |function: &Counted| function.values.first().is_some_and(|it| *it > 0);
            let ran = counted.iter().filter(|it| has_run(it)).count();
            let lost = counted.iter().zip(&found);
            let lost = lost
                .filter(|(it, own)| own.is_none() && has_run(it))
                .count();
            if lost == ran && ran > 0 {
                let name = &file.name;
                return Err(
                    Error::usage(format!("the profile `{name}` is of another program"))
                        .note(format!(
                            "none of the {ran} functions that it counts is in this one"
                        ))
                        .help("build this one with `--profile-generate`, and run it"),
                );
            }
            profile.matched.ran += ran;
            profile.matched.lost += lost;
            profile.add(&own, &counted, &found);
        }
        profile.hot = profile.hot_count();
        Ok(profile)
    }

    /// Adds what functions have counted, where the program has them.
    fn add(&mut self, own: &[(FuncId, Counters)], counted: &[Counted], found: &[Option<usize>]) {
        let known = || {
            let all = counted.iter().zip(found);
            all.filter_map(|(function, at)| Some((function, &own[(*at)?])))
        };
        let by_code: HashMap<u64, FuncId> = known()
            .map(|(function, (id, _))| (u64::from(function.code) + 1, *id))
            .collect();
        for (function, (id, counters)) in known() {
            let counts = self.functions.entry(*id).or_default();
            let mut values = function.values.clone();
            for &place in &counters.shape.places {
                let slots = &mut values[place as usize..][..PROFILE_CALL_COUNTERS];
                counts.add_targets(place, slots, &by_code);
                slots.fill(0);
            }
            counts.values.resize(values.len(), 0);
            for (sum, value) in counts.values.iter_mut().zip(values) {
                *sum = sum.saturating_add(value);
            }
        }
    }

    fn hot_count(&self) -> u64 {
        let functions = self.functions.values();
        let mut counts: Vec<u64> = functions.flat_map(|it| it.values.iter().copied()).collect();
        counts.retain(|count| *count > 0);
        counts.sort_unstable_by_key(|count| Reverse(*count));
        let total: u128 = counts.iter().map(|count| u128::from(*count)).sum();
        let mut sum = 0;
        for count in counts {
            sum += u128::from(count);
            if sum * 1000 >= total * HOT_THOUSANDTHS {
                return count;
            }
        }
        u64::MAX
    }

    /// What a function has counted. Nothing if that is not known.
    #[must_use]
    pub fn counts(&self, id: FuncId) -> Option<&Counts> {
        self.functions.get(&id)
    }

    /// Whether what has run so often is worth more code.
    #[must_use]
    pub fn is_hot(&self, count: u64) -> bool {
        count >= self.hot
    }

    /// Whether it is known that a function has not run.
    #[must_use]
    pub fn is_unused(&self, id: FuncId) -> bool {
        self.counts(id).is_some_and(|counts| counts.entry() == 0)
    }

    /// Whether a part of a function has run often.
    #[must_use]
    pub fn has_hot_part(&self, id: FuncId) -> bool {
        let hot = |counts: &Counts| counts.values.iter().any(|count| self.is_hot(*count));
        self.counts(id).is_some_and(hot)
    }
}

impl Counts {
    /// How often the function was called.
    #[must_use]
    pub fn entry(&self) -> u64 {
        self.values.first().copied().unwrap_or(0)
    }

    /// Adds what a place has called.
    fn add_targets(&mut self, place: u32, slots: &[u64], by_code: &HashMap<u64, FuncId>) {
        for slot in slots.chunks(2).filter(|slot| slot[1] > 0) {
            let Some(&id) = by_code.get(&slot[0]) else {
                continue;
            };
            let targets = self.targets.entry(place).or_default();
            match targets.iter_mut().find(|(known, _)| *known == id) {
                Some((_, sum)) => *sum = sum.saturating_add(slot[1]),
                None => targets.push((id, slot[1])),
            }
        }
    }
}

/// For each function of a file, the position of the program's own that it is.
fn matched(own: &[(FuncId, Counters)], counted: &[Counted]) -> Vec<Option<usize>> {
    let mut found = vec![None; counted.len()];
    let mut taken = vec![false; own.len()];
    let same_size =
        |at: usize, of: usize| counted[of].values.len() == own[at].1.shape.counters as usize;
    // Several may have the same name: they come in the same order.
    let named = places(own.iter().map(|(_, it)| (it.name, it.shape.digest)));
    let mut used: HashMap<(u64, u64), usize> = HashMap::new();
    for (of, function) in counted.iter().enumerate() {
        let key = (function.name, function.shape);
        let number = used.entry(key).or_default();
        if let Some(&at) = named.get(&key).and_then(|places| places.get(*number))
            && same_size(at, of)
        {
            *number += 1;
            taken[at] = true;
            found[of] = Some(at);
        }
    }
    let rest = own
        .iter()
        .zip(&taken)
        .map(|((_, it), taken)| (it.shape.digest, *taken));
    let own_shapes = places(rest);
    let rest = counted
        .iter()
        .zip(&found)
        .map(|(it, found)| (it.shape, found.is_some()));
    for ((shape, is_found), of) in places(rest) {
        if let (false, [of], Some([at])) = (
            is_found,
            &of[..],
            own_shapes.get(&(shape, false)).map(Vec::as_slice),
        ) && same_size(*at, *of)
        {
            found[*of] = Some(*at);
        }
    }
    found
}

/// Where each key is in a list.
fn places<K: Eq + Hash>(keys: impl Iterator<Item = K>) -> HashMap<K, Vec<usize>> {
    let mut places: HashMap<K, Vec<usize>> = HashMap::new();
    for (at, key) in keys.enumerate() {
        places.entry(key).or_default().push(at);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::super::shape::Shape;
    use super::*;

    fn own(functions: &[(u64, u64)]) -> Vec<(FuncId, Counters)> {
        let function = |(index, &(name, digest)): (usize, &(u64, u64))| {
            let shape = Shape {
                digest,
                counters: 1,
                places: Vec::new(),
            };
            let counters = Counters {
                name,
                shape,
                first: 0,
            };
            (FuncId::new(index), counters)
        };
        functions.iter().enumerate().map(function).collect()
    }

    fn counted(functions: &[(u64, u64)]) -> Vec<Counted> {
        let function = |&(name, shape): &(u64, u64)| Counted {
            name,
            shape,
            code: 0,
            values: vec![1],
        };
        functions.iter().map(function).collect()
    }

    #[test]
    fn functions_are_found_by_name_and_shape() {
        let now = own(&[(1, 10), (2, 20), (9, 90), (3, 30)]);
        let before = counted(&[(1, 10), (2, 21), (3, 30)]);
        assert_eq!(matched(&now, &before), [Some(0), None, Some(3)]);
    }

    #[test]
    fn of_the_same_name_they_are_found_in_order() {
        let now = own(&[(1, 10), (1, 10)]);
        let before = counted(&[(1, 10), (1, 10), (1, 10)]);
        assert_eq!(matched(&now, &before), [Some(0), Some(1), None]);
    }

    #[test]
    fn a_shape_that_there_is_once_is_enough() {
        let now = own(&[(5, 50), (6, 60), (7, 60), (1, 10)]);
        let before = counted(&[(1, 10), (2, 50), (3, 60)]);
        assert_eq!(matched(&now, &before), [Some(3), Some(0), None]);
    }
}
