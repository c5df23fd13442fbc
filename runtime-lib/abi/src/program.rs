//! The description of one compiled program that the compiler writes and the runtime reads.
//!
//! All of it is read-only data of the executable. Offsets named `*_offset` count from the start of
//! the wasm code; store offsets count from the base of the store.

use crate::context::FuncRef;
use crate::embedded::EmbeddedTree;
use crate::export::ComponentExport;
use crate::on_trap::{DumpFunction, DumpGlobal, DumpMemory};
use crate::slice::{Slice, Str};

/// The root: symbol [`crate::PROGRAM_SYMBOL`].
#[repr(C)]
#[derive(Debug)]
pub struct Program {
    /// [`crate::VERSION`].
    pub version: u64,
    /// The runtime's way of running this program: `wasmelt_main_command`, for components
    /// `wasmelt_main_component`, `wasmelt_main_invoke` or `wasmelt_main_script`. A library's says that
    /// it is none.
    pub main: unsafe extern "C" fn(&'static Program) -> !,
    /// For a command: calls the entry export, gives the exit code; the argument is the base of the
    /// store.
    pub entry: Option<unsafe extern "C" fn(*mut u8) -> i32>,
    /// What few programs have, or null.
    pub rare: *const Rare,
    /// Called before instantiation by programs that need it (opening preopened directories).
    pub host_init: Option<unsafe extern "C" fn(&'static Program)>,
    /// Bytes of address space of one store.
    pub store_bytes: u64,
    /// Address for the base of the first store, or 0 for any. It is where the first region lies
    /// if that is part of the executable's image, and a wish otherwise.
    pub image_store_base: u64,
    /// Bytes of contexts and memory, from the page that begins the first region, that the
    /// executable's image has already mapped readable and writable at `image_store_base`; 0 where
    /// the first region is not part of the image and is copied as the others are.
    pub image_mapped_bytes: u64,
    /// Regions by ascending offset.
    pub regions: Slice<Region>,
    /// Growable tables to allocate when a store is created.
    pub tables: Slice<TableInit>,
    /// Instances in the order of instantiation.
    pub instances: Slice<Instance>,
    /// Exports that can be called by name: none of a command, one for `invoke`.
    pub exports: Slice<Export>,
    /// Exports of components.
    pub component_exports: Slice<ComponentExport>,
    /// Number of component instances.
    pub component_instances: u64,
    /// First of the function references.
    pub funcrefs: *const FuncRef,
    pub code: CodeMap,
    pub policy: Policy,
}

/// A memory with the contexts below it, or contexts alone.
#[repr(C)]
#[derive(Debug)]
pub struct Region {
    /// Byte 0 of the memory, as an offset from the base of the store.
    pub memory_offset: u64,
    /// Bytes of contexts and header below byte 0, whole pages. The header's initial values are in
    /// `below_image`.
    pub below_bytes: u64,
    /// The initial contents of the last of those bytes, the others are zero; null for the region
    /// that the image holds.
    pub below_image: Slice<u8>,
    /// Initial length of the memory, a multiple of its page size.
    pub memory_bytes: u64,
    /// Bytes of address space from byte 0: everything beyond the accessible part faults.
    pub reserved_bytes: u64,
    /// The initial contents of some bytes of the memory, the others are zero; null for the region
    /// that the image holds.
    pub image: Slice<u8>,
    /// Where in the memory they are.
    pub image_offset: u64,
}

/// A growable table.
#[repr(C)]
#[derive(Debug)]
pub struct TableInit {
    /// The [`crate::Table`], as an offset from the base of the store. `len` and `len_max` are
    /// already initialized, `elements` is not.
    pub table_offset: u64,
    /// The first elements; the rest are null, or `fill`.
    pub image: Slice<u64>,
    /// What elements beyond `image` hold.
    pub fill: u64,
}

/// One core instance.
#[repr(C)]
#[derive(Debug)]
pub struct Instance {
    /// Runs what of its instantiation is left for run time (segments that could not be evaluated
    /// when compiling, the start function), or `None` where nothing is. The argument is the base
    /// of the store. Traps like any compiled code.
    pub instantiate: Option<unsafe extern "C" fn(*mut u8)>,
    /// Name for messages; may be empty.
    pub name: Str,
    /// In a script, the number of the component that it is part of, plus 1; 0 otherwise.
    pub component: u64,
}

/// Flat value types of exports, one byte each.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueType {
    I32 = 0,
    I64 = 1,
    F32 = 2,
    F64 = 3,
    V128 = 4,
    FuncRef = 5,
    ExternRef = 6,
    ExnRef = 7,
    /// To a garbage-collected object, or a number of 31 bits. In the second half of the slot of a
    /// result of a test script, bit 0 says that it is a struct, bit 1 that it is an array.
    AnyRef = 8,
}

/// An exported function or global.
#[repr(C)]
#[derive(Debug)]
pub struct Export {
    /// Index into `instances`.
    pub instance: u64,
    pub name: Str,
    /// Calls the function: the base of the store, and an array of 16-byte slots that holds the
    /// parameters before and the results after (as many slots as the larger of the two). For an
    /// exported global, reads its value into slot 0.
    pub call: unsafe extern "C" fn(*mut u8, *mut u128),
    /// One [`ValueType`] byte a parameter.
    pub params: Slice<u8>,
    /// One [`ValueType`] byte a result.
    pub results: Slice<u8>,
}

/// Everything the runtime knows about addresses of compiled code.
#[repr(C)]
#[derive(Debug)]
pub struct CodeMap {
    /// First byte of compiled code.
    pub text_start: *const u8,
    /// Bytes of compiled code.
    pub text_bytes: u64,
    /// Offsets of instructions that can trap, ascending. Left out are those that do when they access
    /// memory where there is none: any may, and what they access tells that they have.
    pub trap_offsets: Slice<u32>,
    /// The [`crate::TrapCode`] of each.
    pub trap_codes: *const u8,
    /// Offset at which each function begins, ascending.
    pub function_offsets: Slice<u32>,
    /// For each function, where its name begins in `names`; one more at the end. An empty name
    /// marks a function that backtraces leave out.
    pub name_offsets: *const u32,
    pub names: Str,
    /// Call sites with exception handlers, by ascending return offset; behind the last, not
    /// counted, lies one more that only carries the end of the last handler list.
    pub call_sites: Slice<CallSite>,
    pub handlers: *const Handler,
    /// Where code is from; null where there is nothing to say.
    pub places: *const crate::places::Places,
}

/// Gives a frame that an offset of the code is in, by its number, innermost first; false behind the
/// last.
pub type FindFrame = fn(&'static CodeMap, u32, usize, &mut crate::places::Frame) -> bool;

/// A call that is inside a `try_table`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CallSite {
    /// Offset of the instruction after the call.
    pub return_offset: u32,
    /// The frame's stack pointer is its frame pointer minus this.
    pub fp_to_sp_bytes: u32,
    /// Index of its first handler; the next call site's is the end.
    pub first_handler: u32,
}

/// One clause; the first that matches wins.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Handler {
    /// Program-wide tag number, or `u32::MAX` for any exception.
    pub tag: u32,
    /// Offset at which to continue, with the exception's address in the first payload register.
    pub landing_offset: u32,
}

/// What the executable may do, decided when it was built.
#[repr(C)]
#[derive(Debug)]
pub struct Policy {
    pub preopens: Slice<Preopen>,
    pub env: Slice<EnvVar>,
    /// Replaces `argv[0]`; none when `start` is null.
    pub argv0: Str,
    /// Put between `argv[0]` and the arguments of the command line.
    pub args: Slice<Str>,
    /// Bits of [`PolicyFlags`].
    pub flags: u64,
    /// Bytes of native stack that compiled code may use; 0 for the system's limit.
    pub stack_bytes_max: u64,
}

/// Bits of [`Policy::flags`].
#[derive(Debug)]
pub struct PolicyFlags;

impl PolicyFlags {
    /// The guest sees the whole environment of the process.
    pub const INHERIT_ENV: u64 = 1;
    /// Sockets may be opened and used.
    pub const INHERIT_NETWORK: u64 = 2;
    /// Names may be resolved.
    pub const ALLOW_IP_NAME_LOOKUP: u64 = 4;
    /// Of sockets, TCP's may not be opened.
    pub const NO_TCP: u64 = 8;
    /// UDP's may not be opened.
    pub const NO_UDP: u64 = 16;
}

/// What a program that imports or exports `wasi:http` may do with it: symbol
/// [`crate::HTTP_SYMBOL`].
#[repr(C)]
#[derive(Debug)]
pub struct HttpPolicy {
    /// Bits of [`HttpFlags`].
    pub flags: u64,
    /// Whom requests may be sent to: `HOST` or `HOST:PORT`, where `*.HOST` is all names below it.
    /// If there are none, anybody.
    pub hosts: Slice<Str>,
    /// Gives the thread TLS for requests: symbol [`crate::HTTP_TLS_SYMBOL`] in a program that may
    /// send some.
    pub provide_tls: Option<extern "C" fn()>,
    /// Has a server speak HTTP/2: symbol [`crate::HTTP_SERVER_HTTP2_SYMBOL`] in one that was asked
    /// for it.
    pub offer_http2: Option<extern "C" fn()>,
    /// Has a server speak TLS, if it is started so: symbol [`crate::HTTP_SERVER_TLS_SYMBOL`] in one
    /// that was asked for it.
    pub offer_tls: Option<extern "C" fn()>,
    /// Options of a server, as if they stood first on its command line.
    pub server_options: Slice<Str>,
}

/// Bits of [`HttpPolicy::flags`].
#[derive(Debug)]
pub struct HttpFlags;

impl HttpFlags {
    /// Requests may be sent.
    pub const CLIENT: u64 = 1;
}

/// What flags of the build say that most builds do without: apart, so that other executables do
/// not carry it.
#[repr(C)]
#[derive(Debug)]
pub struct Rare {
    /// What [`Program::main`] would be; that is `wasmelt_main_restricted` where a field says so.
    pub main: unsafe extern "C" fn(&'static Program) -> !,
    /// The process ends with a trap after this time; 0 for never. Restricts.
    pub timeout_ns: u64,
    /// Bits of [`Streams`] for standard streams that the guest does not get. Restricts.
    pub withheld_streams: u64,
    /// What code uses of [`FEATURES`](crate::features), bit by bit, that the processor may lack.
    /// Restricts.
    pub features: u64,
    /// No call of WASI 0.2 or 0.3 gives more random bytes.
    pub random_bytes_max: u64,
    /// What WASI calls the initial working directory; none when `start` is null.
    pub cwd: Str,
    /// How the program counts what it runs, or null. Restricts.
    pub profile: *const Profile,
    /// How the kernel keeps the program to its grants, or null.
    pub hardening: *const Hardening,
    /// Files inside the executable, or null.
    pub embedded: *const EmbeddedTree,
    /// How the program starts threads, or null.
    pub threads: *const Threads,
    /// What a trap leaves behind, or null.
    pub on_trap: *const OnTrap,
}

/// What a program needs that starts threads, each with a store of its own.
#[repr(C)]
#[derive(Debug)]
pub struct Threads {
    /// Calls what a thread begins with, as [`Export::call`] does: its slots are the number of the
    /// thread and the argument that it was started with.
    pub start: unsafe extern "C" fn(*mut u8, *mut u128),
    /// As [`Instance::instantiate`], by instance, of the stores of all threads but the first: what is
    /// in the memories that all have stays.
    pub instantiate: Slice<Option<unsafe extern "C" fn(*mut u8)>>,
    /// So many run at once, besides the first.
    pub threads_max: u64,
}

/// What a program needs that writes a profile.
#[repr(C)]
#[derive(Debug)]
pub struct Profile {
    /// Has the program count in the file: symbol [`crate::PROFILE_BEGIN_SYMBOL`].
    pub begin: unsafe extern "C" fn(&'static Program),
    /// The file, as the working directory sees it at the start. A zero byte follows.
    pub path: Str,
    /// All that lies before the counters.
    pub head: Slice<u8>,
    /// How many counters there are.
    pub counters: u64,
}

/// What a program needs that leaves something behind.
#[repr(C)]
#[derive(Debug)]
pub struct OnTrap {
    /// What [`Rare::main`] would be, where that is [`crate::ON_TRAP_SYMBOL`].
    pub main: unsafe extern "C" fn(&'static Program) -> !,
    /// Writes the core dump: symbol [`crate::CORE_DUMP_SYMBOL`] in a program that has one. It is passed the
    /// address of what the runtime knows of the trap.
    pub write: Option<unsafe extern "C" fn(*const u8)>,
    /// 1 if the process ends by a signal, of which the system makes a core dump of its own.
    pub aborts: u64,
    /// The file, as the working directory sees it when the program traps. A zero byte follows.
    pub path: Str,
    /// The module's header, and the section that says which program it was.
    pub head: Slice<u8>,
    /// Memories by their number in the dump.
    pub memories: Slice<DumpMemory>,
    /// Globals by their number in the dump.
    pub globals: Slice<DumpGlobal>,
    /// Sections of modules and instances.
    pub tail: Slice<u8>,
    /// By the number of a function of compiled code.
    pub functions: Slice<DumpFunction>,
    /// Where values of locals are: see [`crate::dump_local`].
    pub locals: Str,
    /// Where each group begins in `locals`, and the end; null in a program without core dumps.
    pub local_groups: *const u32,
}

/// What is seen to before the first instruction of a hardened program.
#[repr(C)]
#[derive(Debug)]
pub struct Hardening {
    /// What [`Program::host_init`] would be, where that is [`crate::HARDEN_SYMBOL`].
    pub host_init: Option<unsafe extern "C" fn(&'static Program)>,
    /// Bits of [`crate::SystemCalls`].
    pub calls: u64,
    /// Files that may be written and made, in their folders.
    pub files: Slice<Str>,
    /// Directories in which anything may be made and changed, although the guest does not see them.
    pub dirs: Slice<Str>,
    /// What a server calls when it has read its command line: symbol [`crate::RESTRICT_SYMBOL`].
    pub restrict: Option<extern "C" fn(&'static Program)>,
}

/// Bits of [`Rare::withheld_streams`].
#[derive(Debug)]
pub struct Streams;

impl Streams {
    pub const STDIN: u64 = 1;
    pub const STDOUT: u64 = 2;
    pub const STDERR: u64 = 4;
}

/// So many random bytes a call gives where [`Rare::random_bytes_max`] does not say otherwise;
/// Wasmtime has the same limit.
pub const RANDOM_BYTES_MAX: u64 = 64 << 20;

/// A directory of the host that the guest sees.
#[repr(C)]
#[derive(Debug)]
pub struct Preopen {
    /// Path on the host, as the executable's working directory sees it when it starts.
    pub host: Str,
    /// Path in the guest.
    pub guest: Str,
    /// Bits of [`PreopenFlags`].
    pub flags: u64,
    /// What is embedded in its place or below it: the number of the node and 1; 0 for nothing.
    pub embedded: u64,
}

/// Bits of [`Preopen::flags`].
#[derive(Debug)]
pub struct PreopenFlags;

impl PreopenFlags {
    /// Nothing below it can be changed.
    pub const READ_ONLY: u64 = 1;
    /// Left out without an error when it does not exist.
    pub const OPTIONAL: u64 = 2;
    /// No directory of the host at all: what is embedded is all that there is.
    pub const EMBEDDED: u64 = 4;
}

/// An environment variable of the guest.
#[repr(C)]
#[derive(Debug)]
pub struct EnvVar {
    pub name: Str,
    /// Its value; when `start` is null, the value that the process has at run time, if any.
    pub value: Str,
}
