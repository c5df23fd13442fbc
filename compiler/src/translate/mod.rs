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
mod atomic;
mod bulk;
mod call;
mod canon;
mod control;
mod exception;
mod generated;
mod memory;
pub mod names;
mod numeric;
mod simd;
mod simd_lanes;
mod simd_memory;
mod table;
mod tasks;

use crate::error::{Error, Result};
use crate::index::{FuncId, InstanceIndex, MemoryId, RegionIndex, SigId};
use crate::options::Options;
use crate::parse::Module;
use crate::plan::{FuncKind, Instance, LinkPlan};
use control::Frame;
use cranelift_codegen::ir::{
    self, AbiParam, Block, FuncRef, InstBuilder, MemFlagsData, SigRef, Signature, SourceLoc,
    TrapCode, Type, UserFuncName, Value, types,
};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig, TargetIsa};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};
use exception::{Clause, Handling};
use std::collections::HashMap;
use wasmparser::{FuncType, Operator, ValType};

/// What translation needs besides the plan.
#[derive(Clone, Copy)]
pub struct Translation<'a> {
    pub plan: &'a LinkPlan<'a>,
    pub options: &'a Options,
    pub isa: &'a dyn TargetIsa,
}

/// Translates one function into `func`, which is empty.
///
/// # Errors
/// `Unsupported`, with the offset of the instruction.
pub fn translate(
    translation: Translation<'_>,
    id: FuncId,
    func: &mut ir::Function,
    context: &mut FunctionBuilderContext,
) -> Result<()> {
    let plan = translation.plan;
    func.name = UserFuncName::user(names::WASM, id.0);
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
                FuncTranslator::new(translation, *instance, region, func, context, takes_pointer);
            translator.body(&body.body, module.func_type(*index))?;
            translator
                .builder
                .finalize(translation.isa.frontend_config());
            Ok(())
        }
        _ => generated::translate(translation, id, func, context),
    }
}

/// The CLIF type of a wasm value: references are addresses, vectors have one type.
pub(crate) fn clif_type(ty: ValType) -> Type {
    match ty {
        ValType::I32 => types::I32,
        ValType::I64 => types::I64,
        ValType::F32 => types::F32,
        ValType::F64 => types::F64,
        ValType::V128 => types::I8X16,
        ValType::Ref(_) => types::I64,
    }
}

/// `(i64 instance pointer, params…) -> (results…) tail`
pub(crate) fn wasm_signature(ty: &FuncType) -> Signature {
    let mut signature = Signature::new(CallConv::Tail);
    signature.params.push(AbiParam::new(types::I64));
    signature
        .params
        .extend(ty.params().iter().map(|t| AbiParam::new(clif_type(*t))));
    signature
        .returns
        .extend(ty.results().iter().map(|t| AbiParam::new(clif_type(*t))));
    signature
}

/// As [`wasm_signature`], without the pointer for a function that takes none.
fn function_signature(plan: &LinkPlan<'_>, id: FuncId, sig: SigId) -> Signature {
    let mut signature = wasm_signature(&plan.sigs[sig]);
    if !plan.takes_pointer[id.index()] {
        signature.params.remove(0);
    }
    signature
}

/// The trap code of the executable's trap table.
pub(crate) fn trap_code(code: wasmelt_abi::TrapCode) -> TrapCode {
    TrapCode::unwrap_user(code as u8)
}

/// Alias regions: what one kind of access writes, another cannot read. The numbers are the same
/// in every function, as inlining requires.
#[derive(Clone, Copy)]
enum Alias {
    Memory = 1,
    Context = 2,
    Table = 3,
}

/// Translates one body.
pub(crate) struct FuncTranslator<'a, 'b> {
    translation: Translation<'a>,
    instance: InstanceIndex,
    /// Whose pointer `pointer` is.
    region: RegionIndex,
    builder: FunctionBuilder<'b>,
    /// The instance pointer, in functions that take it.
    pointer: Option<Value>,
    /// The operand stack.
    stack: Vec<Value>,
    control: Vec<Frame>,
    /// Active exception handlers, innermost last.
    handlers: Vec<Clause>,
    handling: Handling,
    /// Whether the current position can be reached; when not, instructions are skipped.
    reachable: bool,
    /// Blocks that were opened where nothing can be reached.
    dead_frames: usize,
    locals: Vec<Variable>,
    local_types: Vec<ValType>,
    func_refs: HashMap<ir::UserExternalName, FuncRef>,
    sig_refs: HashMap<SigId, SigRef>,
    /// Indices of 64-bit memories, and the block in which they have been checked.
    checked_indices: HashMap<(Value, MemoryId), Block>,
}

impl<'a, 'b> FuncTranslator<'a, 'b> {
    fn new(
        translation: Translation<'a>,
        instance: InstanceIndex,
        region: RegionIndex,
        func: &'b mut ir::Function,
        context: &'b mut FunctionBuilderContext,
        takes_pointer: bool,
    ) -> FuncTranslator<'a, 'b> {
        let mut builder = FunctionBuilder::new(func, context);
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        builder.seal_block(entry);
        let pointer = takes_pointer.then(|| builder.block_params(entry)[0]);
        FuncTranslator {
            translation,
            instance,
            region,
            builder,
            pointer,
            stack: Vec::new(),
            control: Vec::new(),
            handlers: Vec::new(),
            handling: Handling::default(),
            reachable: true,
            dead_frames: 0,
            locals: Vec::new(),
            local_types: Vec::new(),
            func_refs: HashMap::new(),
            sig_refs: HashMap::new(),
            checked_indices: HashMap::new(),
        }
    }

    fn plan(&self) -> &'a LinkPlan<'a> {
        self.translation.plan
    }

    fn instance(&self) -> &'a Instance {
        &self.plan().instances[self.instance.index()]
    }

    fn module(&self) -> &'a Module<'a> {
        self.plan().units[self.instance().unit].module
    }

    fn region(&self) -> RegionIndex {
        self.region
    }

    fn frontend_config(&self) -> TargetFrontendConfig {
        self.translation.isa.frontend_config()
    }

    fn body(&mut self, body: &wasmparser::FunctionBody<'_>, ty: &FuncType) -> Result<()> {
        self.declare_locals(body, ty)?;
        self.push_function_frame(ty);
        let mut reader = body.get_operators_reader()?;
        let with_locations = self.translation.options.debug_info;
        while !reader.eof() {
            let (op, offset) = reader.read_with_offset()?;
            if with_locations {
                let location = u32::try_from(offset).unwrap_or(u32::MAX - 1);
                self.builder.set_srcloc(SourceLoc::new(location));
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
        let variable = self.builder.declare_var(clif_type(ty));
        self.builder.def_var(variable, value);
        self.locals.push(variable);
        self.local_types.push(ty);
    }

    fn zero(&mut self, ty: ValType) -> Value {
        match ty {
            ValType::I32 => self.builder.ins().iconst(types::I32, 0),
            ValType::I64 | ValType::Ref(_) => self.builder.ins().iconst(types::I64, 0),
            ValType::F32 => self.builder.ins().f32const(0.0),
            ValType::F64 => self.builder.ins().f64const(0.0),
            ValType::V128 => self.v128_const(0),
        }
    }

    fn v128_const(&mut self, value: u128) -> Value {
        let constant = self
            .builder
            .func
            .dfg
            .constants
            .insert(value.to_le_bytes().to_vec().into());
        self.builder.ins().vconst(types::I8X16, constant)
    }

    /// Translates one instruction, or skips it where nothing can be reached.
    fn operator(&mut self, op: &Operator<'_>, offset: u64) -> Result<()> {
        if !self.reachable {
            return self.unreachable_operator(op, offset);
        }
        if self.control_operator(op, offset)?
            || self.call_operator(op)
            || self.variable_operator(op)
            || self.numeric_operator(op)
            || self.memory_operator(op)
            || self.table_operator(op)
            || self.exception_operator(op, offset)?
        {
            return Ok(());
        }
        self.other_operator(op, offset)
    }

    /// Instructions of proposals with many instructions, each in its own file.
    fn other_operator(&mut self, op: &Operator<'_>, offset: u64) -> Result<()> {
        match proposal(op) {
            Some("simd") => self.translate_simd(op, offset),
            Some("threads") => self.translate_atomic(op, offset),
            Some(name) => Err(unsupported_operator(op, name, offset)),
            None => Err(Error::unsupported(format!("instruction `{op:?}`"), offset)),
        }
    }

    /// Locals and globals.
    fn variable_operator(&mut self, op: &Operator<'_>) -> bool {
        match *op {
            Operator::LocalGet { local_index } => {
                let value = self.builder.use_var(self.locals[local_index as usize]);
                self.push1(value);
            }
            Operator::LocalSet { local_index } => {
                let value = self.pop1();
                self.builder
                    .def_var(self.locals[local_index as usize], value);
            }
            Operator::LocalTee { local_index } => {
                let value = self.peek1();
                self.builder
                    .def_var(self.locals[local_index as usize], value);
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

    fn push1(&mut self, value: Value) {
        self.stack.push(value);
    }

    fn pop1(&mut self) -> Value {
        self.stack.pop().expect("validated: an operand")
    }

    fn peek1(&self) -> Value {
        *self.stack.last().expect("validated: an operand")
    }

    /// The two topmost operands: the one below, the top.
    fn pop2(&mut self) -> (Value, Value) {
        let top = self.pop1();
        (self.pop1(), top)
    }

    /// The three topmost operands, the lowest first.
    fn pop3(&mut self) -> (Value, Value, Value) {
        let top = self.pop1();
        let (low, middle) = self.pop2();
        (low, middle, top)
    }

    fn pop_many(&mut self, count: usize) -> Vec<Value> {
        self.stack.split_off(self.stack.len() - count)
    }

    /// A `v128` operand as a vector of type `ty`.
    fn pop_as(&mut self, ty: Type) -> Value {
        let value = self.pop1();
        self.as_vector(value, ty)
    }

    fn pop2_as(&mut self, ty: Type) -> (Value, Value) {
        let (low, top) = self.pop2();
        (self.as_vector(low, ty), self.as_vector(top, ty))
    }

    fn push_v128(&mut self, value: Value) {
        let value = self.as_vector(value, types::I8X16);
        self.push1(value);
    }

    fn as_vector(&mut self, value: Value, ty: Type) -> Value {
        if self.builder.func.dfg.value_type(value) == ty {
            return value;
        }
        // Cranelift has no rule that removes a pair of casts.
        let value = self.before_bitcast(value);
        if self.builder.func.dfg.value_type(value) == ty {
            return value;
        }
        let flags = MemFlagsData::new().with_endianness(ir::Endianness::Little);
        self.builder.ins().bitcast(ty, flags, value)
    }

    fn trap_if(&mut self, condition: Value, code: wasmelt_abi::TrapCode) {
        self.builder.ins().trapnz(condition, trap_code(code));
    }

    fn trap_unless(&mut self, condition: Value, code: wasmelt_abi::TrapCode) {
        self.builder.ins().trapz(condition, trap_code(code));
    }

    /// Ends the current block: what follows cannot be reached.
    fn set_unreachable(&mut self) {
        self.reachable = false;
    }
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
