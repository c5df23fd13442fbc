//! The resolved program, as the later phases see it.

use super::contents::FieldContents;
use super::gaps::Gaps;
use super::heap::Heap;
use super::host::HostFn;
use super::image::Image;
use super::library::Library;
use super::linked::{Linked, Unit};
use super::record::{Record, TaskUse};
use super::reservation::Bounds;
use super::sigs::SigTable;
use super::slot::Slot;
use super::value::{HeapPlan, Object, Value};
use crate::canonical::Helper;
use crate::index::{
    CanonId, DataIndex, ElemIndex, FuncId, FuncIndex, GlobalId, HostFnId, InstanceIndex, LiftId,
    MemoryId, MemoryIndex, OptionsId, RegionIndex, ResourceId, SigId, TableId, TagId,
};
use crate::options::Entry;
use crate::target::Target;
use foldhash::HashMap;
use std::collections::{BTreeMap, BTreeSet};
use wasmelt_abi::{PtrType, TrapCode};
use wasmparser::ValType;

/// What the program is for: decides what is reachable and what may run between instantiations.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// Instantiate everything, then call one export.
    Run(Entry),
    /// A test driver instantiates one by one and calls any export in between.
    Script,
}

/// Of which version the handler of a server is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Server {
    P2,
    P3,
}

/// A whole program, resolved.
#[derive(Debug)]
pub struct LinkPlan<'a> {
    pub linked: &'a Linked<'a>,
    pub units: &'a [Unit<'a>],
    pub purpose: Purpose,
    pub instances: Vec<Instance>,
    pub sigs: SigTable,
    /// By unit and type: the program's numbers.
    pub type_sigs: Vec<Vec<SigId>>,
    /// What is known of them once all are.
    pub heap: Heap,
    /// What the fields of objects may hold.
    pub contents: FieldContents,
    /// Objects that constant expressions make.
    pub objects: Vec<Object>,
    /// By [`ObjectId`]: whether something that is reachable refers to it.
    pub(super) objects_reached: Vec<bool>,
    /// A constant expression makes an object that is too large for an image.
    pub(super) constants_too_large: bool,
    /// Of a program with types of objects, once it is laid out.
    pub heap_plan: Option<HeapPlan>,
    pub funcs: Vec<Func>,
    /// By [`FuncId`]: whether it has to be compiled.
    pub reachable: Vec<bool>,
    /// By [`FuncId`]: whether it has the hidden parameter.
    pub takes_pointer: Vec<bool>,
    pub host_fns: Vec<HostFn>,
    /// By [`CanonId`]: the function, and its type.
    pub canon_funcs: Vec<(FuncId, SigId)>,
    /// What of the host a `canon` definition calls: a function, or the destructor of a resource.
    pub canon_hosts: HashMap<CanonId, HostFnId>,
    /// By [`OptionsId`]: the `wasmelt_abi::CanonOptions` and the entry of their `realloc`, where
    /// something that is reachable uses them.
    pub option_slots: Vec<Option<OptionsPlan>>,
    /// By [`crate::index::ComponentId`]: 8 bytes, bit 0 `may_leave`, bit 1 `may_enter`.
    pub component_flags: Vec<Slot>,
    /// By [`crate::index::ComponentId`]: whether `may_enter` is ever looked at.
    pub reentrant: Vec<bool>,
    /// By [`crate::index::ComponentId`].
    pub task_uses: Vec<TaskUse>,
    /// The records that something that is reachable uses.
    pub records: BTreeMap<Record, Slot>,
    pub tables: Vec<Table>,
    pub memories: Vec<Memory>,
    pub globals: Vec<Global>,
    /// Parameter types of every tag.
    pub tags: Vec<SigId>,
    pub regions: Vec<Region>,
    /// Functions that have a `FuncRef` record, in record order.
    pub funcrefs: Vec<FuncId>,
    pub funcref_positions: HashMap<FuncId, usize>,
    /// Generated functions that are made once for each kind.
    pub(super) entries: HashMap<FuncKind, FuncId>,
    pub(super) gaps: Gaps,
    pub target: &'static Target,
    pub store_bytes: u64,
    /// The function that `Program.entry` calls.
    pub entry: Option<FuncId>,
    /// Exports callable by name: instance, name, what.
    pub exports: Vec<ExportPlan>,
    /// The handler of requests that the program is a server of, which is the first of the exports
    /// of components.
    pub server: Option<Server>,
    /// Exports of components.
    pub component_exports: Vec<ComponentExportPlan>,
    /// What an embedder calls, of a library.
    pub library: Library,
    /// Of a program that starts some.
    pub threads: Option<Threads>,
    /// In a program that writes a profile: the address at which the address of its first counter is.
    pub profile: Option<Slot>,
}

/// How a program starts threads.
#[derive(Debug)]
pub struct Threads {
    /// A [`FuncKind::ExportCall`] of what a thread begins with.
    pub start: FuncId,
    /// By instance: its [`FuncKind::Instantiate`], or [`FuncKind::InstantiateAgain`].
    pub instantiate: Vec<Option<FuncId>>,
}

/// Canonical options at run time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OptionsPlan {
    pub slot: Slot,
    /// A [`FuncKind::ReallocEntry`].
    pub realloc: Option<FuncId>,
}

/// A lifted function that is called by name.
#[derive(Clone, Debug)]
pub struct ComponentExportPlan {
    pub component: usize,
    pub name: String,
    pub lift: LiftId,
    /// A [`FuncKind::LiftCall`].
    pub call: FuncId,
    /// A [`FuncKind::LiftFinish`].
    pub finish: FuncId,
}

#[derive(Clone, Debug)]
pub struct ExportPlan {
    pub instance: InstanceIndex,
    pub name: String,
    /// The C-callable function that calls or reads it.
    pub call: FuncId,
    pub params: Vec<ValType>,
    pub results: Vec<ValType>,
}

/// A core instance: what its index spaces hold.
#[derive(Debug)]
pub struct Instance {
    /// Position in [`LinkPlan::units`].
    pub unit: usize,
    pub region: RegionIndex,
    pub funcs: Vec<Callee>,
    pub tables: Vec<TableId>,
    pub memories: Vec<MemoryId>,
    pub globals: Vec<GlobalId>,
    pub tags: Vec<TagId>,
    /// Descriptors of the data segments that code or run-time steps use.
    pub data: BTreeMap<DataIndex, Slot>,
    pub elements: BTreeMap<ElemIndex, Slot>,
    /// The values of those element segments.
    pub element_values: BTreeMap<ElemIndex, Vec<Value>>,
    /// What is left of its instantiation for run time, in order.
    pub steps: Vec<InitStep>,
    /// The generated function that runs `steps`.
    pub instantiate: Option<FuncId>,
    /// The memory that host functions called from here see.
    pub host_memory: Option<MemoryId>,
}

/// Who is called.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Callee {
    Defined(FuncId),
    Host(HostFnId),
}

/// A function to compile.
#[derive(Clone, Debug)]
pub struct Func {
    pub kind: FuncKind,
    /// For backtraces and symbols; empty for generated functions.
    pub name: String,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum FuncKind {
    /// A function of a module; `index` is in the module's function space.
    Body {
        instance: InstanceIndex,
        index: FuncIndex,
        sig: SigId,
    },
    /// A host function as a function value: its wasm-side entry.
    HostEntry {
        instance: InstanceIndex,
        host: HostFnId,
        sig: SigId,
    },
    /// An import that nothing provides: a call traps, or gives zeros and null references. A function
    /// of its own, so that the trap knows its name.
    UnknownImport { traps: bool, sig: SigId },
    /// What test scripts import to have a collection.
    Collect { sig: SigId },
    /// Changes the instance pointer from region `from` to the target's and continues there.
    Switch {
        from: RegionIndex,
        target: FuncId,
        sig: SigId,
    },
    /// Never returns; fills the slots of constant tables that must not be called.
    TrapStub(TrapCode),
    /// Runs the steps of an instance; C convention, takes the store base.
    Instantiate(InstanceIndex),
    /// The same for a further thread: what is in the memories that all threads have stays.
    InstantiateAgain(InstanceIndex),
    /// Calls the command's entry export; C convention, takes the store base.
    EntryCommand {
        callee: Callee,
        instance: InstanceIndex,
    },
    /// Calls an exported function through an array of slots; C convention.
    ExportCall {
        callee: Callee,
        instance: InstanceIndex,
        sig: SigId,
    },
    /// Reads an exported global into a slot; C convention.
    ExportGlobal { global: GlobalId },
    /// Calls an exported function for an embedder; C convention. `export` is its position in
    /// [`Library::fns`].
    LibraryCall {
        export: u32,
        callee: Callee,
        instance: InstanceIndex,
        sig: SigId,
    },
    /// Calls a component's export for an embedder; C convention. `export` is its position in
    /// [`LinkPlan::component_exports`].
    LibraryLift { export: u32, lift: LiftId },
    /// The same, but only begins the call.
    LibraryStart { export: u32, lift: LiftId },
    /// Has calls go on that have been begun; C convention.
    LibraryPoll,
    /// Calls a function that the embedder provides; `import` is its position in
    /// [`Library::imports`].
    LibraryImport { import: u32, sig: SigId },
    /// `wasmelt_abi::LibraryImport::call` of a function of the embedder, by its position in
    /// [`Linked::embedder_fns`]; C convention.
    LibraryImportCall(u32),
    /// Ends a resource of the program for an embedder; C convention. `export` is the position of its
    /// `LibraryDestructor` in [`LinkPlan::exports`].
    LibraryDrop { export: u32, resource: ResourceId },
    /// Calls the destructor of a resource with the rep in a slot, if it has one; C convention, takes
    /// the store base and slots.
    LibraryDestructor(ResourceId),
    /// Gives an embedder the address and the length of a memory; C convention.
    LibraryMemory(MemoryId),
    /// Reads an exported global for an embedder; C convention.
    LibraryGlobal(GlobalId),
    /// A function that a `canon` definition makes.
    Canon(CanonId),
    /// `wasmelt_abi::ComponentExport::call`: C convention, takes the store base and slots.
    LiftCall(LiftId),
    /// `wasmelt_abi::ComponentExport::finish`: C convention, takes the store base and slots.
    LiftFinish(LiftId),
    /// Calls the `run` of a command; C convention, takes the store base, gives the exit code.
    EntryRun(LiftId),
    /// A `wasmelt_abi::Realloc`; C convention.
    ReallocEntry(OptionsId),
    /// `wasmelt_abi::AsyncLift::start`: C convention, takes the store base and slots.
    TaskStart(LiftId),
    /// `wasmelt_abi::AsyncLift::callback`; C convention.
    TaskCallback(LiftId),
    /// `wasmelt_abi::AsyncLift::post_return`: C convention, takes the store base and slots.
    TaskPostReturn(LiftId),
    /// `wasmelt_abi::ThreadStart::start`; C convention.
    ThreadStart(PtrType),
    /// `wasmelt_abi::AsyncCall::pass_params`: C convention, takes the store base and the slots of
    /// both sides.
    PassParams(CanonId),
    /// `wasmelt_abi::AsyncCall::pass_result`, likewise.
    PassResult(CanonId),
    /// Passes values of one type from one component to another; takes the pointer of the region
    /// of the source's memory.
    CanonHelper(Helper),
}

/// One run-time step of an instantiation.
#[derive(Clone, PartialEq, Debug)]
pub enum InitStep {
    /// The imported memory has to have grown to this many bytes.
    MemoryAtLeast {
        memory: MemoryIndex,
        bytes: u64,
    },
    /// The imported table has to have grown to this many elements.
    TableAtLeast {
        table: TableId,
        elements: u64,
    },
    /// `memory.init` of the whole segment, then drop.
    Data {
        memory: MemoryId,
        segment: DataIndex,
        offset: u64,
    },
    /// `table.init` of the whole segment, then drop.
    Elements {
        table: TableId,
        segment: ElemIndex,
        offset: u64,
    },
    /// A segment that is known not to fit.
    Trap(TrapCode),
    Start(Callee),
}

#[derive(Debug)]
pub struct Global {
    pub ty: ValType,
    pub init: Value,
    /// Where it lives; `None` when nothing that is reachable writes it: then it is `init`.
    pub slot: Option<Slot>,
}

#[derive(Debug)]
pub struct Memory {
    pub region: RegionIndex,
    pub shared: bool,
    /// All threads have it.
    pub is_common: bool,
    pub page_bytes_log2: u32,
    pub bytes: u64,
    pub bytes_max: u64,
    pub bytes_reserved: u64,
    /// What code checks.
    pub bounds: Bounds,
    /// The first bytes of its initial contents; the rest are zero.
    pub image: Vec<u8>,
    /// Before this byte of the image nothing was written.
    pub image_start: usize,
    pub ty: wasmparser::MemoryType,
}

#[derive(Debug)]
pub struct Table {
    /// The region in whose contexts it lies: that of the instance that defines it.
    pub region: RegionIndex,
    pub ty: wasmparser::TableType,
    pub len: u64,
    pub len_max: u64,
    /// Elements before the first code runs; shorter than `len` when the rest are `fill`.
    pub elements: Vec<Value>,
    pub fill: Value,
    /// Nothing that is reachable writes or grows it.
    pub constant: bool,
    pub storage: TableStorage,
    /// Types through which reachable code calls it.
    pub called: BTreeSet<SigId>,
    pub calls: ConstantCalls,
}

/// Where the elements of a table are when code needs them as values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TableStorage {
    /// Nothing reads or writes elements.
    None,
    /// `len` elements of 8 bytes in the context.
    Fixed(Slot),
    /// A `wasmelt_abi::Table` in the context.
    Growable(Slot),
}

/// The call side of a constant table.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub enum ConstantCalls {
    /// Not constant, or never called.
    #[default]
    None,
    /// For each type, a code pointer for each of [`Table::slots`]; those that must not be called hold
    /// trap stubs.
    PerSig(BTreeMap<SigId, Slot>),
    /// The same number of pairs of code pointer and type number: smaller when there are many types.
    Tagged(Slot),
}

/// A memory with the contexts below it.
#[derive(Debug)]
pub struct Region {
    pub memory: Option<MemoryId>,
    pub memory_offset: u64,
    /// Whole pages.
    pub below_bytes: u64,
    /// Contents of the contexts and the header, ending at the memory's byte 0; zeros before them.
    pub below: Image,
}

/// So many null elements at the end of a table are not worth a comparison.
const NULL_SLOTS_MAX: u64 = 16;

impl Table {
    /// How many elements the call side of a constant table has: all behind them are null.
    #[must_use]
    pub fn slots(&self) -> u64 {
        let elements = self.elements.len() as u64;
        match self.fill {
            Value::RefNull if self.len - elements > NULL_SLOTS_MAX => elements,
            _ => self.len,
        }
    }
}

impl Memory {
    /// Where the initial contents begin and end to be anything but zero: offset and bytes.
    #[must_use]
    pub fn trimmed_image(&self) -> (u64, &[u8]) {
        let is_set = |byte: &u8| *byte != 0;
        let written: &[u8] = &self.image[self.image_start..];
        let rest = without_zeros(written, |rest| rest.split_first_chunk());
        let start = rest.iter().position(is_set);
        let start = start.map_or(0, |at| written.len() - rest.len() + at);
        let rest = without_zeros(written, |rest| {
            rest.split_last_chunk().map(|(rest, chunk)| (chunk, rest))
        });
        let end = rest.iter().rposition(is_set).map_or(start, |last| last + 1);
        ((self.image_start + start) as u64, &written[start..end])
    }
}

/// Images have megabytes of zeros: they are compared in chunks of this many bytes.
const ZEROS_BYTES: usize = 4096;

/// What is left of bytes when chunks that `split` takes off are dropped, as long as they are zeros.
fn without_zeros(
    mut bytes: &[u8],
    split: impl Fn(&[u8]) -> Option<(&[u8; ZEROS_BYTES], &[u8])>,
) -> &[u8] {
    while let Some((_, rest)) = split(bytes).filter(|(chunk, _)| **chunk == [0; ZEROS_BYTES]) {
        bytes = rest;
    }
    bytes
}

impl LinkPlan<'_> {
    #[must_use]
    pub fn is_library(&self) -> bool {
        self.purpose == Purpose::Run(Entry::Library)
    }

    pub(super) fn add_func(&mut self, kind: FuncKind) -> FuncId {
        self.funcs.push(Func {
            kind,
            name: String::new(),
        });
        self.reachable.push(false);
        FuncId::new(self.funcs.len() - 1)
    }
}
