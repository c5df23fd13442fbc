//! Wasm bodies to Cranelift IR.
//!
//! Comes in: a [`LinkPlan`] and one of its functions. Goes out: a CLIF function that refers to
//! other functions by the names of [`names`]. What an address in a context or memory is, is
//! decided in [`address`]; nothing here knows the object format.
//!
//! Every compiled function takes the instance pointer as its first parameter and follows
//! Cranelift's `tail` convention; functions that the runtime calls follow the C one.

mod adapter;
mod address;
mod ahead;
mod ancestors;
mod atomic;
mod branch_table;
mod builder;
mod bulk;
mod call;
mod canon;
mod clif;
mod condition;
mod constants;
mod control;
mod counters;
mod counting;
mod exception;
mod formed;
mod frame;
mod fused;
mod gc;
mod generated;
mod handling;
mod known_types;
mod legacy_exception;
mod library;
mod likely;
mod locals;
mod memory;
pub mod names;
mod numeric;
mod simd;
mod simd_lanes;
mod simd_memory;
mod simd_relaxed;
mod table;
mod tasks;
mod tracking;
mod translator;

pub use counting::{BlockCounts, CallCounts};
pub use library::limit_stack;
pub use locals::Locals;
pub use tracking::LocalValue;
pub use translator::Translation;

use crate::error::{Error, Result};
use crate::index::FuncId;
use crate::plan::FuncKind;
use clif::function_signature;
use counting::Counting;
use cranelift_codegen::ir::{self, SourceLoc, UserFuncName, Value};
use tracking::Tracking;
use translator::FuncTranslator;
use wasmparser::{FuncType, Operator, ValType};

/// What is known of a function besides its code.
#[derive(Default, Debug)]
pub struct Notes {
    /// What a profile says about its calls.
    pub calls: CallCounts,
    /// And about its blocks.
    pub blocks: BlockCounts,
    /// Of the locals that are followed.
    pub locals: Vec<LocalValue>,
    /// Instructions that were saved as results of comparisons are not made numbers.
    pub conditions: usize,
}

/// Translates one function into `func`, which is empty.
///
/// # Errors
/// `Unsupported`, with the offset of the instruction.
pub fn translate(
    translation: Translation<'_>,
    id: FuncId,
    func: &mut ir::Function,
    locals: &mut Locals,
) -> Result<Notes> {
    let plan = translation.plan;
    func.name = UserFuncName::user(names::WASM, id.0);
    // Source locations are what `emit` takes them for, not relative to the first.
    func.params.ensure_base_srcloc(SourceLoc::new(0));
    match &plan.funcs[id.index()].kind {
        FuncKind::Body {
            instance,
            index,
            sig,
        } => {
            func.signature = function_signature(plan, id, *sig);
            let module = plan.module(*instance);
            let body = &module.bodies[index.index() - module.functions_imported];
            let takes_pointer = plan.takes_pointer[id.index()];
            let region = plan.region_of(id);
            let mut translator =
                FuncTranslator::new(translation, *instance, region, func, locals, takes_pointer);
            let named = translation.locals.and_then(|locals| locals.get(&id));
            if translation.options.dumps_core() {
                translator.tracking = Tracking::exact(named.map_or(&[], Vec::as_slice));
            } else if let Some(named) = named {
                translator.tracking = Tracking::new(named);
            }
            translator.counting = Counting::new(translation.profiling, plan.profile, id);
            if body.facts.tries {
                translator.tries = legacy_exception::shapes(&body.body)?;
            }
            translator.builder.look_ahead(&body.facts.loops);
            // What is about locals makes none, but addresses are several.
            let operators = body.facts.operators as usize;
            translator.builder.expect_insts(operators);
            translator.body(&body.body, module.func_type(*index))?;
            let (calls, blocks) = translator.counting.finish();
            Ok(Notes {
                calls,
                blocks,
                locals: translator.tracking.finish(),
                conditions: translator.conditions,
            })
        }
        _ => {
            generated::translate(translation, id, func, locals)?;
            Ok(Notes::default())
        }
    }
}

impl<'a> FuncTranslator<'a, '_> {
    fn body(&mut self, body: &wasmparser::FunctionBody<'a>, ty: &FuncType) -> Result<()> {
        self.declare_locals(body, ty)?;
        self.push_function_frame(ty);
        self.run(0);
        let mut reader = body.get_operators_reader()?;
        let with_locations = self.translation.options.keeps_offsets();
        let (start, bytes) = (body.range().start, body.as_bytes());
        while !reader.eof() {
            let (op, offset) = reader.read_with_offset()?;
            let behind = reader.original_position() - start;
            if !self.ahead.go_on(&bytes[behind as usize..]) {
                continue;
            }
            if with_locations {
                let location = u32::try_from(offset - start).expect("a body is below 2 GiB");
                self.builder.set_srcloc(SourceLoc::new(location));
                self.tracking.begin(location, meets(&op));
            }
            self.operator(&op, offset)?;
            if self.handling.is_too_much() {
                let what = "so many exception handlers for the calls of one function";
                return Err(Error::unsupported(what, offset));
            }
        }
        Ok(())
    }

    fn declare_locals(&mut self, body: &wasmparser::FunctionBody<'_>, ty: &FuncType) -> Result<()> {
        let entry = self.builder.current_block().expect("the entry block");
        let hidden = usize::from(self.pointer.is_some());
        for (position, &ty) in ty.params().iter().enumerate() {
            let value = self.builder.block_params(entry)[hidden + position];
            self.declare_local(ty, value);
            let local = u32::try_from(position).expect("few parameters");
            self.tracking.param(local, value);
        }
        for group in body.get_locals_reader()? {
            let (count, ty) = group?;
            let zero = self.zero(ty);
            for _ in 0..count {
                self.declare_local(ty, zero);
            }
        }
        Ok(())
    }

    fn declare_local(&mut self, ty: ValType, value: Value) {
        self.builder.declare_local(value);
        self.local_types.push(ty);
    }

    /// Translates one instruction, or skips it where nothing can be reached.
    fn operator(&mut self, op: &Operator<'_>, offset: u64) -> Result<()> {
        self.counting.begin(op);
        if !self.reachable {
            return self.unreachable_operator(op, offset);
        }
        self.counting.note_block(self.builder.current_block());
        if self.has_condition {
            self.prepare_condition(op);
        }
        // Half of all instructions are about locals.
        if self.variable_operator(op)
            || self.control_operator(op, offset)?
            || self.call_operator(op)
            || self.with_next_operator(op)
            || self.numeric_operator(op)
            || self.memory_operator(op)
            || self.table_operator(op)
            || self.exception_operator(op, offset)?
            || self.gc_operator(op)
            || self.legacy_exception_operator(op, offset)
        {
            return Ok(());
        }
        self.other_operator(op, offset)
    }

    /// Instructions of proposals with many instructions, each in its own file.
    fn other_operator(&mut self, op: &Operator<'_>, offset: u64) -> Result<()> {
        match proposal(op) {
            Some("simd") => self.translate_simd(op, offset),
            Some("relaxed_simd") => self.translate_relaxed_simd(op, offset),
            Some("threads") => self.translate_atomic(op, offset),
            Some(name) => Err(unsupported_operator(op, name, offset)),
            None => Err(Error::unsupported(format!("instruction `{op:?}`"), offset)),
        }
    }

    /// Locals and globals.
    fn variable_operator(&mut self, op: &Operator<'_>) -> bool {
        match *op {
            Operator::LocalGet { local_index } => {
                let value = self.builder.local(local_index);
                self.show_module_type(value, self.local_types[local_index as usize]);
                self.tracking.read(local_index, value);
                self.push1(value);
            }
            Operator::LocalSet { local_index } => {
                let value = self.pop1();
                self.tracking.set(local_index, value);
                self.builder.set_local(local_index, value);
            }
            Operator::LocalTee { local_index } => {
                let value = self.peek1();
                self.tracking.set(local_index, value);
                self.builder.set_local(local_index, value);
            }
            Operator::GlobalGet { global_index } => {
                let value = self.global_get(crate::index::GlobalIndex(global_index));
                self.push1(value);
            }
            Operator::GlobalSet { global_index } => {
                let value = self.pop1();
                self.global_set(crate::index::GlobalIndex(global_index), value);
            }
            _ => return false,
        }
        true
    }
}

/// Whether control flow meets where this instruction is.
fn meets(op: &Operator<'_>) -> bool {
    matches!(
        op,
        Operator::Loop { .. }
            | Operator::Else
            | Operator::End
            | Operator::Catch { .. }
            | Operator::CatchAll
            | Operator::Delegate { .. }
    )
}

fn unsupported_operator(op: &Operator<'_>, proposal: &str, offset: u64) -> Error {
    let text = format!("{op:?}");
    let name = text.split([' ', '{', '(']).next().unwrap_or_default();
    Error::unsupported(format!("{proposal} (instruction `{name}`)"), offset)
}

macro_rules! define_proposal {
    ($( @$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*) )*) => {
        /// The proposal that brought an instruction, in wasmparser's spelling.
        fn proposal(op: &Operator<'_>) -> Option<&'static str> {
            match op {
                $( Operator::$op { .. } => Some(stringify!($proposal)), )*
                _ => None,
            }
        }
    };
}

wasmparser::for_each_operator!(define_proposal);
