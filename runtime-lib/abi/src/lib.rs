//! What the compiler and the runtime library both know, and nothing else.
//!
//! The compiler writes these structures into object files, field by field at the offsets that
//! `offset_of!` gives; the runtime library reads them as Rust values. Lists of functions are
//! macros over one table, from which the compiler makes signatures and the runtime makes symbols.
//! There is no logic here and no dependency.
#![no_std]

mod component;
mod context;
mod embedded;
mod export;
pub mod features;
mod gc;
mod interface;
mod library;
mod on_trap;
mod p1;
mod p2;
mod p2_drafts;
mod p2_http;
mod p2_sockets;
mod p3;
mod p3_drafts;
mod p3_http;
pub mod places;
mod profile;
mod program;
mod resources;
mod runtime_fns;
mod server;
mod slice;
pub mod sources;
mod spectest;
mod system_calls;
mod tasks;
mod trap;

pub use component::{
    CanonOptions, EMBEDDERS, FLAT_ASYNC_PARAMS_MAX, FLAT_PARAMS_MAX, LIST_BYTES_MAX, P2_INIT,
    P2_PREFIX, P2_PREOPENS, P3_PREFIX, PtrType, RESOURCE_DROP, Realloc, SPECTEST_PREFIX,
    StringEncoding, TypeDesc, TypeKind, TypeMember,
};
pub use context::{
    DataSegment, Exception, FuncRef, MemoryFlags, MemoryHeader, Table, WASM_PAGE_BYTES,
};
pub use embedded::{
    EMBEDDED_BLOCK_BYTES, EMBEDDED_NODES_MAX, EmbeddedKind, EmbeddedNode, EmbeddedTree,
};
pub use export::ComponentExport;
pub use gc::{
    GC_ALIGN, GC_ARRAY, GC_ARRAY_OF_REFERENCES, GC_ELEMENTS_OFFSET, GC_FIELDS_OFFSET, GC_HEAP_END,
    GC_HEAP_START, GC_LENGTH_OFFSET, GC_MEMORY_ADDRESS, GC_SMALL_BYTES_MAX, GC_STRUCT,
    GC_TYPE_MASK, GcAllocation, GcProgram, GcType,
};
pub use interface::HostInterface;
pub use library::{LIBRARY_FNS, LIBRARY_PREFIX, LibraryConfig, LibraryImport, LibraryStatus};
pub use on_trap::{
    CORE_DUMP_SYMBOL, DumpFunction, DumpGlobal, DumpMemory, ON_TRAP_SYMBOL, dump_local,
};
pub use p2::P2;
pub use p2_drafts::{DraftPolicy, DraftVersion, LogFlags, P2_DRAFTS, draft_versions};
pub use p2_http::P2_HTTP;
pub use p3::P3;
pub use p3_drafts::P3_DRAFTS;
pub use p3_http::P3_HTTP;
pub use profile::{
    PROFILE_ALIGN, PROFILE_BEGIN_SYMBOL, PROFILE_CALL_COUNTERS, PROFILE_COUNTERS_SYMBOL,
    PROFILE_MAGIC, PROFILE_TARGETS, PROFILE_VARIABLE, PROFILE_VERSION, ProfileFunction,
    ProfileHeader,
};
pub use program::{
    CallSite, CodeMap, EnvVar, Export, FindFrame, Handler, Hardening, HttpFlags, HttpPolicy,
    Instance, OnTrap, Policy, PolicyFlags, Preopen, PreopenFlags, Profile, Program,
    RANDOM_BYTES_MAX, Rare, Region, Streams, TableInit, Threads, ValueType,
};
pub use resources::{GUEST_RESOURCES, host_resource, host_resource_p3};
pub use server::{SERVER_OPTIONS, ServerValue};
pub use slice::{Slice, Str};
pub use spectest::SPECTEST;
pub use system_calls::SystemCalls;
pub use tasks::{
    AsyncCall, AsyncLift, BLOCKED, EndType, EventCode, FIBER_RUN_SYMBOL, LiftFlags, SubtaskState,
    TaskReturn, ThreadStart,
};
pub use trap::TrapCode;

/// The layout version of everything in this crate. The runtime exports the symbol
/// [`STAMP_SYMBOL`] and every object refers to it, so that an object and a runtime library of
/// different versions do not link.
pub const VERSION: u32 = 7;

/// See [`VERSION`]. Change the digit here and in `stamp!` together with it.
pub const STAMP_SYMBOL: &str = "wasmelt_abi_7";

/// The tag of the handler by which a function that an embedder calls is told of a trap. No tag of a
/// program has this number.
pub const TRAP_TAG: u32 = u32::MAX - 1;

/// Expands to the item that defines the stamp symbol; invoked once, by the runtime library.
#[macro_export]
macro_rules! stamp {
    () => {
        #[unsafe(no_mangle)]
        static wasmelt_abi_7: u8 = 7;
    };
}

/// The symbol of the [`Program`] that the compiler writes and the runtime's `main` reads.
pub const PROGRAM_SYMBOL: &str = "wasmelt_program";

/// Where a process keeps the address of its first store: debug information refers to it.
pub const FIRST_STORE_SYMBOL: &str = "wasmelt_first_store";

/// The [`HttpPolicy`] of a program that has to do with `wasi:http`.
pub const HTTP_SYMBOL: &str = "wasmelt_http";

/// The [`DraftPolicy`] of a program that calls functions of [`P2_DRAFTS`].
pub const DRAFTS_SYMBOL: &str = "wasmelt_drafts";

/// The symbol that [`DraftPolicy::provide_file`] holds where pairs are kept in a file.
pub const KEYVALUE_FILE_SYMBOL: &str = "wasmelt_keyvalue_file";

/// The [`GcProgram`] of a program that allocates garbage-collected objects.
pub const GC_SYMBOL: &str = "wasmelt_gc";

/// The symbol that [`Program::host_init`] holds in a hardened program that is no server.
pub const HARDEN_SYMBOL: &str = "wasmelt_harden";

/// The symbol that [`Hardening::restrict`] holds in a server.
pub const RESTRICT_SYMBOL: &str = "wasmelt_restrict";

/// The symbol that [`EmbeddedTree::provide`] holds.
pub const EMBEDDED_SYMBOL: &str = "wasmelt_embedded";

/// The same where it is compressed.
pub const PACKED_SYMBOL: &str = "wasmelt_embedded_packed";

/// The symbol that [`HttpPolicy::provide_tls`] holds in a program that may send requests.
pub const HTTP_TLS_SYMBOL: &str = "wasmelt_http_tls";

/// The symbol that [`HttpPolicy::offer_http2`] holds in a server that speaks HTTP/2.
pub const HTTP_SERVER_HTTP2_SYMBOL: &str = "wasmelt_http_server_http2";

/// The symbol that [`HttpPolicy::offer_tls`] holds in a server that can speak TLS.
pub const HTTP_SERVER_TLS_SYMBOL: &str = "wasmelt_http_server_tls";

/// Prefix of the symbols of runtime functions (`memory_grow` is `wasmelt_memory_grow`).
pub const RUNTIME_FN_PREFIX: &str = "wasmelt_";

/// Prefix of the symbols of the host functions of `wasi_snapshot_preview1`.
pub const P1_PREFIX: &str = "wasmelt_p1_";

/// Prefix of the symbols of [`P1_WAITING_FNS`] in a program with threads.
pub const P1_THREADS_PREFIX: &str = "wasmelt_p1_threads_";

/// The symbol that [`Program::host_init`] holds in a program that has preopened directories.
pub const P1_INIT_SYMBOL: &str = "wasmelt_p1_init";

/// Prefix of the symbols of those host functions of `wasi_unstable` that differ from their
/// namesakes in `wasi_snapshot_preview1`; the others share the symbol.
pub const P0_PREFIX: &str = "wasmelt_p0_";

/// The symbol of `thread-spawn` of wasi-threads.
pub const THREAD_SPAWN_SYMBOL: &str = "wasmelt_thread_spawn";

/// Flat value type of a parameter or result in a function table of this crate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AbiType {
    I32,
    I64,
    /// A native pointer.
    Ptr,
}

/// One row of a function table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AbiFn {
    /// Name without its symbol prefix.
    pub name: &'static str,
    /// Parameters in order. Host functions have one more before them, the memory (a pointer),
    /// which is not listed.
    pub params: &'static [AbiType],
    /// The result, if any.
    pub result: Option<AbiType>,
    /// Whether the function never returns.
    pub diverges: bool,
}

#[doc(hidden)]
#[macro_export]
macro_rules! abi_type {
    (i32) => {
        $crate::AbiType::I32
    };
    (i64) => {
        $crate::AbiType::I64
    };
    (ptr) => {
        $crate::AbiType::Ptr
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! abi_fns {
    ($( $name:ident ( $($pname:ident : $param:ident),* ) -> $result:tt ; )*) => {
        &[$(
            $crate::AbiFn {
                name: stringify!($name),
                params: &[$($crate::abi_type!($param)),*],
                result: $crate::abi_fns!(@result $result),
                diverges: $crate::abi_fns!(@diverges $result),
            },
        )*]
    };
    (@result ()) => { None };
    (@result !) => { None };
    (@result $r:ident) => { Some($crate::abi_type!($r)) };
    (@diverges !) => { true };
    (@diverges $other:tt) => { false };
}

/// The runtime functions, in table order.
pub const RUNTIME_FNS: &[AbiFn] = for_each_runtime_fn!(abi_fns);

/// The 46 functions of `wasi_snapshot_preview1`, in the order of the witx document.
pub const P1_FNS: &[AbiFn] = for_each_p1_fn!(abi_fns);

/// Those that may wait for long.
pub const P1_WAITING_FNS: &[AbiFn] = for_each_p1_waiting_fn!(abi_fns);

/// The functions of `wasi_unstable` whose layout or constants differ from
/// `wasi_snapshot_preview1`; the flat signatures are those of [`P1_FNS`].
pub const P0_DIFFERENT: &[&str] = &[
    "fd_filestat_get",
    "fd_seek",
    "path_filestat_get",
    "poll_oneoff",
];
