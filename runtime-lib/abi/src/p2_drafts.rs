//! Interfaces of WASI that are drafts yet, each with the versions of its package that are served.
//!
//! They are told from others by their names, and beside WASI 0.2 in everything else.
//! A type is written as in [`crate::HostInterface`].

use crate::interface::HostInterface;
use crate::program::EnvVar;
use crate::slice::{Slice, Str};

pub const P2_DRAFTS: &[HostInterface] = &[
    HostInterface {
        name: "wasi:config/store",
        types: &[("error", "variant{upstream:string,io:string}")],
        fns: &[
            ("get", "(string)->result<option<string>,$error>"),
            ("get-all", "()->result<list<tuple<string,string>>,$error>"),
        ],
    },
    HostInterface {
        name: "wasi:keyvalue/store",
        types: &[
            ("bucket", "resource"),
            ("error", "variant{no-such-store,access-denied,other:string}"),
            (
                "key-response",
                "record{keys:list<string>,cursor:option<u64>}",
            ),
        ],
        fns: &[
            ("open", "(string)->result<own<$bucket>,$error>"),
            (
                "[method]bucket.get",
                "(borrow<$bucket>,string)->result<option<list<u8>>,$error>",
            ),
            (
                "[method]bucket.set",
                "(borrow<$bucket>,string,list<u8>)->result<_,$error>",
            ),
            (
                "[method]bucket.delete",
                "(borrow<$bucket>,string)->result<_,$error>",
            ),
            (
                "[method]bucket.exists",
                "(borrow<$bucket>,string)->result<bool,$error>",
            ),
            (
                "[method]bucket.list-keys",
                "(borrow<$bucket>,option<u64>)->result<$key-response,$error>",
            ),
        ],
    },
    HostInterface {
        name: "wasi:keyvalue/atomics",
        types: &[
            ("bucket", "wasi:keyvalue/store.bucket"),
            ("error", "wasi:keyvalue/store.error"),
        ],
        fns: &[(
            "increment",
            "(borrow<$bucket>,string,u64)->result<u64,$error>",
        )],
    },
    HostInterface {
        name: "wasi:keyvalue/batch",
        types: &[
            ("bucket", "wasi:keyvalue/store.bucket"),
            ("error", "wasi:keyvalue/store.error"),
        ],
        fns: &[
            (
                "get-many",
                "(borrow<$bucket>,list<string>)->result<list<option<tuple<string,list<u8>>>>,$error>",
            ),
            (
                "set-many",
                "(borrow<$bucket>,list<tuple<string,list<u8>>>)->result<_,$error>",
            ),
            (
                "delete-many",
                "(borrow<$bucket>,list<string>)->result<_,$error>",
            ),
        ],
    },
    HostInterface {
        name: "wasi:logging/logging",
        types: &[("level", "enum{trace,debug,info,warn,error,critical}")],
        fns: &[("log", "($level,string,string)")],
    },
];

/// The packages of [`P2_DRAFTS`] with their versions; the empty one is no version at all.
const VERSIONS: &[(&str, &[&str])] = &[
    ("wasi:config", &["0.2.0-rc.1"]),
    ("wasi:keyvalue", &["0.2.0-draft"]),
    ("wasi:logging", &["0.1.0-draft", ""]),
];

/// The versions of a draft's interface that are served; none if it is not one of [`P2_DRAFTS`].
#[must_use]
pub fn draft_versions(interface: &str) -> Option<&'static [&'static str]> {
    let package = interface.split('/').next()?;
    let row = VERSIONS.iter().find(|(name, _)| *name == package)?;
    Some(row.1)
}

/// What a program has that calls functions of [`P2_DRAFTS`].
#[repr(C)]
#[derive(Debug)]
pub struct DraftPolicy {
    /// What `wasi:config` gives; what has no value has that of the environment when the program
    /// asks.
    pub config: Slice<EnvVar>,
    /// The pairs that the nameless bucket of `wasi:keyvalue` has at first, in memory.
    pub pairs: Slice<EnvVar>,
    /// Names of the other buckets.
    pub buckets: Slice<Str>,
    /// The file that has them all, as the working directory sees it at the start; none when `start`
    /// is null.
    pub file: Str,
    /// Gives the thread what reads that file: symbol [`crate::KEYVALUE_FILE_SYMBOL`].
    pub provide_file: Option<extern "C" fn()>,
    /// The first `level` that `wasi:logging` writes.
    pub log_level: u64,
    /// Bits of [`LogFlags`].
    pub log_flags: u64,
}

// SAFETY: it is read-only data.
unsafe impl Sync for DraftPolicy {}

/// Bits of [`DraftPolicy::log_flags`].
#[derive(Debug)]
pub struct LogFlags;

impl LogFlags {
    /// A line is an object of JSON.
    pub const JSON: u64 = 1;
}
