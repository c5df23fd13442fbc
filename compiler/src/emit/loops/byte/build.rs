//! The code in front of a loop that looks for a byte.
//!
//! ```text
//!     v0 = address of the first byte, v1 = iterations before a limit, at most
//!     v2 = iadd v0, v1                        ; the end
//!     brif icmp uge v1, 5, block1, header(...)
//! block1:                                     ; whether 32 bytes are in the first one's page
//!     brif icmp ugt (band v0, 4095), 4064, block3, block2
//! block2:
//!     v3 = bits of the bytes at v0 that are wanted
//!     brif v3, block7(v0, v3), block4(v0)
//! block3:                                     ; cold
//!     uload8 v0                               ; a fault is told of this address
//!     v4 = bits of the bytes at (band v0, -32) that are wanted
//!     v5 = ushr v4, (band v0, 31)
//!     brif v5, block7(v0, v5), block4(v0)
//! block4(v6: i64):
//!     v7 = band (iadd v6, 32), -32
//!     brif icmp ult v7, v2, block5, block8(v2)
//! block5:                                     ; 32 bytes at a time
//!     brif any of the bytes at v7 is wanted, block6, block4(v7)
//! block6:
//!     jump block7(v7, bits of the bytes at v7 that are wanted)
//! block7(v8: i64, v9: i64):
//!     jump block8(umin (iadd v8, ctz v9), v2)
//! block8(v10: i64):
//!     v11 = isub v10, v0                      ; iterations that are left out
//!     jump header(...)
//! ```

use super::super::back_edge;
use super::shape::{ByteLoop, Limit, LimitKind};
use crate::facts::targets;
use crate::target::Arch;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Block, BlockArg, Function, Inst, InstBuilder, InstructionData, Opcode, SourceLoc, Type, Value,
    types,
};
use foldhash::{HashMap, HashMapExt};

/// What the system maps is a multiple of this, on every target.
pub(super) const PAGE_BYTES: i64 = 4096;
/// Bytes of a vector.
pub(super) const LANES: i64 = 16;
/// What is loaded at a time.
pub(super) const BYTES: i64 = 2 * LANES;
/// With a limit that is nearer, the loop is faster as it is.
const ITERATIONS_MIN: i64 = 5;
/// More than any memory has.
const BYTES_MAX: i64 = 1 << 40;

/// Has a loop entered at the iteration in which it is left, or not far in front of it.
pub fn skip_ahead(func: &mut Function, found: &ByteLoop, arch: Arch) {
    let mut builder = Builder::new(func, found, arch);
    let before = builder.enter();
    builder.begin(before);
    match found.loads[..] {
        [load] => {
            let first = builder.first_address(load);
            let iterations = builder.iterations();
            let end = builder.add(first, iterations);
            let after = builder.search(first, iterations, end);
            builder.begin(after);
            let at = builder.result(after);
            let left_out = builder.cursor.ins().isub(at, first);
            builder.leave(left_out);
        }
        _ => {
            let firsts = builder.first_addresses();
            let iterations = builder.iterations();
            let after = builder.compare(firsts, iterations);
            builder.begin(after);
            let left_out = builder.result(after);
            builder.leave(left_out);
        }
    }
}

pub(super) struct Builder<'f> {
    pub(super) cursor: FuncCursor<'f>,
    pub(super) found: &'f ByteLoop,
    pub(super) arch: Arch,
    srcloc: SourceLoc,
    /// What the header's parameters are at first.
    initial: Vec<Value>,
    /// Values of the loop, as they are in the first iteration.
    copies: HashMap<Value, Value>,
    pub(super) wanted: Vec<Value>,
}

impl<'f> Builder<'f> {
    fn new(func: &'f mut Function, found: &'f ByteLoop, arch: Arch) -> Builder<'f> {
        let srcloc = func.srcloc(found.loads[0]);
        Builder {
            cursor: FuncCursor::new(func),
            found,
            arch,
            srcloc,
            initial: Vec::new(),
            copies: HashMap::new(),
            wanted: Vec::new(),
        }
    }

    /// Leads whatever enters the loop to a new block, and gives that.
    fn enter(&mut self) -> Block {
        let header = self.found.path.header();
        let func = &mut *self.cursor.func;
        let mut entries: Vec<(Inst, usize)> = Vec::new();
        for block in func.layout.blocks() {
            if self.found.path.blocks.contains(&block) {
                continue;
            }
            let Some(branch) = func.layout.last_inst(block) else {
                continue;
            };
            let targets = targets(func, branch).enumerate();
            let to_header = targets.filter(|&(_, target)| target == header);
            entries.extend(to_header.map(|(position, _)| (branch, position)));
        }
        let before = func.dfg.make_block();
        func.layout.insert_block(before, header);
        let only = match entries[..] {
            [(branch, position)] => back_edge::destination(func, branch, position)
                .into_iter()
                .collect::<Option<Vec<Value>>>(),
            _ => None,
        };
        for &(branch, position) in &entries {
            let dfg = &mut func.dfg;
            let calls = dfg.insts[branch]
                .branch_destination_mut(&mut dfg.jump_tables, &mut dfg.exception_tables);
            calls[position].set_block(before, &mut dfg.value_lists);
            if only.is_some() {
                calls[position].clear(&mut dfg.value_lists);
            }
        }
        let params = func.dfg.block_params(header).to_vec();
        self.initial = only.unwrap_or_else(|| {
            let copied = params.iter().map(|&param| {
                let ty = func.dfg.value_type(param);
                func.dfg.append_block_param(before, ty)
            });
            copied.collect()
        });
        self.copies = params.into_iter().zip(self.initial.clone()).collect();
        before
    }

    pub(super) fn block(&mut self) -> Block {
        let block = self.cursor.func.dfg.make_block();
        let header = self.found.path.header();
        self.cursor.func.layout.insert_block(block, header);
        block
    }

    pub(super) fn begin(&mut self, block: Block) {
        self.cursor.goto_bottom(block);
        self.cursor.set_srcloc(self.srcloc);
    }

    pub(super) fn word(&mut self, number: i64) -> Value {
        self.cursor.ins().iconst(types::I64, number)
    }

    pub(super) fn constant(&self, value: Value) -> Option<i64> {
        let inst = self.cursor.func.dfg.value_def(value).inst()?;
        match self.cursor.func.dfg.insts[inst] {
            InstructionData::UnaryImm {
                opcode: Opcode::Iconst,
                imm,
            } => Some(imm.bits()),
            _ => None,
        }
    }

    pub(super) fn add(&mut self, left: Value, right: Value) -> Value {
        self.sum(Opcode::Iadd, left, right)
    }

    /// A sum or difference; constants are computed here, as nothing optimises this code.
    fn sum(&mut self, opcode: Opcode, left: Value, right: Value) -> Value {
        let ty = self.cursor.func.dfg.value_type(left);
        match (self.constant(left), self.constant(right), opcode) {
            (Some(a), Some(b), Opcode::Iadd) => self.number(ty, a.wrapping_add(b)),
            (Some(a), Some(b), _) => self.number(ty, a.wrapping_sub(b)),
            (_, Some(0), _) => left,
            (Some(0), _, Opcode::Iadd) => right,
            (_, _, Opcode::Iadd) => self.cursor.ins().iadd(left, right),
            _ => self.cursor.ins().isub(left, right),
        }
    }

    fn sub(&mut self, left: Value, right: Value) -> Value {
        self.sum(Opcode::Isub, left, right)
    }

    /// A constant; `iconst` has its upper bits zero.
    fn number(&mut self, ty: Type, number: i64) -> Value {
        let mask = u64::MAX >> (64 - ty.bits());
        let number = number.cast_unsigned() & mask;
        self.cursor.ins().iconst(ty, number.cast_signed())
    }

    /// A value of the loop as it is in the first iteration.
    pub(super) fn at_first(&mut self, value: Value) -> Value {
        let value = self.cursor.func.dfg.resolve_aliases(value);
        let value = *self.found.path.copies.get(&value).unwrap_or(&value);
        if let Some(&copy) = self.copies.get(&value) {
            return copy;
        }
        let dfg = &self.cursor.func.dfg;
        let in_loop = |&inst: &Inst| {
            let block = self.cursor.func.layout.inst_block(inst);
            block.is_some_and(|block| self.found.path.blocks.contains(&block))
        };
        let Some(inst) = dfg.value_def(value).inst().filter(in_loop) else {
            return value;
        };
        let (data, args) = (dfg.insts[inst], dfg.inst_args(inst).to_vec());
        let args: Vec<Value> = args.into_iter().map(|arg| self.at_first(arg)).collect();
        let copy = match (data.opcode(), &args[..]) {
            (opcode @ (Opcode::Iadd | Opcode::Isub), &[left, right]) => {
                self.sum(opcode, left, right)
            }
            (Opcode::Uextend, &[arg]) if let Some(number) = self.constant(arg) => self.word(number),
            _ => {
                let position = self.cursor.func.dfg.inst_results(inst);
                let position = position.iter().position(|&result| result == value);
                let copy = self.cursor.func.dfg.clone_inst(inst);
                self.cursor
                    .func
                    .dfg
                    .inst_args_mut(copy)
                    .copy_from_slice(&args);
                self.cursor.insert_inst(copy);
                let results = self.cursor.func.dfg.inst_results(copy);
                results[position.expect("it is a result")]
            }
        };
        self.copies.insert(value, copy);
        copy
    }

    /// The address of the byte that the first iteration loads.
    fn first_address(&mut self, load: Inst) -> Value {
        let InstructionData::Load { arg, offset, .. } = self.cursor.func.dfg.insts[load] else {
            unreachable!("it is a load");
        };
        let address = self.at_first(arg);
        let offset = self.word(offset.into());
        self.add(address, offset)
    }

    /// The addresses of both bytes that the first iteration loads. Computed anew where they are wanted, they keep no
    /// register between.
    pub(super) fn first_addresses(&mut self) -> [Value; 2] {
        let copies = self.copies.clone();
        let addresses = [0, 1].map(|load| self.first_address(self.found.loads[load]));
        self.copies = copies;
        addresses
    }

    /// How many iterations there are before a limit, at most.
    fn iterations(&mut self) -> Value {
        let found = self.found;
        let (mut short, mut long) = (None, None);
        for limit in &found.limits {
            let number = self.before_limit(limit);
            let least = match self.ty(number) {
                types::I32 => &mut short,
                _ => &mut long,
            };
            *least = Some(self.min(*least, number));
        }
        // What begins anew first is the largest.
        let mut extended = None;
        for &value in &found.extended {
            let value = self.at_first(value);
            extended = Some(match extended {
                None => value,
                Some(other) => self.cursor.ins().umax(other, value),
            });
        }
        if let Some(value) = extended {
            if short.is_some() || long.is_some() {
                // One less than there are, which has 32 bits.
                let number = self.cursor.ins().bnot(value);
                short = Some(self.min(short, number));
            } else {
                let value = self.extended(value);
                let all = self.word(1 << 32);
                long = Some(self.sub(all, value));
            }
        }
        if short.is_none() && found.extended.is_empty() {
            // So that the end of what is looked at is an address.
            let all = self.word(BYTES_MAX);
            long = Some(self.min(long, all));
        }
        match short {
            Some(short) => {
                let short = self.extended(short);
                self.min(long, short)
            }
            None => long.expect("there is a limit"),
        }
    }

    fn ty(&self, value: Value) -> Type {
        self.cursor.func.dfg.value_type(value)
    }

    /// The least of numbers without sign.
    fn min(&mut self, one: Option<Value>, other: Value) -> Value {
        match one {
            None => other,
            Some(one) => self.cursor.ins().umin(one, other),
        }
    }

    pub(super) fn extended(&mut self, value: Value) -> Value {
        match (self.ty(value), self.constant(value)) {
            (types::I64, _) => value,
            (_, Some(number)) => self.word(number & 0xffff_ffff),
            _ => self.cursor.ins().uextend(types::I64, value),
        }
    }

    /// How many iterations there are in which a value has not come to its limit.
    fn before_limit(&mut self, limit: &Limit) -> Value {
        let value = self.at_first(limit.value);
        let ty = self.ty(value);
        let end = match limit.end {
            Some(end) => self.at_first(end),
            None => self.number(ty, 0),
        };
        let (from, to) = match limit.falls {
            false => (value, end),
            true => (end, value),
        };
        let distance = self.sub(to, from);
        match limit.kind {
            LimitKind::Equal => distance,
            LimitKind::Unsigned | LimitKind::Signed => {
                let less = match limit.kind {
                    LimitKind::Signed => IntCC::SignedLessThan,
                    _ => IntCC::UnsignedLessThan,
                };
                let is_before = self.cursor.ins().icmp(less, from, to);
                let zero = self.number(ty, 0);
                self.cursor.ins().select(is_before, distance, zero)
            }
        }
    }

    /// Finds the address of the first byte that is wanted, or the end; gives the block whose
    /// parameter that is.
    fn search(&mut self, first: Value, iterations: Value, end: Value) -> Block {
        let [start, within, beyond, miss, more, hit, after] = [(); 7].map(|()| self.block());
        let looked_at = self.param(miss);
        let [address, bits] = [(); 2].map(|()| self.param(hit));
        self.param(after);
        self.splat_wanted();
        self.go_on_if_worth_it(iterations, ITERATIONS_MIN, start);

        self.begin(start);
        let is_beyond = self.crosses_page(first, BYTES);
        self.cursor.ins().brif(is_beyond, beyond, &[], within, &[]);
        self.cursor.func.layout.set_cold(beyond);

        self.begin(within);
        let parts = self.wanted_at(first);
        match self.arch {
            Arch::X86_64 => {
                let bits = self.bits(&parts);
                self.go_on_if_set(bits, first, hit, miss);
            }
            _ => self.go_on_if_any(&parts, first, hit, miss),
        }

        self.begin(beyond);
        let flags = self.flags(self.found.loads[0]);
        self.cursor.ins().uload8(types::I32, flags, first, 0);
        let aligned = self.cursor.ins().band_imm_s(first, -BYTES);
        let parts = self.wanted_at(aligned);
        let aligned_bits = self.bits(&parts);
        let before = self.cursor.ins().band_imm_s(first, BYTES - 1);
        let first_bits = self.cursor.ins().ushr(aligned_bits, before);
        self.go_on_if_set(first_bits, first, hit, miss);

        self.begin(miss);
        let next = self.cursor.ins().iadd_imm_s(looked_at, BYTES);
        let next = self.cursor.ins().band_imm_s(next, -BYTES);
        let is_before = self.cursor.ins().icmp(IntCC::UnsignedLessThan, next, end);
        self.cursor
            .ins()
            .brif(is_before, more, &[], after, &[end.into()]);

        self.begin(more);
        let parts = self.wanted_at(next);
        self.go_on_if_any(&parts, next, hit, miss);

        self.begin(hit);
        let found = self.first_of(bits, address);
        let found = self.cursor.ins().umin(found, end);
        self.cursor.ins().jump(after, &[found.into()]);
        after
    }

    /// Goes to a block with an address and bits, if one is set, or to another with the address.
    fn go_on_if_set(&mut self, bits: Value, address: Value, set: Block, none: Block) {
        let arguments = [address.into(), bits.into()];
        self.cursor
            .ins()
            .brif(bits, set, &arguments, none, &[address.into()]);
    }

    /// As [`Builder::go_on_if_set`]; bits are made where one is set.
    fn go_on_if_any(&mut self, parts: &[Value], address: Value, set: Block, none: Block) {
        let any = self.any(parts);
        let found = self.block();
        self.cursor
            .ins()
            .brif(any, found, &[], none, &[address.into()]);
        self.begin(found);
        let bits = self.bits(parts);
        self.cursor.ins().jump(set, &[address.into(), bits.into()]);
    }

    /// Goes to a block, or into the loop as it is where that is faster.
    pub(super) fn go_on_if_worth_it(&mut self, iterations: Value, least: i64, start: Block) {
        if self
            .constant(iterations)
            .is_some_and(|known| known >= least)
        {
            self.cursor.ins().jump(start, &[]);
            return;
        }
        let least = self.word(least);
        let at_least = IntCC::UnsignedGreaterThanOrEqual;
        let is_worth_it = self.cursor.ins().icmp(at_least, iterations, least);
        let (header, initial) = (self.found.path.header(), self.initial());
        self.cursor
            .ins()
            .brif(is_worth_it, start, &[], header, &initial);
    }

    /// What the header's parameters are at first, as arguments.
    pub(super) fn initial(&self) -> Vec<BlockArg> {
        self.initial.iter().map(|&value| value.into()).collect()
    }

    /// Whether so many bytes at an address are on two pages.
    pub(super) fn crosses_page(&mut self, address: Value, bytes: i64) -> Value {
        let position = self.cursor.ins().band_imm_s(address, PAGE_BYTES - 1);
        let last = self.word(PAGE_BYTES - bytes);
        let above = IntCC::UnsignedGreaterThan;
        self.cursor.ins().icmp(above, position, last)
    }

    /// The parameter of a block.
    fn result(&self, block: Block) -> Value {
        self.cursor.func.dfg.block_params(block)[0]
    }

    /// Adds a parameter to a block: an address, or bits.
    pub(super) fn param(&mut self, block: Block) -> Value {
        self.cursor.func.dfg.append_block_param(block, types::I64)
    }

    /// Enters the loop with so many iterations left out.
    fn leave(&mut self, left_out: Value) {
        let short = self.cursor.ins().ireduce(types::I32, left_out);
        let values: Vec<BlockArg> = self
            .initial
            .clone()
            .into_iter()
            .zip(&self.found.steps)
            .map(|(value, &step)| self.later(value, step, [short, left_out]).into())
            .collect();
        self.cursor.ins().jump(self.found.path.header(), &values);
    }

    /// A loop-carried value after iterations whose number is given in 32 and in 64 bits.
    fn later(&mut self, value: Value, step: i64, [short, long]: [Value; 2]) -> Value {
        let number = match self.ty(value) {
            _ if step == 0 => return value,
            types::I64 => long,
            _ => short,
        };
        match step {
            1 => self.add(value, number),
            -1 => self.sub(value, number),
            _ => {
                let grown = self.cursor.ins().imul_imm_s(number, step);
                self.add(value, grown)
            }
        }
    }
}
