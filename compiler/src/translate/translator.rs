//! The state of the translation of one function: where it stands, and the operand stack.

use super::ahead::Ahead;
use super::builder::Builder;
use super::clif::trap_code;
use super::constants::KnownIntegers;
use super::counting::Counting;
use super::formed::FormedAddresses;
use super::frame::Frame;
use super::handling::{Handlers, Handling, TryShape};
use super::known_types::KnownTypes;
use super::locals::Locals;
use super::tracking::Tracking;
use crate::dwarf::NamedLocal;
use crate::index::{FuncId, InstanceIndex, MemoryId, RegionIndex, SigId};
use crate::options::{OptLevel, Options};
use crate::parse::Module;
use crate::plan::{Instance, LinkPlan};
use crate::profile::{Profile, Profiling};
use cranelift_codegen::ir::{
    self, Block, FuncRef, InstBuilder, MemFlagsData, SigRef, Type, Value, types,
};
use cranelift_codegen::isa::{TargetFrontendConfig, TargetIsa};
use foldhash::{HashMap, HashMapExt};
use wasmparser::ValType;

/// What translation needs besides the plan.
#[derive(Clone, Copy)]
pub struct Translation<'a> {
    pub plan: &'a LinkPlan<'a>,
    pub options: &'a Options,
    pub isa: &'a dyn TargetIsa,
    /// For functions of which a profile says that they are not run.
    pub unused_isa: &'a dyn TargetIsa,
    pub profiling: Profiling<'a>,
    /// Locals of functions that debuggers are told of. Where core dumps are written, all others that
    /// code mentions are followed, too.
    pub locals: Option<&'a HashMap<FuncId, Vec<NamedLocal>>>,
    /// Whether values of 16 bytes are in registers of their own.
    pub has_vectors: bool,
    /// Whether there is an instruction that multiplies and adds.
    pub has_fma: bool,
}

impl<'a> Translation<'a> {
    /// What earlier runs have counted, where that is known.
    #[must_use]
    pub fn profile(&self) -> Option<&'a Profile> {
        match self.profiling {
            Profiling::Use(profile) => Some(profile),
            _ => None,
        }
    }

    /// Whether a profile says that a function is not run.
    #[must_use]
    pub fn is_unused(&self, id: FuncId) -> bool {
        self.profile().is_some_and(|profile| profile.is_unused(id))
    }

    /// How a function is translated and compiled.
    #[must_use]
    pub fn of(self, id: FuncId) -> Translation<'a> {
        match self.is_unused(id) {
            true => Translation {
                isa: self.unused_isa,
                ..self
            },
            false => self,
        }
    }
}

/// Translates one body.
pub(super) struct FuncTranslator<'a, 'b> {
    pub(super) translation: Translation<'a>,
    pub(super) instance: InstanceIndex,
    /// Whose pointer `pointer` is.
    pub(super) region: RegionIndex,
    pub(super) builder: Builder<'b>,
    /// The instance pointer, in functions that take it.
    pub(super) pointer: Option<Value>,
    pub(super) ahead: Ahead<'a>,
    /// The operand stack.
    pub(super) stack: Vec<Value>,
    /// Whether the topmost operand is a condition, of 8 bits (see [`super::condition`]).
    pub(super) has_condition: bool,
    /// So many instructions that has saved.
    pub(super) conditions: usize,
    pub(super) control: Vec<Frame>,
    pub(super) handlers: Handlers,
    pub(super) handling: Handling,
    /// What follows the body of each `try`, by its byte offset.
    pub(super) tries: HashMap<u64, TryShape>,
    /// Whether the current position can be reached; when not, instructions are skipped.
    pub(super) reachable: bool,
    /// Blocks that were opened where nothing can be reached.
    pub(super) dead_frames: usize,
    /// Loops of the body that have begun, whether or not they can be reached.
    pub(super) loops: u32,
    pub(super) local_types: Vec<ValType>,
    pub(super) func_refs: HashMap<ir::UserExternalName, FuncRef>,
    pub(super) sig_refs: HashMap<SigId, SigRef>,
    /// By [`super::clif::Alias`].
    pub(super) alias_regions: [Option<ir::AliasRegion>; 6],
    /// Indices of 64-bit memories, and the block in which they have been checked.
    pub(super) checked_indices: HashMap<(Value, MemoryId), Block>,
    pub(super) formed: FormedAddresses,
    pub(super) integers: KnownIntegers,
    pub(super) counting: Counting<'a>,
    pub(super) known: KnownTypes,
    pub(super) tracking: Tracking,
}

impl<'a, 'b> FuncTranslator<'a, 'b> {
    pub(super) fn new(
        translation: Translation<'a>,
        instance: InstanceIndex,
        region: RegionIndex,
        func: &'b mut ir::Function,
        locals: &'b mut Locals,
        takes_pointer: bool,
    ) -> FuncTranslator<'a, 'b> {
        let mut builder = Builder::new(func, locals);
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.begin(entry);
        let pointer = takes_pointer.then(|| builder.block_params(entry)[0]);
        FuncTranslator {
            translation,
            instance,
            region,
            builder,
            pointer,
            ahead: Ahead::default(),
            stack: Vec::new(),
            has_condition: false,
            conditions: 0,
            control: Vec::new(),
            handlers: Handlers::default(),
            tries: HashMap::new(),
            handling: Handling::default(),
            reachable: true,
            dead_frames: 0,
            loops: 0,
            local_types: Vec::new(),
            func_refs: HashMap::new(),
            sig_refs: HashMap::new(),
            alias_regions: [None; 6],
            checked_indices: HashMap::new(),
            formed: FormedAddresses::default(),
            integers: KnownIntegers::default(),
            counting: Counting::default(),
            known: KnownTypes::default(),
            tracking: Tracking::default(),
        }
    }

    pub(super) fn plan(&self) -> &'a LinkPlan<'a> {
        self.translation.plan
    }

    pub(super) fn instance(&self) -> &'a Instance {
        &self.plan().instances[self.instance.index()]
    }

    pub(super) fn module(&self) -> &'a Module<'a> {
        self.plan().units[self.instance().unit].module
    }

    pub(super) fn region(&self) -> RegionIndex {
        self.region
    }

    pub(super) fn frontend_config(&self) -> TargetFrontendConfig {
        self.translation.isa.frontend_config()
    }

    /// An integer, sign-extended from its type. Only optimisation has one made where it is used:
    /// without it, each is an instruction, which no other block has.
    pub(super) fn integer(&mut self, ty: Type, number: i64) -> Value {
        let block = match self.translation.options.opt_level {
            OptLevel::None => self.builder.current_block(),
            OptLevel::Speed | OptLevel::SpeedAndSize => None,
        };
        self.integers.get(self.builder.func, block, ty, number)
    }

    pub(super) fn zero(&mut self, ty: ValType) -> Value {
        match ty {
            ValType::I32 => self.integer(types::I32, 0),
            ValType::I64 => self.integer(types::I64, 0),
            // Of a value that is a reference, types are known.
            ValType::Ref(_) => self.builder.ins().iconst(types::I64, 0),
            ValType::F32 => self.builder.ins().f32const(0.0),
            ValType::F64 => self.builder.ins().f64const(0.0),
            ValType::V128 => self.v128_const(0),
        }
    }

    pub(super) fn v128_const(&mut self, value: u128) -> Value {
        let constant = self
            .builder
            .func
            .dfg
            .constants
            .insert(value.to_le_bytes().to_vec().into());
        self.builder.ins().vconst(types::I8X16, constant)
    }

    pub(super) fn push1(&mut self, value: Value) {
        self.stack.push(value);
    }

    pub(super) fn pop1(&mut self) -> Value {
        self.stack.pop().expect("validated: an operand")
    }

    pub(super) fn peek1(&self) -> Value {
        *self.stack.last().expect("validated: an operand")
    }

    /// The two topmost operands: the one below, the top.
    pub(super) fn pop2(&mut self) -> (Value, Value) {
        let top = self.pop1();
        (self.pop1(), top)
    }

    /// The three topmost operands, the lowest first.
    pub(super) fn pop3(&mut self) -> (Value, Value, Value) {
        let top = self.pop1();
        let (low, middle) = self.pop2();
        (low, middle, top)
    }

    pub(super) fn pop_many(&mut self, count: usize) -> Vec<Value> {
        self.stack.split_off(self.stack.len() - count)
    }

    /// A `v128` operand as a vector of type `ty`.
    pub(super) fn pop_as(&mut self, ty: Type) -> Value {
        let value = self.pop1();
        self.as_vector(value, ty)
    }

    pub(super) fn pop2_as(&mut self, ty: Type) -> (Value, Value) {
        let (low, top) = self.pop2();
        (self.as_vector(low, ty), self.as_vector(top, ty))
    }

    pub(super) fn push_v128(&mut self, value: Value) {
        let value = self.as_vector(value, types::I8X16);
        self.push1(value);
    }

    pub(super) fn as_vector(&mut self, value: Value, ty: Type) -> Value {
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

    pub(super) fn trap_if(&mut self, condition: Value, code: wasmelt_abi::TrapCode) {
        self.builder.ins().trapnz(condition, trap_code(code));
    }

    pub(super) fn trap_unless(&mut self, condition: Value, code: wasmelt_abi::TrapCode) {
        self.builder.ins().trapz(condition, trap_code(code));
    }

    /// Ends the current block: what follows cannot be reached.
    pub(super) fn set_unreachable(&mut self) {
        self.reachable = false;
    }
}
