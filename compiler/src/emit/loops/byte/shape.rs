//! Which loops look for a byte.

use super::linear::Linear;
use super::path::{Path, path};
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::ir::condcodes::{CondCode, IntCC};
use cranelift_codegen::ir::{Function, Inst, InstructionData, Opcode, Value, ValueDef, types};
use cranelift_codegen::loop_analysis::LoopAnalysis;

/// How deep conditions are made of others.
const DEPTH_MAX: u32 = 4;
/// So many places are looked at.
const LOADS_MAX: usize = 2;
/// So many values are looked for at most.
const WANTED_MAX: usize = 3;

/// A loop that looks for a byte, or compares bytes of two places.
pub struct ByteLoop {
    pub path: Path,
    /// The load of the byte, or those of both, in their order. Addresses grow by 1. If there are two, the
    /// loop is left when they give different bytes.
    pub loads: Vec<Inst>,
    /// By how much the header's parameters grow.
    pub steps: Vec<i64>,
    /// The loop is left when the byte is one of these.
    pub wanted: Vec<Wanted>,
    pub limits: Vec<Limit>,
    /// Values of 32 bits that grow by 1; what is computed holds until they begin anew at zero.
    pub extended: Vec<Value>,
}

/// What a byte is looked for.
#[derive(Clone, Copy)]
pub struct Wanted {
    /// Which of the loads gives the byte.
    pub load: usize,
    /// It does not change. None is zero.
    pub value: Option<Value>,
}

/// The loop is left when a value has grown to another one.
pub struct Limit {
    pub value: Value,
    /// It becomes less.
    pub falls: bool,
    /// None is zero.
    pub end: Option<Value>,
    pub kind: LimitKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum LimitKind {
    /// When both are equal.
    Equal,
    /// When it has come there or beyond; it may begin there.
    Unsigned,
    Signed,
}

/// The loops of a function that look for a byte.
pub fn find(func: &Function, loops: &LoopAnalysis, domtree: &DominatorTree) -> Vec<ByteLoop> {
    let all = loops.loops();
    all.filter_map(|lp| {
        let path = path(func, loops, domtree, lp)?;
        Finder::new(func, &path)
            .find()
            .map(|found| found.with(path))
    })
    .collect()
}

/// What is found in a loop.
struct Found {
    loads: Vec<Inst>,
    steps: Vec<i64>,
    wanted: Vec<Wanted>,
    limits: Vec<Limit>,
    extended: Vec<Value>,
}

impl Found {
    fn with(self, path: Path) -> ByteLoop {
        ByteLoop {
            path,
            loads: self.loads,
            steps: self.steps,
            wanted: self.wanted,
            limits: self.limits,
            extended: self.extended,
        }
    }
}

struct Finder<'f> {
    linear: Linear<'f>,
    path: &'f Path,
    loads: Vec<Inst>,
    /// The loop is left when both loads give different bytes.
    compares: bool,
    wanted: Vec<Wanted>,
    limits: Vec<Limit>,
}

impl<'f> Finder<'f> {
    fn new(func: &'f Function, path: &'f Path) -> Finder<'f> {
        Finder {
            linear: Linear::new(func, path),
            path,
            loads: Vec::new(),
            compares: false,
            wanted: Vec::new(),
            limits: Vec::new(),
        }
    }

    fn find(mut self) -> Option<Found> {
        let func = self.linear.func;
        let steps = self.linear.steps()?;
        let mut exits = Vec::new();
        for &block in &self.path.blocks {
            for inst in func.layout.block_insts(block) {
                let exit = self.look_at(inst)?;
                exits.extend(exit.map(|(condition, when)| (condition, when, self.loads.len())));
            }
        }
        for &load in &self.loads {
            let address = func.dfg.inst_args(load)[0];
            if self.linear.step(address) != Some(1) {
                return None;
            }
        }
        for (condition, when, loads) in exits {
            let known = self.wanted.len();
            self.exit(condition, when, 0)?;
            // With the first byte, the loop may be left before the second is loaded.
            if loads < self.loads.len() && self.wanted.len() > known {
                return None;
            }
        }
        let is_right = match self.loads.len() {
            1 => !self.wanted.is_empty(),
            _ => self.compares,
        };
        (is_right && self.wanted.len() <= WANTED_MAX).then_some(Found {
            loads: self.loads,
            steps,
            wanted: self.wanted,
            limits: self.limits,
            extended: self.linear.extended,
        })
    }

    /// Takes in an instruction, if a loop may have it; gives the condition on which it leaves the loop.
    fn look_at(&mut self, inst: Inst) -> Option<Option<(Value, bool)>> {
        let func = self.linear.func;
        let data = func.dfg.insts[inst];
        let opcode = data.opcode();
        match data {
            InstructionData::Brif { arg, blocks, .. } => {
                let path = &self.path.blocks;
                let first = blocks[0].block(&func.dfg.value_lists);
                Some(Some((arg, !path.contains(&first))))
            }
            InstructionData::CondTrap { arg, .. } => Some(Some((arg, opcode == Opcode::Trapnz))),
            InstructionData::Load { flags, .. }
                if func.dfg.mem_flags[flags].trap_code().is_some() =>
            {
                self.loads.push(inst);
                (self.loads.len() <= LOADS_MAX && opcode == Opcode::Uload8).then_some(None)
            }
            InstructionData::Load { .. } | InstructionData::Jump { .. } => Some(None),
            _ => {
                let is_pure = !opcode.can_trap()
                    && !opcode.other_side_effects()
                    && !opcode.can_load()
                    && !opcode.can_store()
                    && !opcode.is_call()
                    && !opcode.is_terminator();
                is_pure.then_some(None)
            }
        }
    }

    /// Takes in a condition on which the loop is left: when it is not zero, or when it is.
    fn exit(&mut self, condition: Value, when: bool, depth: u32) -> Option<()> {
        let func = self.linear.func;
        let condition = self.linear.resolve(condition);
        let inst = match func.dfg.value_def(condition) {
            ValueDef::Result(inst, 0) if depth < DEPTH_MAX => inst,
            ValueDef::Param(..) => return self.compares_with_zero(condition, when),
            _ => return None,
        };
        match (func.dfg.insts[inst], when) {
            (
                InstructionData::Binary {
                    opcode: Opcode::Bor,
                    args,
                },
                true,
            )
            | (
                InstructionData::Binary {
                    opcode: Opcode::Band,
                    args,
                },
                false,
            ) if func.dfg.value_type(condition) == types::I8 => {
                self.exit(args[0], when, depth + 1)?;
                self.exit(args[1], when, depth + 1)
            }
            (
                InstructionData::Unary {
                    opcode: Opcode::Uextend,
                    arg,
                },
                _,
            ) => self.exit(arg, when, depth + 1),
            (InstructionData::IntCompare { cond, args, .. }, _) => {
                let cond = if when { cond } else { cond.complement() };
                self.comparison(cond, args)
            }
            _ => self.compares_with_zero(condition, when),
        }
    }

    /// As [`Finder::exit`], of a number.
    fn compares_with_zero(&mut self, value: Value, when: bool) -> Option<()> {
        if when {
            return self.is_difference(value).then(|| self.compares = true);
        }
        if let Some(load) = self.load_of(value) {
            self.wanted.push(Wanted { load, value: None });
            return Some(());
        }
        let step = self.linear.step(value)?;
        self.limit(IntCC::Equal, value, step, None)
    }

    /// Takes in a comparison that leaves the loop when it holds.
    fn comparison(&mut self, cond: IntCC, args: [Value; 2]) -> Option<()> {
        let [left, right] = args.map(|arg| self.linear.resolve(arg));
        match (self.load_of(left), self.load_of(right)) {
            (Some(one), Some(other)) => {
                let differ = cond == IntCC::NotEqual && one != other;
                return differ.then(|| self.compares = true);
            }
            (None, Some(load)) => return self.byte(cond, load, left),
            (Some(load), None) => return self.byte(cond, load, right),
            (None, None) => {}
        }
        if cond == IntCC::NotEqual && self.linear.constant(right) == Some(0) {
            return self.is_difference(left).then(|| self.compares = true);
        }
        match (self.linear.step(left)?, self.linear.step(right)?) {
            (step, 0) => self.limit(cond, left, step, Some(right)),
            (0, step) => self.limit(cond.swap_args(), right, step, Some(left)),
            _ => None,
        }
    }

    /// Which of the loads gives a byte.
    fn load_of(&self, value: Value) -> Option<usize> {
        let inst = self.linear.func.dfg.value_def(value).inst()?;
        self.loads.iter().position(|&load| load == inst)
    }

    /// Whether a value is zero when both bytes are equal, and only then.
    fn is_difference(&self, value: Value) -> bool {
        let func = self.linear.func;
        let Some(inst) = self.linear.maker(value) else {
            return false;
        };
        let InstructionData::Binary {
            opcode: Opcode::Isub | Opcode::Bxor,
            args,
        } = func.dfg.insts[inst]
        else {
            return false;
        };
        let loads = args.map(|arg| self.load_of(self.linear.resolve(arg)));
        matches!(loads, [Some(one), Some(other)] if one != other)
    }

    /// Takes in a comparison of a byte that leaves the loop when it holds.
    fn byte(&mut self, cond: IntCC, load: usize, wanted: Value) -> Option<()> {
        let is_known =
            cond == IntCC::Equal && self.linear.step(wanted) == Some(0) && self.fits_byte(wanted);
        let value = Some(wanted);
        is_known.then(|| self.wanted.push(Wanted { load, value }))
    }

    /// Whether a value that does not change is less than 256.
    fn fits_byte(&self, value: Value) -> bool {
        if let Some(constant) = self.linear.constant(value) {
            return (0..256).contains(&constant);
        }
        let func = self.linear.func;
        let Some(inst) = func.dfg.value_def(value).inst() else {
            return false;
        };
        match (func.dfg.insts[inst].opcode(), func.dfg.inst_args(inst)) {
            (Opcode::Band, &[first, second]) => self.fits_byte(first) || self.fits_byte(second),
            (Opcode::Uextend, &[narrow]) => func.dfg.value_type(narrow) == types::I8,
            (Opcode::Uload8, _) => true,
            _ => false,
        }
    }

    /// Takes in a comparison of what grows that leaves the loop when it holds.
    fn limit(&mut self, cond: IntCC, value: Value, step: i64, end: Option<Value>) -> Option<()> {
        let is_small = self.linear.func.dfg.value_type(value).bits() < 32;
        if is_small || !matches!(step, 1 | -1) {
            return None;
        }
        let falls = step < 0;
        let kind = match (cond, falls) {
            (IntCC::Equal, _) => LimitKind::Equal,
            (IntCC::UnsignedGreaterThan | IntCC::UnsignedGreaterThanOrEqual, false)
            | (IntCC::UnsignedLessThan | IntCC::UnsignedLessThanOrEqual, true) => {
                LimitKind::Unsigned
            }
            (IntCC::SignedGreaterThan | IntCC::SignedGreaterThanOrEqual, false)
            | (IntCC::SignedLessThan | IntCC::SignedLessThanOrEqual, true) => LimitKind::Signed,
            _ => return None,
        };
        self.limits.push(Limit {
            value,
            falls,
            end,
            kind,
        });
        Some(())
    }
}
