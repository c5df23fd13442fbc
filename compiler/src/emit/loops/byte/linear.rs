//! By how much values grow from iteration to iteration.

use super::path::Path;
use crate::facts;
use cranelift_codegen::ir::{Function, Inst, InstructionData, Opcode, Value, ValueDef, types};
use foldhash::{HashMap, HashMapExt};

/// What is known of values in a loop.
pub struct Linear<'f> {
    pub func: &'f Function,
    path: &'f Path,
    /// By how much the header's parameters grow.
    steps: Vec<Option<i64>>,
    known: HashMap<Value, Option<i64>>,
    /// Values of 32 bits that grow by 1 and are extended: what is made of them grows until they
    /// begin anew at zero.
    pub extended: Vec<Value>,
}

impl<'f> Linear<'f> {
    pub fn new(func: &'f Function, path: &'f Path) -> Linear<'f> {
        let mut this = Linear {
            func,
            path,
            steps: Vec::new(),
            known: HashMap::new(),
            extended: Vec::new(),
        };
        let params = func.dfg.block_params(path.header());
        this.steps = params
            .iter()
            .zip(&path.next)
            .map(|(&param, &next)| this.param_step(param, next?))
            .collect();
        this
    }

    /// The steps of the header's parameters, if each has one.
    pub fn steps(&self) -> Option<Vec<i64>> {
        self.steps.iter().copied().collect()
    }

    /// What a value is made of is looked for until it is something else than a copy.
    pub fn resolve(&self, value: Value) -> Value {
        let value = self.func.dfg.resolve_aliases(value);
        self.path.copies.get(&value).copied().unwrap_or(value)
    }

    /// A parameter that comes back as itself plus constants.
    fn param_step(&self, param: Value, next: Value) -> Option<i64> {
        let mut value = self.resolve(next);
        let mut step: i64 = 0;
        while value != param {
            let InstructionData::Binary { opcode, args } =
                self.func.dfg.insts[self.maker(value)?]
            else {
                return None;
            };
            let added = self.constant(args[1])?;
            step = match opcode {
                Opcode::Iadd => step.wrapping_add(added),
                Opcode::Isub => step.wrapping_sub(added),
                _ => return None,
            };
            value = self.resolve(args[0]);
        }
        let unused = 64 - self.func.dfg.value_type(param).bits();
        Some(step << unused >> unused)
    }

    /// The instruction that makes a value, if the loop has it.
    pub fn maker(&self, value: Value) -> Option<Inst> {
        let inst = self.func.dfg.value_def(value).inst()?;
        let block = self.func.layout.inst_block(inst)?;
        self.path.blocks.contains(&block).then_some(inst)
    }

    /// The value of a constant, wherever it is made; of 32 bits, with its sign.
    pub fn constant(&self, value: Value) -> Option<i64> {
        facts::signed_constant(self.func, value)
    }

    /// By how much a value grows in each iteration, modulo its width; none if that is not known.
    pub fn step(&mut self, value: Value) -> Option<i64> {
        let value = self.resolve(value);
        if let Some(&known) = self.known.get(&value) {
            return known;
        }
        let step = self.find_step(value);
        self.known.insert(value, step);
        step
    }

    fn find_step(&mut self, value: Value) -> Option<i64> {
        if let ValueDef::Param(block, position) = self.func.dfg.value_def(value)
            && block == self.path.header()
        {
            return self.steps[position];
        }
        // What is not made in the loop stays as it is.
        let Some(inst) = self.maker(value) else {
            return Some(0);
        };
        let func = self.func;
        let (data, args) = (&func.dfg.insts[inst], func.dfg.inst_args(inst));
        let steps: Vec<Option<i64>> = args.iter().map(|&arg| self.step(arg)).collect();
        if steps.iter().all(|&step| step == Some(0)) {
            // That of a load, too, as nothing is written.
            return Some(0);
        }
        let is_word = func.dfg.value_type(value) == types::I64;
        match (data.opcode(), &steps[..]) {
            (Opcode::Iadd, &[Some(a), Some(b)]) => Some(a.wrapping_add(b)),
            (Opcode::Isub, &[Some(a), Some(b)]) => Some(a.wrapping_sub(b)),
            (Opcode::Bitcast, &[step]) if is_word => step,
            (Opcode::Uextend, &[Some(1)]) if is_word => {
                self.extended.push(args[0]);
                Some(1)
            }
            _ => None,
        }
    }
}
