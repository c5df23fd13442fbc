//! Structured control flow: frames, branches, and code that cannot be reached.

use super::clif::{clif_type, trap_code};
use super::frame::{Frame, FrameKind};
use super::translator::FuncTranslator;
use crate::error::{Error, Result};
use crate::index::TypeIndex;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, Value, condcodes::IntCC};
use wasmelt_abi::TrapCode;
use wasmparser::{BlockType, FuncType, Operator, ValType};

impl FuncTranslator<'_, '_> {
    pub(super) fn push_function_frame(&mut self, ty: &FuncType) {
        let end = self.block_with(ty.results());
        self.control.push(Frame {
            kind: FrameKind::Function,
            height: 0,
            params: 0,
            results: ty.results().len(),
            end,
            handlers: self.handlers.active,
            end_reached: false,
            end_count: 0,
        });
    }

    pub(super) fn block_with(&mut self, types: &[ValType]) -> Block {
        let block = self.builder.create_block();
        for &ty in types {
            self.builder.append_block_param(block, clif_type(ty));
        }
        block
    }

    /// Notes the types that parameters of a block have in the module.
    fn define_parameters(&mut self, block: Block, types: &[ValType]) {
        for (position, &ty) in types.iter().enumerate() {
            let value = self.builder.block_params(block)[position];
            self.define_module_type(value, ty);
        }
    }

    pub(super) fn block_type(&self, ty: BlockType) -> (Vec<ValType>, Vec<ValType>) {
        match ty {
            BlockType::Empty => (Vec::new(), Vec::new()),
            BlockType::Type(result) => (Vec::new(), vec![result]),
            BlockType::FuncType(index) => {
                let ty = self.module().type_at(TypeIndex(index));
                (ty.params().to_vec(), ty.results().to_vec())
            }
        }
    }

    /// One arm an instruction.
    pub(super) fn control_operator(&mut self, op: &Operator<'_>, offset: u64) -> Result<bool> {
        match op {
            Operator::Nop => {}
            Operator::Unreachable => {
                self.builder.ins().trap(trap_code(TrapCode::Unreachable));
                self.set_unreachable();
            }
            Operator::Block { blockty } => {
                let (params, results) = self.block_type(*blockty);
                self.push_frame(FrameKind::Block, params.len(), &results);
            }
            Operator::Loop { blockty } => self.begin_loop(*blockty),
            Operator::If { blockty } => self.begin_if(*blockty),
            Operator::Else => self.else_arm(),
            Operator::TryTable { try_table } => self.begin_try(try_table),
            Operator::End => self.end(),
            Operator::Br { relative_depth } => self.branch(*relative_depth),
            Operator::BrIf { relative_depth } => {
                let condition = self.pop_condition();
                match self.falls_out_behind() {
                    Some(other) => self.branch_either(condition, *relative_depth, other),
                    None => self.branch_if(condition, *relative_depth, 0),
                }
            }
            Operator::BrTable { targets } => self.branch_table(targets)?,
            Operator::Return => {
                let results = self.control[0].results;
                let values = self.pop_many(results);
                self.builder.ins().return_(&values);
                self.set_unreachable();
            }
            Operator::Drop => {
                self.pop1();
            }
            Operator::Select | Operator::TypedSelect { .. } => {
                let condition = self.pop_condition();
                let (first, second) = self.pop2();
                let value = self.builder.ins().select(condition, first, second);
                self.push1(value);
            }
            Operator::TypedSelectMulti { .. } => {
                return Err(Error::unsupported("`select` of several values", offset));
            }
            Operator::BrOnNull { relative_depth } => {
                let reference = self.pop1();
                let null = self.is_null(reference);
                self.branch_if(null, *relative_depth, 0);
                self.push1(reference);
            }
            Operator::BrOnNonNull { relative_depth } => {
                let reference = self.peek1();
                let some = self.builder.ins().icmp_imm_s(IntCC::NotEqual, reference, 0);
                self.branch_if(some, *relative_depth, 0);
                self.pop1();
            }
            Operator::RefAsNonNull => {
                let reference = self.peek1();
                if !self.is_not_null(reference) {
                    self.trap_unless(reference, TrapCode::NullReference);
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(super) fn push_frame(&mut self, kind: FrameKind, params: usize, results: &[ValType]) {
        let end = self.block_with(results);
        self.define_parameters(end, results);
        self.control.push(Frame {
            kind,
            height: self.stack.len() - params,
            params,
            results: results.len(),
            end,
            handlers: self.handlers.active,
            end_reached: false,
            end_count: 0,
        });
    }

    fn begin_loop(&mut self, ty: BlockType) {
        let (params, results) = self.block_type(ty);
        let header = self.block_with(&params);
        self.define_parameters(header, &params);
        let values = self.pop_many(params.len());
        self.jump(header, &values);
        self.builder.begin_loop(header, Some(self.loops));
        self.loops += 1;
        self.run(0);
        self.weigh(header, self.counting.now, None);
        let values = self.builder.block_params(header).to_vec();
        self.stack.extend(values);
        self.push_frame(FrameKind::Loop { header }, params.len(), &results);
    }

    fn begin_if(&mut self, ty: BlockType) {
        let (params, results) = self.block_type(ty);
        let condition = self.pop_condition();
        let then_block = self.builder.create_block();
        let else_block = self.builder.create_block();
        if let Some(from) = self.builder.current_block() {
            self.formed.go_on(from, then_block);
        }
        let branch = self
            .builder
            .ins()
            .brif(condition, then_block, &[], else_block, &[]);
        let (before, then_count) = (self.counting.now, self.counting.count(0));
        let else_count = before.saturating_sub(then_count);
        self.weigh(then_block, then_count, Some(before));
        self.weigh(else_block, else_count, Some(before));
        self.enter(then_block);
        self.run(0);
        let saved = self.stack[self.stack.len() - params.len()..].to_vec();
        let kind = FrameKind::If {
            branch,
            else_block,
            params: saved,
            has_else: false,
            else_count,
        };
        self.push_frame(kind, params.len(), &results);
    }

    /// Ends the first arm of an `if` and begins the second.
    fn else_arm(&mut self) {
        self.leave();
        let frame = self.control.last_mut().expect("validated: inside an if");
        let FrameKind::If {
            else_block,
            params,
            has_else,
            else_count,
            ..
        } = &mut frame.kind
        else {
            unreachable!("validated: `else` belongs to an `if`")
        };
        *has_else = true;
        self.counting.now = *else_count;
        let (block, height, params) = (*else_block, frame.height, params.clone());
        self.stack.truncate(height);
        self.stack.extend(params);
        self.enter(block);
    }

    /// Control falls out of the innermost frame, if it can.
    pub(super) fn leave(&mut self) {
        if !self.reachable {
            return;
        }
        let frame = self.control.last_mut().expect("validated: inside a frame");
        frame.end_reached = true;
        frame.end_count = frame.end_count.saturating_add(self.counting.now);
        let (end, results) = (frame.end, frame.results);
        let values = self.pop_many(results);
        self.jump(end, &values);
    }

    pub(super) fn end(&mut self) {
        if self.is_only_fallen_out_of() {
            return self.go_on();
        }
        self.leave();
        let mut frame = self.control.pop().expect("validated: inside a frame");
        match frame.kind {
            FrameKind::Loop { .. } => self.builder.end_loop(),
            FrameKind::If {
                branch,
                else_block,
                ref params,
                has_else: false,
                else_count,
            } => {
                // Without an `else`, the results are the parameters.
                if params.is_empty() {
                    self.builder.change_target(branch, else_block, frame.end);
                } else {
                    self.counting.now = else_count;
                    self.enter(else_block);
                    self.jump(frame.end, params);
                }
                frame.end_reached = true;
                frame.end_count = frame.end_count.saturating_add(else_count);
            }
            FrameKind::TryTable { around } => self.end_try(around),
            FrameKind::Try(ref mut each) => self.end_body(each),
            FrameKind::If { .. } | FrameKind::Block | FrameKind::Function => {}
        }
        self.stack.truncate(frame.height);
        if !frame.end_reached {
            self.reachable = false;
            return;
        }
        self.counting.now = frame.end_count;
        self.enter(frame.end);
        let values = self.builder.block_params(frame.end).to_vec();
        if matches!(frame.kind, FrameKind::Function) {
            self.builder.ins().return_(&values);
            self.reachable = false;
            return;
        }
        self.stack.extend(values);
    }

    /// Whether nothing branches to the end of the innermost frame, and control falls out of it.
    fn is_only_fallen_out_of(&self) -> bool {
        let frame = self.control.last().expect("validated: inside a frame");
        // What follows a loop is better off in a block of its own: programs of Go become 1 % larger
        // without.
        let is_plain = matches!(frame.kind, FrameKind::Function | FrameKind::Block);
        is_plain && self.reachable && !frame.end_reached
    }

    /// Ends such a frame: what follows is in the same block, and the results are on the stack.
    fn go_on(&mut self) {
        let frame = self.control.pop().expect("validated: inside a frame");
        if matches!(frame.kind, FrameKind::Function) {
            let values = self.pop_many(frame.results);
            self.builder.ins().return_(&values);
            self.reachable = false;
        }
    }

    /// Continues in a block to which every branch has been made.
    pub(super) fn enter(&mut self, block: Block) {
        self.builder.begin(block);
        self.weigh(block, self.counting.now, None);
        self.reachable = true;
    }

    pub(super) fn jump(&mut self, block: Block, values: &[Value]) {
        let args = block_args(values);
        self.builder.ins().jump(block, &args);
    }

    /// The block that a branch goes to, and how many values it takes along.
    pub(super) fn target(&mut self, depth: u32) -> (Block, usize) {
        let position = self.control.len() - 1 - depth as usize;
        let frame = &mut self.control[position];
        match frame.kind {
            FrameKind::Loop { header } => (header, frame.params),
            _ => {
                frame.end_reached = true;
                (frame.end, frame.results)
            }
        }
    }

    fn top(&self, count: usize) -> &[Value] {
        &self.stack[self.stack.len() - count..]
    }

    pub(super) fn branch(&mut self, depth: u32) {
        let (block, arity) = self.target(depth);
        let values = self.pop_many(arity);
        self.flow(depth, self.counting.now);
        self.jump(block, &values);
        self.set_unreachable();
    }

    /// As often as a counter of the instruction says.
    pub(super) fn branch_if(&mut self, condition: Value, depth: u32, counter: usize) {
        let next = self.builder.create_block();
        let from = self.builder.current_block();
        let is_own = self.counting.generates();
        let (block, args) = self.counted_branch(depth, is_own);
        let args = block_args(&args);
        self.builder.ins().brif(condition, block, &args, next, &[]);
        if is_own {
            self.fill_branch(block, depth, counter);
        }
        let (before, taken) = (self.counting.now, self.counting.count(counter));
        self.flow(depth, taken);
        self.counting.now = before.saturating_sub(taken);
        self.weigh(next, self.counting.now, Some(before));
        if let Some(from) = from {
            self.formed.go_on(from, next);
        }
        self.enter(next);
    }

    /// Where control falls out of the innermost frame right behind a conditional branch, if that needs no
    /// block of its own, and how many values it takes along.
    fn falls_out_behind(&mut self) -> Option<(Block, usize)> {
        if self.counting.is_active() || !self.ahead.ends() || self.is_only_fallen_out_of() {
            return None;
        }
        let frame = self.control.last_mut().expect("validated: inside a frame");
        let is_plain = matches!(
            frame.kind,
            FrameKind::Block | FrameKind::Loop { .. } | FrameKind::If { .. }
        );
        frame.end_reached |= is_plain;
        is_plain.then_some((frame.end, frame.results))
    }

    /// A branch to a label if a condition holds, else to another block.
    fn branch_either(&mut self, condition: Value, depth: u32, other: (Block, usize)) {
        let target = self.target(depth);
        let [(block, args), (other, other_args)] =
            [target, other].map(|(block, arity)| (block, block_args(self.top(arity))));
        self.builder
            .ins()
            .brif(condition, block, &args, other, &other_args);
        self.set_unreachable();
    }

    /// The block that a branch to a label goes to, and its arguments: as code counts, that is one of
    /// its own, which [`Self::fill_branch`] fills.
    pub(super) fn counted_branch(&mut self, depth: u32, is_own: bool) -> (Block, Vec<Value>) {
        if is_own {
            return (self.builder.create_block(), Vec::new());
        }
        let (block, arity) = self.target(depth);
        (block, self.top(arity).to_vec())
    }

    /// ```text
    /// block:
    ///     ...                                             ; counts
    ///     jump label(operands)
    /// ```
    pub(super) fn fill_branch(&mut self, block: Block, depth: u32, counter: usize) {
        self.enter(block);
        self.run(counter);
        let (label, arity) = self.target(depth);
        let values = self.top(arity).to_vec();
        self.jump(label, &values);
    }

    /// Where nothing can be reached, only the frames count.
    pub(super) fn unreachable_operator(&mut self, op: &Operator<'_>, _offset: u64) -> Result<()> {
        match op {
            Operator::Loop { .. } => {
                self.loops += 1;
                self.dead_frames += 1;
            }
            Operator::Block { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. }
            | Operator::Try { .. } => self.dead_frames += 1,
            Operator::End | Operator::Delegate { .. } if self.dead_frames > 0 => {
                self.dead_frames -= 1;
            }
            Operator::End | Operator::Delegate { .. } => self.end(),
            Operator::Else if self.dead_frames == 0 => self.else_arm(),
            Operator::Catch { .. } | Operator::CatchAll if self.dead_frames == 0 => {
                self.begin_clause();
            }
            _ => {}
        }
        Ok(())
    }
}

pub(super) fn block_args(values: &[Value]) -> Vec<BlockArg> {
    values.iter().copied().map(BlockArg::Value).collect()
}
