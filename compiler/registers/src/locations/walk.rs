//! What each place has at the start of each block, and from there on.

use super::sets::{Bits, EMPTY, Sets};
use super::steps::{Step, Steps, What, place};
use super::values::{NONE, Values};
use regalloc2::{Allocation, Block, Function, Output};

/// A place that has a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held {
    pub value: u32,
    pub place: Allocation,
    /// The points from which and to which it has.
    pub from: u32,
    pub to: u32,
    /// It has up to the end of the block before `to`.
    pub ends_with_block: bool,
}

/// Steps for each instruction, at most, and at least for any function. So many places, too, may have
/// something where blocks begin, in all.
const WORK_PER_INST: usize = 64;
const WORK_MIN: usize = 1 << 16;

/// Places that have something, ascending, and which set.
type State = Vec<(u32, u32)>;

pub(super) struct Walk<'a> {
    func: &'a dyn Function,
    values: &'a Values,
    steps: Steps,
    sets: Sets,
    now: Now,
    /// Marks what is passed and what is a parameter, by value: with the number of an edge.
    marks: Vec<u32>,
    mark: u32,
    /// What is known at a block's end, what that is behind an edge, and the values of a set there.
    state: State,
    arriving: State,
    renamed: Vec<u32>,
    /// Steps that may still be made.
    left: usize,
}

/// What places have.
struct Now {
    sets: Vec<u32>,
    occupied: Bits,
}

impl Now {
    fn put(&mut self, place: u32, set: u32) {
        self.sets[place as usize] = set;
        self.occupied.set(place, set != EMPTY);
    }

    fn load(&mut self, state: &[(u32, u32)]) {
        let sets = &mut self.sets;
        self.occupied.each(|place| sets[place as usize] = EMPTY);
        self.occupied.clear();
        for &(place, set) in state {
            self.sets[place as usize] = set;
            self.occupied.insert(place);
        }
    }

    fn is(&self, state: &[(u32, u32)]) -> bool {
        let has = |&(place, set): &(u32, u32)| self.sets[place as usize] == set;
        state.iter().all(has) && self.occupied.len() == state.len()
    }

    /// Adds what places have to an empty state.
    fn save(&self, state: &mut State) {
        self.occupied
            .each(|place| state.push((place, self.sets[place as usize])));
    }

    /// These places have nothing any more.
    fn lose(&mut self, lost: &Bits) {
        let sets = &mut self.sets;
        self.occupied
            .take_both(lost, |place| sets[place as usize] = EMPTY);
    }

    /// Puts the places into a list that have something which is lost.
    fn find(&self, lost: &Bits, places: &mut Vec<u32>) {
        places.clear();
        self.occupied.each_of_both(lost, |place| places.push(place));
    }
}

impl<'a> Walk<'a> {
    pub(super) fn new(func: &'a dyn Function, output: &Output, values: &'a Values) -> Walk<'a> {
        let steps = Steps::read(func, output, values);
        Walk {
            func,
            values,
            sets: Sets::new(values.len()),
            now: Now {
                sets: vec![EMPTY; steps.places],
                occupied: Bits::new(steps.places),
            },
            steps,
            marks: vec![0; values.len()],
            mark: 0,
            state: State::new(),
            arriving: State::new(),
            renamed: Vec::new(),
            left: WORK_PER_INST * (func.num_insts() + func.num_blocks()) + WORK_MIN,
        }
    }

    /// Nothing where it takes too long. Points are instructions.
    pub(super) fn held(&mut self) -> Option<Vec<Held>> {
        let starts = self.starts()?;
        let starts_of = |block: usize| starts.of(block).unwrap_or_default();
        let mut open = Open {
            values: self.values,
            sets: &self.sets,
            since: vec![Vec::new(); self.steps.places],
            held: Vec::new(),
        };
        let now = &mut self.now;
        now.load(&[]);
        let (mut before, mut places) = (State::new(), Vec::new());
        // In the order in which blocks are emitted: so what a place has over several is told once.
        // Those that are emitted behind all others have no places, and are as if they had no code.
        for block in 0..self.func.num_blocks() {
            let start = starts_of(block);
            let inst = self.func.block_insns(Block::new(block)).first();
            let inst = u32::try_from(inst.index()).expect("instructions have such numbers");
            // Behind the block before, that is mostly what is known.
            if !now.is(start) {
                before.clear();
                now.save(&mut before);
                let mut there = Cursor(start);
                for &(place, set) in &before {
                    let next = there.of(place);
                    if next != set {
                        open.change(now, place, next, inst, true);
                    }
                }
                for &(place, set) in start {
                    open.change(now, place, set, inst, true);
                }
            }
            for &Step { inst, what } in self.steps.of(block) {
                match what {
                    What::Set(place, set) => open.change(now, place, set, inst, false),
                    What::Copy { from, to } => {
                        open.change(now, to, now.sets[from as usize], inst, false);
                    }
                    What::Lose(lost) => {
                        now.find(&self.steps.lost[lost as usize], &mut places);
                        for &place in &places {
                            open.change(now, place, EMPTY, inst, false);
                        }
                    }
                }
            }
        }
        let end = u32::try_from(self.func.num_insts()).expect("instructions have such numbers");
        before.clear();
        now.save(&mut before);
        for &(place, _) in &before {
            open.change(now, place, EMPTY, end, true);
        }
        Some(open.held)
    }

    /// What is known at the start of each block that can be reached.
    fn starts(&mut self) -> Option<Starts> {
        let blocks = self.func.num_blocks();
        let mut starts = Starts {
            list: Vec::new(),
            parts: vec![None; blocks],
        };
        let mut pending = Bits::new(blocks);
        let mut room = self.left;
        let entry = self.func.entry_block().index();
        starts.parts[entry] = Some((0, 0));
        pending.set(number(entry), true);
        // A block at whose start is what is known now.
        let mut same = None;
        while let Some(block) = pending.take_first() {
            let block = block as usize;
            if same.take() != Some(block) {
                self.now.load(starts.of(block).expect("it is pending"));
            }
            self.follow(block)?;
            self.state.clear();
            for (edge, &to) in self.func.block_succs(Block::new(block)).iter().enumerate() {
                let to = to.index();
                let is_changed = self.arriving(block, edge)?;
                let is_less = match (starts.parts[to], is_changed) {
                    (None, true) => {
                        room = room.checked_sub(self.arriving.len())?;
                        starts.add(to, |list| list.extend_from_slice(&self.arriving));
                        true
                    }
                    (None, false) => {
                        room = room.checked_sub(self.now.occupied.len())?;
                        starts.add(to, |list| self.now.save(list));
                        same = same.filter(|&same| same < to).or(Some(to));
                        true
                    }
                    (Some((_, len)), _) => {
                        self.left = self.left.checked_sub(len / STATE_PER_STEP)?;
                        let mut there = Cursor(&self.arriving);
                        let now = &self.now.sets;
                        let is_less = match is_changed {
                            true => starts.meet(to, &mut self.sets, |place| there.of(place)),
                            false => starts.meet(to, &mut self.sets, |place| now[place as usize]),
                        };
                        same = same.filter(|&same| same != to || !is_less);
                        is_less
                    }
                };
                if is_less {
                    pending.insert(number(to));
                }
            }
        }
        Some(starts)
    }

    /// Makes of what is known at the start of a block what is known at its end.
    fn follow(&mut self, block: usize) -> Option<()> {
        let steps = self.steps.of(block);
        self.left = self.left.checked_sub(1 + steps.len())?;
        for step in steps {
            match step.what {
                What::Set(place, set) => self.now.put(place, set),
                What::Copy { from, to } => self.now.put(to, self.now.sets[from as usize]),
                What::Lose(lost) => self.now.lose(&self.steps.lost[lost as usize]),
            }
        }
        Some(())
    }

    /// Puts into `arriving` what is known behind an edge, where arguments are parameters; false if that
    /// is what is known before it.
    fn arriving(&mut self, block: usize, edge: usize) -> Option<bool> {
        let passed = self.values.passed(block, edge);
        let known = self.now.occupied.len();
        self.left = self
            .left
            .checked_sub(1 + passed.len() + known / STATE_PER_STEP)?;
        if passed.is_empty() {
            return Some(false);
        }
        if self.state.is_empty() {
            self.now.save(&mut self.state);
        }
        self.mark += 2;
        let (is_argument, is_param) = (self.mark, self.mark + 1);
        for &(_, argument) in passed.iter().filter(|pair| pair.1 != NONE) {
            self.marks[argument as usize] = is_argument;
        }
        for &(param, _) in passed {
            self.marks[param as usize] = is_param;
        }
        self.arriving.clear();
        for &(place, set) in &self.state {
            let members = self.sets.members(set);
            if members
                .iter()
                .all(|&v| self.marks[v as usize] < is_argument)
            {
                self.arriving.push((place, set));
                continue;
            }
            let there = &mut self.renamed;
            there.clear();
            for &value in members {
                let becomes = passed.iter().filter(|pair| pair.1 == value);
                there.extend(becomes.map(|pair| pair.0));
                if self.marks[value as usize] != is_param {
                    there.push(value);
                }
            }
            let work = members.len() * passed.len() + there.len();
            self.left = self.left.checked_sub(work)?;
            let set = self.sets.of(there);
            if set != EMPTY {
                self.arriving.push((place, set));
            }
        }
        Some(true)
    }
}

/// So many places are looked at in a step.
const STATE_PER_STEP: usize = 8;

/// The rest of a state.
struct Cursor<'s>(&'s [(u32, u32)]);

impl Cursor<'_> {
    /// What a place has there. It comes behind those that were asked for before.
    fn of(&mut self, place: u32) -> u32 {
        while let Some((first, rest)) = self.0.split_first()
            && first.0 < place
        {
            self.0 = rest;
        }
        let first = self.0.first().filter(|first| first.0 == place);
        first.map_or(EMPTY, |first| first.1)
    }
}

/// What is known where blocks begin.
struct Starts {
    list: State,
    /// By block: where its own begins, and how many there are.
    parts: Vec<Option<(usize, usize)>>,
}

impl Starts {
    fn of(&self, block: usize) -> Option<&[(u32, u32)]> {
        let (first, len) = self.parts[block]?;
        Some(&self.list[first..first + len])
    }

    fn add(&mut self, block: usize, with: impl FnOnce(&mut State)) {
        let first = self.list.len();
        with(&mut self.list);
        self.parts[block] = Some((first, self.list.len() - first));
    }

    /// Leaves what is known in both; true if that is less than before. Places are asked for ascending.
    fn meet(
        &mut self,
        block: usize,
        sets: &mut Sets,
        mut arriving: impl FnMut(u32) -> u32,
    ) -> bool {
        let Some((first, len)) = &mut self.parts[block] else {
            return false;
        };
        let start = &mut self.list[*first..*first + *len];
        let (mut left, mut is_less) = (0, false);
        for at in 0..start.len() {
            let (place, set) = start[at];
            let there = arriving(place);
            let both = match there == set {
                true => set,
                false => sets.common(set, there),
            };
            is_less |= both != set;
            if both != EMPTY {
                start[left] = (place, both);
                left += 1;
            }
        }
        *len = left;
        is_less
    }
}

fn number(block: usize) -> u32 {
    u32::try_from(block).expect("blocks have such numbers")
}

/// What has begun.
struct Open<'a> {
    values: &'a Values,
    sets: &'a Sets,
    /// By place: values, and since when it has them.
    since: Vec<Vec<(u32, u32)>>,
    held: Vec<Held>,
}

impl Open<'_> {
    /// A place gets another set of values.
    fn change(&mut self, now: &mut Now, number: u32, set: u32, inst: u32, ends_with_block: bool) {
        if now.sets[number as usize] == set {
            return;
        }
        now.put(number, set);
        let members = self.sets.members(set);
        let since = &mut self.since[number as usize];
        since.retain(|&(value, from)| {
            let stays = members.contains(&value);
            if !stays && from < inst {
                self.held.push(Held {
                    value,
                    place: place(number),
                    from,
                    to: inst,
                    ends_with_block,
                });
            }
            stays
        });
        for &value in members {
            let is_there = since.iter().any(|open| open.0 == value);
            if !is_there && self.values.has_label(value) {
                since.push((value, inst));
            }
        }
    }
}
