//! Functions of integers, with branches, loops and memory, and with much that the rules are about.

use cranelift_codegen::data_value::DataValue;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    AbiParam, AliasRegion, AliasRegionData, BlockArg, Function, InstBuilder, JumpTableData,
    MemFlagsData, StackSlotData, StackSlotKind, TrapCode, Type, UserFuncName, Value, types,
};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};
use std::borrow::Cow;

/// Small, quick and the same everywhere (xorshift64*).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Ends of ranges and small numbers above all.
    fn number(&mut self, ty: Type) -> i64 {
        let bits = ty.bits();
        let any = self.next() as i64;
        match self.below(8) {
            0 => 0,
            1 => 1,
            2 => -1,
            3 => self.of(&[2, 4, 8, 16, 24, 31, 32, 56, 63, 255, 65535, 0xffff_ffff]),
            4 => 1_i64.wrapping_shl(any as u32 % bits),
            5 => 1_i64.wrapping_shl(any as u32 % bits).wrapping_sub(1),
            6 => any % 10,
            _ => any,
        }
    }
}

const NARROW: [Type; 4] = [types::I8, types::I16, types::I32, types::I64];
const SLOT_BYTES: u32 = 64;

struct Maker<'a, 'f> {
    builder: &'a mut FunctionBuilder<'f>,
    random: Random,
    variables: Vec<(Variable, Type)>,
    memories: Vec<(Value, MemFlagsData)>,
    statements: usize,
}

pub(super) fn function(seed: u64) -> Function {
    let isa = crate::emit::target_isa(&crate::Options::default());
    let mut func = Function::with_name_signature(
        UserFuncName::testcase("f"),
        cranelift_codegen::ir::Signature::new(isa.default_call_conv()),
    );
    let params = [types::I32, types::I64, types::I32, types::I64];
    let signature = &mut func.signature;
    signature.params.extend(params.map(AbiParam::new));
    signature.returns.extend(params.map(AbiParam::new));
    signature
        .returns
        .extend([AbiParam::new(types::I64); 2 * SLOT_BYTES as usize / 8]);
    let mut frontend = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut func, &mut frontend);
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    let mut memories = Vec::new();
    for number in 0..2 {
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, SLOT_BYTES, 3);
        let slot = builder.create_sized_stack_slot(slot);
        let base = builder.ins().stack_addr(types::I64, slot, 0);
        let region = AliasRegionData {
            user_id: number,
            description: Cow::Borrowed("memory"),
        };
        let region: AliasRegion = builder.func.dfg.alias_regions.insert(region);
        let flags = match number {
            0 => MemFlagsData::new(),
            _ => MemFlagsData::new().with_notrap(),
        };
        let flags = flags.with_alias_region(Some(region));
        for at in 0..SLOT_BYTES / 8 {
            let zero = builder.ins().iconst(types::I64, 0);
            builder.ins().store(flags, zero, base, at as i32 * 8);
        }
        memories.push((base, flags));
    }
    let mut variables = Vec::new();
    for (number, ty) in params.into_iter().enumerate() {
        let variable = builder.declare_var(ty);
        let value = builder.block_params(entry)[number];
        builder.def_var(variable, value);
        variables.push((variable, ty));
    }
    let mut random = Random::new(seed);
    let statements = 5 + random.below(60);
    let mut maker = Maker {
        builder: &mut builder,
        random,
        variables,
        memories,
        statements,
    };
    while maker.statements > 0 {
        maker.statement(0);
    }
    let mut results: Vec<Value> = Vec::new();
    for (variable, _) in maker.variables.clone() {
        results.push(maker.builder.use_var(variable));
    }
    for (base, flags) in maker.memories.clone() {
        for at in 0..SLOT_BYTES / 8 {
            let value = maker
                .builder
                .ins()
                .load(types::I64, flags, base, at as i32 * 8);
            results.push(value);
        }
    }
    maker.builder.ins().return_(&results);
    builder.seal_all_blocks();
    builder.finalize(isa.frontend_config());
    func
}

/// What a function is called with.
pub(super) fn arguments(seed: u64) -> Vec<[DataValue; 4]> {
    let mut random = Random::new(seed ^ 0x55);
    let mut wide = || random.number(types::I64);
    (0..4)
        .map(|_| {
            let [a, b, c, d] = [wide(), wide(), wide(), wide()];
            [
                DataValue::I32(a as i32),
                DataValue::I64(b),
                DataValue::I32(c as i32),
                DataValue::I64(d),
            ]
        })
        .collect()
}

impl Maker<'_, '_> {
    fn statement(&mut self, depth: usize) {
        self.statements = self.statements.saturating_sub(1);
        match self.random.below(20) {
            0..=7 => {
                let (variable, ty) = self.variable();
                let value = self.expression(ty, 3);
                self.builder.def_var(variable, value);
            }
            8..=10 => self.store(),
            11..=13 => {
                let (variable, ty) = self.variable();
                let value = self.load(ty);
                self.builder.def_var(variable, value);
            }
            14..=16 if depth < 4 => self.branch(depth),
            17 if depth < 3 => self.repeat(depth),
            18 if depth < 4 => self.switch(depth),
            19 if self.random.below(20) == 0 => {
                let value = self.expression(types::I32, 2);
                let code = TrapCode::user(7).expect("it is one");
                match self.random.below(2) {
                    0 => self.builder.ins().trapnz(value, code),
                    _ => self.builder.ins().trapz(value, code),
                };
            }
            _ => {}
        }
    }

    fn variable(&mut self) -> (Variable, Type) {
        let at = self.random.below(self.variables.len());
        self.variables[at]
    }

    fn some(&mut self, depth: usize) {
        for _ in 0..=self.random.below(4) {
            self.statement(depth + 1);
        }
    }

    fn branch(&mut self, depth: usize) {
        let condition = self.condition();
        let [yes, no, after] = [(); 3].map(|()| self.builder.create_block());
        let after_no = if self.random.below(2) == 0 { after } else { no };
        self.builder.ins().brif(condition, yes, &[], after_no, &[]);
        self.builder.switch_to_block(yes);
        self.some(depth);
        if self.random.below(40) == 0 {
            self.builder
                .ins()
                .trap(TrapCode::user(9).expect("it is one"));
        } else {
            self.builder.ins().jump(after, &[]);
        }
        if after_no == no {
            self.builder.switch_to_block(no);
            self.some(depth);
            self.builder.ins().jump(after, &[]);
        }
        self.builder.switch_to_block(after);
    }

    fn repeat(&mut self, depth: usize) {
        let [header, body, after] = [(); 3].map(|()| self.builder.create_block());
        let left = self.builder.append_block_param(header, types::I32);
        let count = self.random.below(5) as i64;
        let count = self.builder.ins().iconst(types::I32, count);
        self.builder.ins().jump(header, &[count.into()]);
        self.builder.switch_to_block(header);
        self.some(depth);
        self.builder.ins().brif(left, body, &[], after, &[]);
        self.builder.switch_to_block(body);
        self.some(depth);
        let one = self.builder.ins().iconst(types::I32, -1);
        let next = self.builder.ins().iadd(left, one);
        self.builder.ins().jump(header, &[next.into()]);
        self.builder.switch_to_block(after);
    }

    fn switch(&mut self, depth: usize) {
        let index = self.expression(types::I32, 1);
        let after = self.builder.create_block();
        let passed = self.builder.append_block_param(after, types::I64);
        let arms = [(); 3].map(|()| self.builder.create_block());
        let mut entries = Vec::new();
        for arm in arms.into_iter().chain([after, after, after]) {
            let args: Vec<BlockArg> = match arm == after {
                true => vec![self.leaf(types::I64).into()],
                false => Vec::new(),
            };
            let pool = &mut self.builder.func.dfg.value_lists;
            entries.push(cranelift_codegen::ir::BlockCall::new(arm, args, pool));
        }
        let default = entries.pop().expect("there is one");
        let table = JumpTableData::new(default, &entries);
        let table = self.builder.create_jump_table(table);
        self.builder.ins().br_table(index, table);
        for arm in arms {
            self.builder.switch_to_block(arm);
            self.some(depth);
            let value = self.leaf(types::I64);
            self.builder.ins().jump(after, &[value.into()]);
        }
        self.builder.switch_to_block(after);
        let (variable, ty) = self.variable();
        if ty == types::I64 {
            self.builder.def_var(variable, passed);
        }
    }

    fn place(&mut self, ty: Type) -> (MemFlagsData, Value, i32) {
        let (mut base, flags) = self.random.of(&self.memories.clone());
        let bytes = ty.bytes() as i32;
        let mut offset = self.random.below(6) as i32 * 4;
        if self.random.below(4) == 0 {
            let index = self.leaf(types::I64);
            let mask = self.builder.ins().iconst(types::I64, 15);
            let index = self.builder.ins().band(index, mask);
            base = self.builder.ins().iadd(base, index);
            offset += 8;
        }
        assert!(offset + 16 + bytes <= SLOT_BYTES as i32);
        (flags, base, offset)
    }

    fn store(&mut self) {
        let ty = self.random.of(&NARROW);
        let value = self.expression(ty, 1);
        let (flags, base, offset) = self.place(ty);
        match (self.random.below(4), ty) {
            (0, types::I32 | types::I64) => {
                self.builder.ins().istore8(flags, value, base, offset);
            }
            _ => {
                self.builder.ins().store(flags, value, base, offset);
            }
        }
    }

    fn load(&mut self, ty: Type) -> Value {
        let (flags, base, offset) = self.place(ty);
        match self.random.below(5) {
            0 => self.builder.ins().uload8(ty, flags, base, offset),
            1 => self.builder.ins().sload8(ty, flags, base, offset),
            2 => self.builder.ins().uload16(ty, flags, base, offset),
            _ => self.builder.ins().load(ty, flags, base, offset),
        }
    }

    /// A number or a variable.
    fn leaf(&mut self, ty: Type) -> Value {
        if self.random.below(5) < 2 {
            let number = self.random.number(ty);
            return self.builder.ins().iconst(ty, number);
        }
        let (variable, from) = self.variable();
        let value = self.builder.use_var(variable);
        self.converted(value, from, ty)
    }

    fn converted(&mut self, value: Value, from: Type, ty: Type) -> Value {
        match (from.bits(), ty.bits()) {
            (from, to) if from == to => value,
            (from, to) if from > to => self.builder.ins().ireduce(ty, value),
            _ if self.random.below(2) == 0 => self.builder.ins().sextend(ty, value),
            _ => self.builder.ins().uextend(ty, value),
        }
    }

    fn condition(&mut self) -> Value {
        let ty = self.random.of(&NARROW);
        match self.random.below(3) {
            0 => self.expression(ty, 2),
            _ => self.comparison(ty, 2),
        }
    }

    fn comparison(&mut self, ty: Type, depth: usize) -> Value {
        let cond = self.random.of(&[
            IntCC::Equal,
            IntCC::NotEqual,
            IntCC::SignedLessThan,
            IntCC::SignedLessThanOrEqual,
            IntCC::SignedGreaterThan,
            IntCC::SignedGreaterThanOrEqual,
            IntCC::UnsignedLessThan,
            IntCC::UnsignedLessThanOrEqual,
            IntCC::UnsignedGreaterThan,
            IntCC::UnsignedGreaterThanOrEqual,
        ]);
        let x = self.expression(ty, depth.saturating_sub(1));
        if ty != types::I8 && self.random.below(6) == 0 {
            let byte = self.builder.ins().band_imm_u(x, 255);
            let number = self.random.of(&[0, 1, 10, 127, 128, 200, 255]);
            return self.builder.ins().icmp_imm_u(cond, byte, number);
        }
        let y = match self.random.below(4) {
            0 => x,
            1 => self.expression(ty, depth.saturating_sub(1)),
            _ => self.leaf(ty),
        };
        self.builder.ins().icmp(cond, x, y)
    }

    fn expression(&mut self, ty: Type, depth: usize) -> Value {
        if depth == 0 {
            return self.leaf(ty);
        }
        let x = self.expression(ty, depth - 1);
        let y = match self.random.below(3) {
            0 => self.expression(ty, depth - 1),
            1 => self.leaf(ty),
            _ => {
                let number = self.random.number(ty);
                self.builder.ins().iconst(ty, number)
            }
        };
        let [x, y] = if self.random.below(4) == 0 {
            [y, x]
        } else {
            [x, y]
        };
        let bits = i64::from(ty.bits());
        match self.random.below(30) {
            0..=2 => self.builder.ins().iadd(x, y),
            3..=4 => self.builder.ins().isub(x, y),
            5 => self.builder.ins().imul(x, y),
            6 => self.builder.ins().band(x, y),
            7 => self.builder.ins().bor(x, y),
            8 => self.builder.ins().bxor(x, y),
            9 => self.builder.ins().ishl(x, y),
            10 => self.builder.ins().ushr(x, y),
            11 => self.builder.ins().sshr(x, y),
            12 => self.builder.ins().rotl(x, y),
            13 => self.builder.ins().rotr(x, y),
            14 => self.builder.ins().ineg(x),
            15 => self.builder.ins().bnot(x),
            16 => {
                let by = self.random.below(bits as usize) as i64;
                let left = self.builder.ins().iconst(ty, by);
                let right = self.builder.ins().iconst(ty, bits - by);
                let [up, down] = [
                    self.builder.ins().ishl(x, left),
                    self.builder.ins().ushr(x, right),
                ];
                self.builder.ins().bor(up, down)
            }
            17 => {
                let by = self.random.of(&[8, 16, 24, 32, 48, 56]);
                let by = self.builder.ins().iconst(ty, by % bits);
                let up = self.builder.ins().ishl(x, by);
                match self.random.below(2) {
                    0 => self.builder.ins().ushr(up, by),
                    _ => self.builder.ins().sshr(up, by),
                }
            }
            18..=19 => {
                let from = self.random.of(&NARROW);
                let value = self.expression(from, depth - 1);
                self.converted(value, from, ty)
            }
            20..=22 => {
                let truth = self.comparison(ty, depth);
                self.converted(truth, types::I8, ty)
            }
            23 => {
                let condition = self.comparison(ty, depth);
                self.builder.ins().select(condition, x, y)
            }
            24 => {
                let compared = self.random.of(&[
                    IntCC::SignedLessThan,
                    IntCC::SignedGreaterThan,
                    IntCC::UnsignedLessThanOrEqual,
                    IntCC::UnsignedGreaterThanOrEqual,
                    IntCC::Equal,
                ]);
                let condition = self.builder.ins().icmp(compared, x, y);
                let [yes, no] = self.random.of(&[[x, y], [y, x]]);
                self.builder.ins().select(condition, yes, no)
            }
            25 => {
                let zero = self.builder.ins().iconst(ty, 0);
                let condition = self.builder.ins().icmp(IntCC::SignedGreaterThan, x, zero);
                let negative = self.builder.ins().ineg(x);
                self.builder.ins().select(condition, x, negative)
            }
            26..=27 => self.division(x, ty),
            28 => {
                let condition = self.condition();
                let [some, none] = self.random.of(&[[1, 0], [-1, 0], [0, 5], [7, 7]]);
                let [some, none] = [some, none].map(|n| self.builder.ins().iconst(ty, n));
                self.builder.ins().select(condition, some, none)
            }
            _ => {
                let inverted = self.builder.ins().bnot(y);
                let both = self.builder.ins().band(x, inverted);
                let other = self.leaf(ty);
                self.builder.ins().bxor(both, other)
            }
        }
    }

    fn division(&mut self, x: Value, ty: Type) -> Value {
        let divisor = match self.random.below(30) {
            0 => self.leaf(ty),
            _ => {
                let number = match self.random.number(ty) {
                    number if number << (64 - ty.bits()) == 0 => 3,
                    number => number,
                };
                self.builder.ins().iconst(ty, number)
            }
        };
        match self.random.below(4) {
            0 => self.builder.ins().udiv(x, divisor),
            1 => self.builder.ins().sdiv(x, divisor),
            2 => self.builder.ins().urem(x, divisor),
            _ => self.builder.ins().srem(x, divisor),
        }
    }
}
