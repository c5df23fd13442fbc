//! What is found, against the same found slowly: every value of every place, instruction by
//! instruction, and again until nothing changes.

use super::values::Values;
use super::walk::Walk;
use crate::program::{Program, Random, machine};
use crate::tests::program;
use crate::{Allocator, Spills};
use regalloc2::{
    Allocate, Allocation, Block, Edit, Function, Inst, OperandKind, Output, ProgPoint, Revise, VReg,
};
use std::collections::{BTreeMap, BTreeSet};

type State = BTreeMap<Allocation, BTreeSet<VReg>>;

/// What is in places before an instruction: a value, its place, the instruction.
type Claims = BTreeSet<(VReg, Allocation, u32)>;

fn edit(output: &Output, point: ProgPoint, state: &mut State) {
    for (_, Edit::Move { from, to }) in output.edits.iter().filter(|edit| edit.0 == point) {
        let moved = state.get(from).cloned().unwrap_or_default();
        state.insert(*to, moved);
    }
}

fn follow(
    func: &Program,
    output: &Output,
    block: Block,
    mut state: State,
    claims: &mut Claims,
) -> State {
    for inst in func.block_insns(block).iter() {
        edit(output, ProgPoint::before(inst), &mut state);
        for register in func.inst_clobbers(inst) {
            state.remove(&Allocation::reg(register));
        }
        let at = inst.index() as u32;
        for (&place, values) in &state {
            claims.extend(values.iter().map(|&value| (value, place, at)));
        }
        let places = output.inst_allocs(inst);
        for (operand, &place) in func.inst_operands(inst).iter().zip(places) {
            if operand.kind() == OperandKind::Def {
                state.insert(place, BTreeSet::from([operand.vreg()]));
            }
        }
        edit(output, ProgPoint::after(inst), &mut state);
    }
    state
}

fn arriving(func: &Program, block: Block, edge: usize, state: &State) -> State {
    let params = func.block_params(func.block_succs(block)[edge]);
    let last = func.block_insns(block).last();
    let arguments = func.branch_blockparams(block, last, edge);
    let renamed = |values: &BTreeSet<VReg>| {
        let stay = values.iter().filter(|value| !params.contains(value));
        let pairs = params.iter().zip(arguments);
        let become_params = pairs.filter(|(_, argument)| values.contains(argument));
        stay.chain(become_params.map(|pair| pair.0))
            .copied()
            .collect()
    };
    let places = state.iter();
    places
        .map(|(&place, values)| (place, renamed(values)))
        .collect()
}

/// All that is true.
fn slowly(func: &Program, output: &Output) -> Claims {
    let mut starts: Vec<Option<State>> = vec![None; func.num_blocks()];
    starts[0] = Some(State::new());
    loop {
        let before = starts.clone();
        let mut claims = Claims::new();
        for number in 0..func.num_blocks() {
            let Some(start) = starts[number].clone() else {
                continue;
            };
            let block = Block::new(number);
            let end = follow(func, output, block, start, &mut claims);
            for (edge, to) in func.block_succs(block).iter().enumerate() {
                let there = arriving(func, block, edge, &end);
                let start = starts[to.index()].get_or_insert_with(|| there.clone());
                for (place, values) in start {
                    values.retain(|v| there.get(place).is_some_and(|there| there.contains(v)));
                }
            }
        }
        if starts == before {
            return claims;
        }
    }
}

fn check(seed: u64, func: &mut Program, output: &Output) -> usize {
    let mut random = Random(seed);
    let defined = func.insts.iter().flat_map(|inst| &inst.operands);
    let defined = defined.filter(|operand| operand.kind() == OperandKind::Def);
    let params = func.blocks.iter().flat_map(|block| &block.params);
    let mut all: Vec<VReg> = defined
        .map(|operand| operand.vreg())
        .chain(params.copied())
        .collect();
    all.sort_unstable();
    all.dedup();
    for vreg in all {
        for _ in 0..random.below(3) {
            let (start, end) = (Inst::new(0), Inst::new(func.insts.len()));
            let label = random.below(func.vregs) as u32;
            func.labels.push((vreg, start, end, label));
        }
    }
    let values = Values::new(func);
    let labelled: BTreeSet<VReg> = func.labels.iter().map(|label| label.0).collect();
    let mut expected = slowly(func, output);
    expected.retain(|claim| labelled.contains(&claim.0));
    let numbers = labelled
        .iter()
        .map(|&v| (values.number(v).expect("it has a label"), v));
    let numbers: BTreeMap<u32, VReg> = numbers.collect();
    let mut found = Claims::new();
    for held in Walk::new(func, output, &values)
        .held()
        .expect("it is small")
    {
        for inst in held.from..held.to {
            let is_new = found.insert((numbers[&held.value], held.place, inst));
            assert!(is_new, "function {seed}: twice {held:?}");
        }
    }
    assert!(found == expected, "function {seed}");
    expected.len()
}

#[test]
fn what_is_found_is_all_that_is_true() {
    let env = machine();
    let mut allocator = Allocator::default();
    let mut output = Output::default();
    let mut claims = 0;
    for seed in 0..1000 {
        let mut func = program(seed);
        allocator
            .allocate(&func, &env, &mut output)
            .expect("others see to that");
        Spills::default().revise(&func, &env, &mut output);
        claims += check(seed, &mut func, &output);
    }
    assert!(claims > 100_000, "there was much to find: {claims}");
}
