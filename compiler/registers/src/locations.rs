//! Where labelled values are once registers are allocated, for debuggers. Comes in: a function whose
//! values have labels, and the allocator's output as it is emitted. Goes out: registers and slots that
//! hold them, from where to where.
//!
//! Allocators are not told of labels, so that code is the same with them and without. What they have
//! decided is followed here: an instruction puts the value that it defines into its operand's place,
//! an edit copies what is in one place to another, and a value is where it has been put until
//! something else is put there, whether it is needed any longer or not. Where blocks meet, it is
//! where it is on all ways.
//!
//! The cost: blocks are looked at again while less is known of their starts; for a function where
//! that takes too long, nothing is known of any value.

use regalloc2::{
    Allocation, Block, Edit, Function, Inst, MachineEnv, OperandKind, Output, PReg, ProgPoint,
    RegClass, Revise, VReg,
};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

/// What was found in the last function.
#[derive(Default, Debug)]
pub struct Labelled {
    /// Labels and places. `Output::debug_locations` has positions in this list in the place of labels,
    /// and no place of its own.
    pub list: Vec<(u32, Allocation)>,
    /// Slots of the frame.
    pub slots: usize,
}

/// Finds places of values in what another has revised.
pub struct Locations {
    before: Option<Box<dyn Revise>>,
    found: Rc<RefCell<Labelled>>,
}

impl Locations {
    #[must_use]
    pub fn new(before: Option<Box<dyn Revise>>, found: Rc<RefCell<Labelled>>) -> Locations {
        Locations { before, found }
    }
}

impl Revise for Locations {
    fn revise(&mut self, func: &dyn Function, env: &MachineEnv, output: &mut Output) {
        if let Some(before) = &mut self.before {
            before.revise(func, env, output);
        }
        let mut found = self.found.borrow_mut();
        found.list.clear();
        found.slots = output.num_spillslots;
        output.debug_locations.clear();
        if func.debug_value_labels().is_empty() {
            return;
        }
        let values = Values::new(func);
        let mut walk = Walk {
            func,
            output,
            values: &values,
            left: WORK_PER_INST * (func.num_insts() + func.num_blocks()) + WORK_MIN,
        };
        let Some(ranges) = walk.ranges() else {
            return;
        };
        for (value, place, from, to) in ranges {
            for &label in &values.labels[value as usize] {
                let position = u32::try_from(found.list.len()).expect("it is bounded");
                found.list.push((label, place));
                // It takes but registers, any of which will do.
                let place = Allocation::reg(PReg::new(0, RegClass::Int));
                output.debug_locations.push((position, from, to, place));
            }
        }
    }
}

/// Steps for each instruction, at most, and at least for any function.
const WORK_PER_INST: usize = 64;
const WORK_MIN: usize = 1 << 16;

const NONE: u32 = u32::MAX;

/// The values that are followed: those with labels, and what becomes one of them at a block's start.
struct Values {
    numbers: Vec<u32>,
    labels: Vec<Vec<u32>>,
}

impl Values {
    fn new(func: &dyn Function) -> Values {
        let mut values = Values {
            numbers: vec![NONE; func.num_vregs()],
            labels: Vec::new(),
        };
        for &(vreg, _, _, label) in func.debug_value_labels() {
            let number = values.add(vreg);
            let labels = &mut values.labels[number as usize];
            if !labels.contains(&label) {
                labels.push(label);
            }
        }
        let mut pairs: Vec<(VReg, VReg)> = Vec::new();
        for block in 0..func.num_blocks() {
            for edge in 0..func.block_succs(Block::new(block)).len() {
                pairs.extend(passed(func, Block::new(block), edge));
            }
        }
        pairs.sort_unstable();
        let mut pending: Vec<VReg> = func.debug_value_labels().iter().map(|l| l.0).collect();
        while let Some(param) = pending.pop() {
            let first = pairs.partition_point(|pair| pair.0 < param);
            for &(_, argument) in pairs[first..].iter().take_while(|pair| pair.0 == param) {
                if values.numbers[argument.vreg()] == NONE {
                    values.add(argument);
                    pending.push(argument);
                }
            }
        }
        values
    }

    fn add(&mut self, vreg: VReg) -> u32 {
        let number = &mut self.numbers[vreg.vreg()];
        if *number == NONE {
            *number = u32::try_from(self.labels.len()).expect("fewer than values");
            self.labels.push(Vec::new());
        }
        *number
    }

    fn number(&self, vreg: VReg) -> Option<u32> {
        let number = self.numbers[vreg.vreg()];
        (number != NONE).then_some(number)
    }
}

/// Each parameter of where an edge out of a block goes, and what is passed for it.
fn passed(func: &dyn Function, block: Block, edge: usize) -> impl Iterator<Item = (VReg, VReg)> {
    let last = func.block_insns(block).last();
    let params = func.block_params(func.block_succs(block)[edge]);
    let arguments = func.branch_blockparams(block, last, edge);
    params.iter().copied().zip(arguments.iter().copied())
}

/// Which values are in each place.
type State = HashMap<Allocation, Vec<u32>>;

type Range = (u32, Allocation, ProgPoint, ProgPoint);

/// What changes.
enum Change {
    /// From here on a place has this value too.
    New(Allocation, u32, ProgPoint),
    /// Up to here the place had these values.
    Gone(Allocation, Vec<u32>, ProgPoint),
}

struct Walk<'a> {
    func: &'a dyn Function,
    output: &'a Output,
    values: &'a Values,
    /// Steps that may still be made.
    left: usize,
}

impl Walk<'_> {
    /// Nothing where it takes too long.
    fn ranges(&mut self) -> Option<Vec<Range>> {
        let starts = self.starts()?;
        let mut ranges = Vec::new();
        // Backwards, so that none continues that before it: blocks may be emitted in another order.
        for (number, state) in starts.into_iter().enumerate().rev() {
            let Some(mut state) = state else {
                continue;
            };
            let insts = self.func.block_insns(Block::new(number));
            let mut open: BTreeMap<(Allocation, u32), ProgPoint> = BTreeMap::new();
            for (&place, values) in &state {
                let start = ProgPoint::before(insts.first());
                open.extend(values.iter().map(|&value| ((place, value), start)));
            }
            self.follow(Block::new(number), &mut state, |change| match change {
                Change::New(place, value, from) => {
                    open.entry((place, value)).or_insert(from);
                }
                Change::Gone(place, values, to) => {
                    for value in values {
                        if let Some(from) = open.remove(&(place, value))
                            && from < to
                        {
                            ranges.push((value, place, from, to));
                        }
                    }
                }
            })?;
            let end = ProgPoint::after(insts.last());
            let open = open.into_iter();
            ranges.extend(open.map(|((place, value), from)| (value, place, from, end)));
        }
        Some(ranges)
    }

    /// What is known at the start of each block that can be reached.
    fn starts(&mut self) -> Option<Vec<Option<State>>> {
        let mut starts: Vec<Option<State>> = vec![None; self.func.num_blocks()];
        let entry = self.func.entry_block();
        starts[entry.index()] = Some(State::new());
        let mut pending = BTreeSet::from([entry.index()]);
        while let Some(number) = pending.pop_first() {
            let block = Block::new(number);
            let mut state = starts[number].clone().expect("it is pending");
            self.follow(block, &mut state, |_| ())?;
            for (edge, &to) in self.func.block_succs(block).iter().enumerate() {
                let arriving = self.arriving(block, edge, &state)?;
                let start = &mut starts[to.index()];
                let is_less = match start {
                    None => {
                        *start = Some(arriving);
                        true
                    }
                    Some(start) => {
                        let count = |state: &State| state.values().map(Vec::len).sum::<usize>();
                        let before = count(start);
                        start.retain(|place, values| {
                            let others = arriving.get(place);
                            values.retain(|v| others.is_some_and(|others| others.contains(v)));
                            !values.is_empty()
                        });
                        count(start) < before
                    }
                };
                if is_less {
                    pending.insert(to.index());
                }
            }
        }
        Some(starts)
    }

    /// Makes of what is known at the start of a block what is known at its end.
    fn follow(
        &mut self,
        block: Block,
        state: &mut State,
        mut changed: impl FnMut(Change),
    ) -> Option<()> {
        let insts = self.func.block_insns(block);
        let edits = &self.output.edits;
        let mut edit = edits.partition_point(|(at, _)| *at < ProgPoint::before(insts.first()));
        for inst in insts.iter() {
            self.left = self.left.checked_sub(1)?;
            for point in [ProgPoint::before(inst), ProgPoint::after(inst)] {
                if point == ProgPoint::after(inst) {
                    self.run(inst, state, &mut changed);
                }
                while let Some((_, Edit::Move { from, to })) =
                    edits.get(edit).filter(|(at, _)| *at == point)
                {
                    edit += 1;
                    self.left = self.left.checked_sub(1)?;
                    if from == to {
                        continue;
                    }
                    let moved = state.get(from).cloned();
                    if let Some(gone) = state.remove(to) {
                        changed(Change::Gone(*to, gone, point));
                    }
                    for &value in moved.iter().flatten() {
                        changed(Change::New(*to, value, point));
                    }
                    if let Some(moved) = moved {
                        state.insert(*to, moved);
                    }
                }
            }
        }
        Some(())
    }

    fn run(&self, inst: Inst, state: &mut State, changed: &mut impl FnMut(Change)) {
        if !state.is_empty() {
            for register in self.func.inst_clobbers(inst) {
                let place = Allocation::reg(register);
                if let Some(gone) = state.remove(&place) {
                    // Within a call it is lost already.
                    changed(Change::Gone(place, gone, ProgPoint::before(inst)));
                }
            }
        }
        let after = ProgPoint::after(inst);
        let operands = self.func.inst_operands(inst).iter();
        for (operand, &place) in operands.zip(self.output.inst_allocs(inst)) {
            if operand.kind() != OperandKind::Def {
                continue;
            }
            if let Some(gone) = state.remove(&place) {
                changed(Change::Gone(place, gone, after));
            }
            if operand.as_fixed_nonallocatable().is_none()
                && let Some(value) = self.values.number(operand.vreg())
            {
                state.insert(place, vec![value]);
                changed(Change::New(place, value, after));
            }
        }
    }

    /// What is known behind an edge: arguments are parameters there.
    fn arriving(&mut self, block: Block, edge: usize, state: &State) -> Option<State> {
        let mut becomes: HashMap<u32, Vec<u32>> = HashMap::new();
        let mut params: HashSet<u32> = HashSet::new();
        for (param, argument) in passed(self.func, block, edge) {
            self.left = self.left.checked_sub(1)?;
            let Some(param) = self.values.number(param) else {
                continue;
            };
            params.insert(param);
            if let Some(argument) = self.values.number(argument) {
                becomes.entry(argument).or_default().push(param);
            }
        }
        let mut arriving = State::new();
        for (&place, values) in state {
            let mut there: Vec<u32> = Vec::new();
            for value in values {
                there.extend(becomes.get(value).into_iter().flatten());
                there.extend((!params.contains(value)).then_some(value));
            }
            self.left = self.left.checked_sub(1 + values.len() + there.len())?;
            if !there.is_empty() {
                arriving.insert(place, there);
            }
        }
        Some(arriving)
    }
}
