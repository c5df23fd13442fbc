//! What a program needs that leaves something behind when it traps: a `wasmelt_abi::OnTrap`. Of a core
//! dump, all that is known now is encoded now.

use super::blob::Address;
use super::places::number;
use super::program::Writer;
use crate::index::{FuncIndex, InstanceIndex};
use crate::plan::{FuncKind, Global, Hierarchy, LinkPlan, Memory, Value};
use std::mem::{offset_of, size_of};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use wasmelt_abi::{CORE_DUMP_SYMBOL, DumpFunction, DumpGlobal, DumpMemory, OnTrap};
use wasmparser::ValType;

/// The binary format of a module: its beginning, and what custom sections begin with.
const MODULE: [u8; 8] = *b"\0asm\x01\0\0\0";
const CUSTOM: u8 = 0;

/// Of constant expressions.
const I32_CONST: u8 = 0x41;
const I64_CONST: u8 = 0x42;
const F32_CONST: u8 = 0x43;
const F64_CONST: u8 = 0x44;
const V128_CONST: [u8; 2] = [0xfd, 0x0c];
const REF_NULL: u8 = 0xd0;
const END: u8 = 0x0b;

impl Writer<'_> {
    /// Writes it; gives its offset.
    pub(super) fn write_on_trap(&mut self) -> u64 {
        let on_trap = &self.options.on_trap;
        let at = self.blob.reserve(size_of::<OnTrap>());
        let field = |offset: usize| at + offset as u64;
        let main = Address::Symbol(self.main().to_owned());
        self.blob.set_address(field(offset_of!(OnTrap, main)), main);
        self.blob
            .set_u64(field(offset_of!(OnTrap, aborts)), on_trap.aborts.into());
        if let Some(path) = &on_trap.core_dump {
            self.write_core_dump(at, path);
        }
        at
    }

    fn write_core_dump(&mut self, at: u64, path: &Path) {
        let field = |offset: usize| at + offset as u64;
        let write = Address::Symbol(CORE_DUMP_SYMBOL.to_owned());
        self.blob
            .set_address(field(offset_of!(OnTrap, write)), write);
        // The path is passed to the system: it ends with a zero byte.
        let mut path = path.as_os_str().as_bytes().to_vec();
        let len = path.len();
        path.push(0);
        let start = self.blob.raw(&path);
        self.slice(field(offset_of!(OnTrap, path)), (Some(start), len));
        let head = head(&self.options.name);
        self.str(field(offset_of!(OnTrap, head)), &head);
        self.write_dump_memories(field(offset_of!(OnTrap, memories)));
        self.write_dump_globals(field(offset_of!(OnTrap, globals)));
        let tail = tail(self.plan);
        self.str(field(offset_of!(OnTrap, tail)), &tail);
        self.write_dump_functions(field(offset_of!(OnTrap, functions)));
        let (locals, groups) = self.dump_locals();
        self.str(field(offset_of!(OnTrap, locals)), &locals);
        let groups = Address::Blob(self.blob.u32s(groups));
        self.blob
            .set_address(field(offset_of!(OnTrap, local_groups)), groups);
    }

    fn write_dump_memories(&mut self, to: u64) {
        let plan = self.plan;
        let array = self.array(plan.memories.len(), size_of::<DumpMemory>());
        for (position, memory) in plan.memories.iter().enumerate() {
            let at = array + (position * size_of::<DumpMemory>()) as u64;
            let offset = plan.regions[memory.region.index()].memory_offset;
            let fields = [
                (offset_of!(DumpMemory, offset), offset),
                (offset_of!(DumpMemory, flags), flags(memory)),
                (
                    offset_of!(DumpMemory, pages_max),
                    memory.ty.maximum.unwrap_or(0),
                ),
                (
                    offset_of!(DumpMemory, page_bytes_log2),
                    memory.page_bytes_log2.into(),
                ),
            ];
            for (offset, value) in fields {
                self.blob.set_u64(at + offset as u64, value);
            }
        }
        self.slice(to, (Some(array), plan.memories.len()));
    }

    fn write_dump_globals(&mut self, to: u64) {
        let plan = self.plan;
        let array = self.array(plan.globals.len(), size_of::<DumpGlobal>());
        let mutable = mutable(plan);
        for (position, global) in plan.globals.iter().enumerate() {
            let at = array + (position * size_of::<DumpGlobal>()) as u64;
            let field = |offset: usize| at + offset as u64;
            let mut encoded = vec![type_byte(plan, global.ty)];
            encoded.push(mutable[position].into());
            match variable(global) {
                Some((offset, bytes, instruction)) => {
                    let region = &plan.regions[offset.region.index()];
                    let slot = region.memory_offset;
                    let slot = slot.wrapping_add_signed(i64::from(offset.offset));
                    self.blob
                        .set_u64(field(offset_of!(DumpGlobal, offset)), slot);
                    self.blob
                        .set_u64(field(offset_of!(DumpGlobal, bytes)), bytes);
                    let [first, second] = instruction;
                    let instruction = u64::from(first) | u64::from(second) << 8;
                    self.blob
                        .set_u64(field(offset_of!(DumpGlobal, instruction)), instruction);
                }
                None => constant(&mut encoded, global),
            }
            self.str(field(offset_of!(DumpGlobal, encoded)), &encoded);
        }
        self.slice(to, (Some(array), plan.globals.len()));
    }

    fn write_dump_functions(&mut self, to: u64) {
        let plan = self.plan;
        let functions = self.text.functions.iter();
        let words: Vec<u32> = functions
            .flat_map(|&(id, ..)| match plan.funcs[id.index()].kind {
                FuncKind::Body {
                    instance, index, ..
                } => [instance.0, index.0, locals(plan, instance, index)],
                _ => [DumpFunction::NONE, 0, 0],
            })
            .collect();
        const { assert!(size_of::<DumpFunction>() == 12) };
        let count = self.text.functions.len();
        let words = self.blob.u32s(words);
        self.slice(to, (Some(words), count));
    }
}

/// Flags of a memory's type.
fn flags(memory: &Memory) -> u64 {
    const IS_SHARED: u64 = 2;
    let ty = &memory.ty;
    (u64::from(ty.maximum.is_some()) * DumpMemory::HAS_MAXIMUM)
        | (u64::from(ty.shared) * IS_SHARED)
        | (u64::from(ty.memory64) * DumpMemory::IS_64)
        | (u64::from(ty.page_size_log2.is_some()) * DumpMemory::HAS_PAGE_SIZE)
}

/// All references are written as null, so the type is the one above all that there are.
fn type_byte(plan: &LinkPlan<'_>, ty: ValType) -> u8 {
    match ty {
        ValType::I32 => 0x7f,
        ValType::I64 => 0x7e,
        ValType::F32 => 0x7d,
        ValType::F64 => 0x7c,
        ValType::V128 => 0x7b,
        ValType::Ref(ty) => match plan.sigs.hierarchy(ty.heap_type()) {
            Hierarchy::Func => 0x70,
            Hierarchy::Extern => 0x6f,
            Hierarchy::Any => 0x6e,
            Hierarchy::Exn => 0x69,
        },
    }
}

/// By global: whether its type says that it may change.
fn mutable(plan: &LinkPlan<'_>) -> Vec<bool> {
    let mut mutable = vec![false; plan.globals.len()];
    for instance in &plan.instances {
        let types = &plan.units[instance.unit].module.globals;
        for (id, global) in instance.globals.iter().zip(types) {
            mutable[id.index()] = global.ty.mutable;
        }
    }
    mutable
}

/// Of a number that may change: where it is, its bytes, and the instruction that makes a constant of it.
fn variable(global: &Global) -> Option<(crate::plan::Slot, u64, [u8; 2])> {
    let (bytes, instruction) = match global.ty {
        ValType::I32 => (4, [I32_CONST, 0]),
        ValType::I64 => (8, [I64_CONST, 0]),
        ValType::F32 => (4, [F32_CONST, 0]),
        ValType::F64 => (8, [F64_CONST, 0]),
        ValType::V128 => (16, V128_CONST),
        ValType::Ref(_) => return None,
    };
    Some((global.slot?, bytes, instruction))
}

/// The expression of a value that does not change, behind its type and mutability.
fn constant(encoded: &mut Vec<u8>, global: &Global) {
    match global.init {
        Value::I32(value) => {
            encoded.push(I32_CONST);
            signed(encoded, value.into());
        }
        Value::I64(value) => {
            encoded.push(I64_CONST);
            signed(encoded, value);
        }
        Value::F32(bits) => {
            encoded.push(F32_CONST);
            encoded.extend(bits.to_le_bytes());
        }
        Value::F64(bits) => {
            encoded.push(F64_CONST);
            encoded.extend(bits.to_le_bytes());
        }
        Value::V128(bits) => {
            encoded.extend(V128_CONST);
            encoded.extend(bits.to_le_bytes());
        }
        Value::RefNull | Value::RefFunc(_) | Value::RefI31(_) | Value::RefObject(_) => {
            // The heap type has the byte of the type of its references.
            encoded.extend([REF_NULL, encoded[0]]);
        }
    }
    encoded.push(END);
}

/// Parameters, and what the body declares.
fn locals(plan: &LinkPlan<'_>, instance: InstanceIndex, index: FuncIndex) -> u32 {
    let sig = &plan.sigs[plan.func_sig(instance, index)];
    let module = plan.module(instance);
    let body = &module.bodies[index.index() - module.functions_imported].body;
    let declared = body.get_locals_reader().into_iter().flatten();
    let declared = declared.flatten().map(|(count, _)| count).sum::<u32>();
    sig.params().len() as u32 + declared
}

/// The beginning: the section that says which program it was.
fn head(program: &str) -> Vec<u8> {
    let mut head = MODULE.to_vec();
    let mut contents = vec![0];
    name(&mut contents, program);
    custom(&mut head, "core", &contents);
    head
}

/// The sections of modules and instances.
fn tail(plan: &LinkPlan<'_>) -> Vec<u8> {
    let mut tail = Vec::new();
    // A module may be instantiated several times.
    let mut modules: Vec<usize> = Vec::new();
    let mut instances = Vec::new();
    number(&mut instances, plan.instances.len() as u64);
    for instance in &plan.instances {
        let module = plan.units[instance.unit].module;
        let is_it = |unit: &usize| std::ptr::eq(plan.units[*unit].module, module);
        let known = modules.iter().position(is_it);
        let position = known.unwrap_or_else(|| {
            modules.push(instance.unit);
            modules.len() - 1
        });
        instances.push(0);
        number(&mut instances, position as u64);
        number(&mut instances, instance.memories.len() as u64);
        for memory in &instance.memories {
            number(&mut instances, memory.0.into());
        }
        number(&mut instances, instance.globals.len() as u64);
        for global in &instance.globals {
            number(&mut instances, global.0.into());
        }
    }
    let mut contents = Vec::new();
    number(&mut contents, modules.len() as u64);
    for unit in modules {
        contents.push(0);
        name(&mut contents, plan.module_name(unit));
    }
    custom(&mut tail, "coremodules", &contents);
    custom(&mut tail, "coreinstances", &instances);
    tail
}

fn custom(out: &mut Vec<u8>, section: &str, contents: &[u8]) {
    let mut bytes = Vec::new();
    name(&mut bytes, section);
    bytes.extend_from_slice(contents);
    out.push(CUSTOM);
    number(out, bytes.len() as u64);
    out.extend(bytes);
}

fn name(out: &mut Vec<u8>, text: &str) {
    number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Signed LEB128.
fn signed(out: &mut Vec<u8>, mut value: i64) {
    while !(-0x40..0x40).contains(&value) {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0] & 0x7f);
}
