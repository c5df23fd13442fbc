//! Resolved options: what the command line decides before anything is compiled.

use crate::embedded::Embedded;
use crate::gate::Gate;
use crate::profile::ProfileFile;
use crate::proposal::Proposal;
use crate::target::{Target, TargetCpu};
use crate::withheld::Withheld;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

/// How an input is compiled. `Options::default()` is what a plain `wasmelt app.wasm` uses.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name of the program for messages and function names: the input's file stem.
    pub name: String,
    pub entry: Entry,
    /// What a server speaks besides HTTP/1.1.
    pub protocols: Protocols,
    /// Words that stand first on the command line of a server (`--server`).
    pub server: Vec<String>,
    /// Modules that provide imports of a module, in the order in which they are instantiated.
    pub preloads: Vec<Preload>,
    pub opt_level: OptLevel,
    /// Backtraces with offsets and lines, and DWARF for debuggers.
    pub debug_info: DebugInfo,
    /// Files with debug information, by the names that modules have for them.
    pub debug_files: BTreeMap<String, Vec<u8>>,
    pub target: &'static Target,
    pub target_cpu: TargetCpu,
    /// Names of features that code uses, or does not, whatever `target_cpu` says
    /// (`-C target-feature`).
    pub target_features: Vec<(&'static str, bool)>,
    /// Calls on AArch64 reach no further than this, where that is less than the processor's reach:
    /// tests see so what becomes of programs that are larger than that.
    pub call_reach_bytes_max: Option<u64>,
    /// Callees of up to this many CLIF values are inlined; 0 switches inlining off, as does
    /// [`OptLevel::None`].
    pub inline_values_max: u32,
    /// How registers are allocated (`-O regalloc-algorithm`), if not as the level says.
    pub register_allocation: Option<RegisterAllocation>,
    /// Moves of the register allocator that change nothing are removed (`-O spill-cleanup`); never
    /// with [`OptLevel::None`].
    pub spill_cleanup: bool,
    /// Instructions of x86-64 are encoded in as few bytes as they can be (`-O short-encodings`);
    /// never with [`OptLevel::None`].
    pub short_encodings: bool,
    /// Small loops of x86-64 code are moved into a line of the cache (`-O loop-padding`); with
    /// [`OptLevel::Speed`] alone, and where encodings are short.
    pub loop_padding: bool,
    /// Branches through tables, and indices of constant tables, are made with fewer instructions
    /// (`-O branch-tables`); never with [`OptLevel::None`].
    pub branch_tables: bool,
    /// Fields of objects that always hold one value are that value, and calls by references go to the
    /// functions that there can be (`-O constant-fields`).
    pub constant_fields: bool,
    /// Loops that look for a byte look at several at a time (`-O byte-loops`); with
    /// [`OptLevel::Speed`] alone, and on processors whose vectors are always there.
    pub byte_loops: bool,
    /// Our own optimiser takes the place of Cranelift's, and values that are known, made again or carried twice
    /// are simplified once more (`-O simplify`); never with [`OptLevel::None`].
    pub simplify: bool,
    /// The next state of a state machine follows where it is set (`-O jump-threading`); with [`OptLevel::Speed`] and
    /// [`Options::simplify`] alone.
    pub jump_threading: bool,
    /// Numbers whose bytes are loaded one by one are loaded at once (`-O byte-order`), on processors that
    /// load from anywhere alike; never with [`OptLevel::None`].
    pub byte_order: bool,
    /// Address space of each memory (`-O memory-reservation`). Where that is less than its indices
    /// reach, for processes that cannot reserve much, bounds are checked in code rather than with
    /// guard pages, and a memory that begins with less never grows beyond it.
    pub memory_reservation_bytes: Option<u64>,
    /// Cap on the bytes of each linear memory (`-W max-memory-size`).
    pub memory_bytes_max: Option<u64>,
    /// Native stack for compiled code in bytes (`-W max-wasm-stack`); the system's limit if none.
    pub stack_bytes_max: Option<u64>,
    /// Bytes of garbage-collected objects (`-W max-gc-heap-size`); address space is the limit if none.
    pub gc_heap_bytes_max: Option<u64>,
    /// So many threads run at once, besides the first (`-W max-threads`); a default if none.
    pub threads_max: Option<u64>,
    /// What becomes of functions that nothing provides.
    pub unknown_imports: UnknownImports,
    /// How many of some things a program may have.
    pub counts: Counts,
    /// A memory or table that cannot grow is a trap (`-W trap-on-grow-failure`).
    pub trap_on_grow_failure: bool,
    /// NaN results have the same bits on every processor (`-W nan-canonicalization`).
    pub nan_canonicalization: bool,
    /// Operators of relaxed SIMD have the results that every processor has.
    pub relaxed_simd_deterministic: bool,
    /// What of the host's interfaces a program is not to have (`-S cli=n`, and such).
    pub withheld: Withheld,
    /// `wasi:clocks/timezone`, which WASI calls unstable, may be imported (`-S clocks-timezone`).
    pub clocks_timezone: bool,
    /// `wasi:tls`, which WASI calls unstable, may be imported (`-S tls`).
    pub tls: bool,
    /// Features of the component model that are allowed although they may change.
    pub gates: BTreeSet<Gate>,
    /// Proposals that are refused (`-W simd=n`).
    pub proposals_off: BTreeSet<Proposal>,
    pub policy: Policy,
    /// Text for `inspect`, kept in the executable's section [`crate::POLICY_SECTION`].
    pub policy_note: Option<String>,
    /// The program counts what it runs, and writes that to this file (`--profile-generate`).
    pub profile_generate: Option<PathBuf>,
    /// What earlier runs have counted (`--profile-use`).
    pub profile_use: Vec<ProfileFile>,
    /// Also produce text: see [`crate::Compiled::text`].
    pub emit_text: Option<TextKind>,
    /// The object is for other linkers than ours (`--emit obj`).
    pub portable_object: bool,
    /// The executable is for Linux, and may be loaded anywhere (`-C pie`).
    pub position_independent: bool,
    /// What a trap leaves behind besides its message (`-D coredump`, `-D abort`).
    pub on_trap: OnTrap,
    /// Run Cranelift's verifier over every function, and follow each value through the registers that
    /// it was given (slow; tests).
    pub verify: bool,
}

/// What becomes of a function that a program imports and nothing provides.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum UnknownImports {
    /// The program is refused.
    #[default]
    Refuse,
    /// A call traps (`-W unknown-imports-trap`).
    Trap,
    /// A call gives zeros and null references; for modules alone (`-W unknown-imports-default`).
    Default,
}

/// Upper limits; none where there is nothing.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counts {
    /// Core instances (`-W max-instances`).
    pub instances: Option<u64>,
    /// `-W max-memories`.
    pub memories: Option<u64>,
    /// `-W max-tables`.
    pub tables: Option<u64>,
    /// Of each table (`-W max-table-elements`).
    pub table_elements: Option<u64>,
}

/// What a server can, and is linked with for that.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Protocols {
    /// HTTP/2 (`--http2`).
    pub http2: bool,
    /// TLS, if it is started with a certificate (`--tls`, which has HTTP/2 too).
    pub tls: bool,
}

/// What runs when the executable starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entry {
    /// `_start`, or of a component its handler of requests, or `wasi:cli/run` if it has none.
    Command,
    /// The same; of a module without one, its instantiation is all.
    CommandOrLibrary,
    /// As `Command`, but not a handler.
    Run,
    /// The handler of requests, which there has to be.
    Serve,
    /// None: a library, whose exports an embedder calls.
    Library,
    /// The named export, with arguments from the command line of the executable.
    Invoke(String),
}

/// A module whose exports are what modules behind it import under a name (`--preload`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Preload {
    pub name: String,
    /// Binary or text.
    pub bytes: Vec<u8>,
}

/// What a trap leaves behind besides its message.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct OnTrap {
    /// The file of a core dump of WebAssembly.
    pub core_dump: Option<PathBuf>,
    /// The process ends by a signal, of which the system may make a core dump of its own.
    pub aborts: bool,
}

impl OnTrap {
    /// The key of `-D` that asks for something; the first if there are several.
    #[must_use]
    pub fn key(&self) -> Option<&'static str> {
        match self {
            OnTrap {
                core_dump: Some(_), ..
            } => Some("coredump"),
            OnTrap { aborts: true, .. } => Some("abort"),
            _ => None,
        }
    }
}

/// How registers are allocated.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RegisterAllocation {
    /// By our own allocator.
    Scan,
    /// By regalloc2.
    Backtracking,
    /// By our own quick allocator.
    SinglePass,
}

impl Options {
    /// Whether the executable knows of each place in its code where in the input it is from.
    #[must_use]
    pub fn keeps_offsets(&self) -> bool {
        self.debug_info.is_on() || self.dumps_core()
    }

    /// Whether it is kept where the values of locals are.
    #[must_use]
    pub fn follows_locals(&self) -> bool {
        self.debug_info == DebugInfo::Full || self.dumps_core()
    }

    /// Whether a trap leaves a core dump behind.
    #[must_use]
    pub fn dumps_core(&self) -> bool {
        self.on_trap.core_dump.is_some()
    }

    /// How registers are allocated: where nothing is said, developers wait for the compiler.
    #[must_use]
    pub fn registers(&self) -> RegisterAllocation {
        self.register_allocation.unwrap_or(match self.opt_level {
            OptLevel::None => RegisterAllocation::SinglePass,
            OptLevel::Speed | OptLevel::SpeedAndSize => RegisterAllocation::Scan,
        })
    }
}

/// `-g`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DebugInfo {
    None,
    /// Offsets, lines, and functions that are inlined.
    Lines,
    /// Variables and types, too.
    Full,
}

impl DebugInfo {
    #[must_use]
    pub fn is_on(self) -> bool {
        self != DebugInfo::None
    }
}

/// `-O`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OptLevel {
    None,
    Speed,
    SpeedAndSize,
}

/// `--emit clif` and `--emit asm`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TextKind {
    Clif,
    Asm,
}

/// What the executable may do. Baked in when it is built.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Policy {
    pub dirs: Vec<Dir>,
    /// Files inside the executable, which lie over the directories.
    pub embedded: Vec<Embedded>,
    /// What is embedded is compressed.
    pub compress_embedded: bool,
    pub env: Vec<EnvVar>,
    pub argv0: Option<String>,
    /// Put before the arguments of the command line.
    pub args: Vec<String>,
    pub inherit_env: bool,
    pub inherit_network: bool,
    /// The network, but for TCP (`-S tcp=n`).
    pub no_tcp: bool,
    /// The network, but for UDP (`-S udp=n`).
    pub no_udp: bool,
    pub allow_ip_name_lookup: bool,
    /// Requests of HTTP may be sent. Whoever has the network has this too.
    pub http: bool,
    /// To whom: `HOST` or `HOST:PORT`, where `*.HOST` is all names below it. If there are none, to
    /// anybody.
    pub http_hosts: Vec<String>,
    /// Standard streams that the program does not get (`-S inherit-stdout=n`).
    pub withheld_streams: WithheldStreams,
    /// The program ends with a trap after this time (`-W timeout`).
    pub timeout: Option<Duration>,
    /// No call of WASI 0.2 or 0.3 gives more random bytes (`-S max-random-size`).
    pub random_bytes_max: Option<u64>,
    /// What components are told is their working directory at the start (`-S cwd`).
    pub cwd: Option<String>,
    /// The kernel keeps the program to all this (`--harden`).
    pub is_hardened: bool,
    /// What `wasi:config` gives (`-S config-var`).
    pub config: Vec<EnvVar>,
    pub keyvalue: KeyValue,
    /// The directory of the containers of `wasi:blobstore` (`-S blobstore-dir`).
    pub blobstore_dir: Option<String>,
    pub log: Log,
}

/// What `wasi:keyvalue` has.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct KeyValue {
    /// What the nameless bucket has at first, in memory (`-S keyvalue-in-memory-data`).
    pub pairs: Vec<EnvVar>,
    /// Names of other buckets (`-S keyvalue-bucket`).
    pub buckets: Vec<String>,
    /// The file that keeps them all (`-S keyvalue-file`).
    pub file: Option<String>,
}

/// What `wasi:logging` writes.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Log {
    /// Nothing below it (`-S logging-level`).
    pub level: LogLevel,
    /// A line is an object of JSON (`-S logging-format`).
    pub is_json: bool,
}

/// As `wasi:logging` numbers them.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum LogLevel {
    #[default]
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}

impl Policy {
    /// Whether requests of HTTP may be sent to anybody at all.
    #[must_use]
    pub fn grants_http(&self) -> bool {
        self.http || self.inherit_network || !self.http_hosts.is_empty()
    }

    /// Whether something has to be seen to before the program runs.
    pub(crate) fn is_restricted(&self) -> bool {
        self.timeout.is_some() || self.withheld_streams != WithheldStreams::default()
    }

    /// Whether the program finds directories open.
    pub(crate) fn has_directories(&self) -> bool {
        !self.dirs.is_empty() || !self.embedded.is_empty()
    }

    /// Whether it has more than most programs' have.
    pub(crate) fn has_rare(&self) -> bool {
        self.is_restricted()
            || self.random_bytes_max.is_some()
            || self.cwd.is_some()
            || self.is_hardened
            || !self.embedded.is_empty()
    }
}

/// Standard streams that a program does not get: input ends at once, output is lost.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct WithheldStreams {
    pub stdin: bool,
    pub stdout: bool,
    pub stderr: bool,
}

/// `--dir HOST[::GUEST]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dir {
    pub host: PathBuf,
    pub guest: String,
    pub read_only: bool,
    /// Left out without an error when it does not exist at run time.
    pub optional: bool,
}

/// `--env NAME[=VALUE]`; without a value, the one that the process has at run time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnvVar {
    pub name: String,
    pub value: Option<String>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            name: String::from("module"),
            entry: Entry::Command,
            protocols: Protocols::default(),
            server: Vec::new(),
            preloads: Vec::new(),
            opt_level: OptLevel::Speed,
            debug_info: DebugInfo::None,
            debug_files: BTreeMap::new(),
            target: Target::host(),
            target_cpu: TargetCpu::Default,
            target_features: Vec::new(),
            inline_values_max: 35,
            register_allocation: None,
            spill_cleanup: true,
            short_encodings: true,
            loop_padding: true,
            branch_tables: true,
            constant_fields: true,
            byte_loops: true,
            simplify: true,
            jump_threading: true,
            byte_order: true,
            memory_reservation_bytes: None,
            memory_bytes_max: None,
            stack_bytes_max: None,
            gc_heap_bytes_max: None,
            threads_max: None,
            unknown_imports: UnknownImports::Refuse,
            counts: Counts::default(),
            trap_on_grow_failure: false,
            nan_canonicalization: false,
            relaxed_simd_deterministic: false,
            withheld: Withheld::default(),
            clocks_timezone: false,
            tls: false,
            gates: BTreeSet::new(),
            proposals_off: BTreeSet::new(),
            policy: Policy::default(),
            policy_note: None,
            profile_generate: None,
            profile_use: Vec::new(),
            emit_text: None,
            portable_object: false,
            position_independent: false,
            on_trap: OnTrap::default(),
            call_reach_bytes_max: None,
            verify: cfg!(debug_assertions),
        }
    }
}
