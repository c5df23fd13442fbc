//! Interfaces of WASI that are drafts yet, each with the versions of its package that are served.
//!
//! They are told from others by their names, and beside WASI 0.2 in everything else.
//! A type is written as in [`crate::HostInterface`].

use crate::interface::HostInterface;
use crate::program::EnvVar;
use crate::slice::{Slice, Str};

/// Those of `wasi:keyvalue/batch`, the same in both drafts.
const KEYVALUE_BATCH: &[(&str, &str)] = &[
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
];

/// `error` of `wasi:keyvalue/store`, likewise.
const KEYVALUE_ERROR: &str = "variant{no-such-store,access-denied,other:string}";

pub const P2_DRAFTS: &[HostInterface] = &[
    HostInterface {
        name: "wasi:blobstore/types",
        types: &[
            ("outgoing-value", "resource"),
            ("incoming-value", "resource"),
            ("input-stream", "wasi:io/streams.input-stream"),
            ("output-stream", "wasi:io/streams.output-stream"),
            ("error", "string"),
            ("object-id", "record{container:string,object:string}"),
            ("container-metadata", "record{name:string,created-at:u64}"),
            (
                "object-metadata",
                "record{name:string,container:string,created-at:u64,size:u64}",
            ),
        ],
        fns: &[
            (
                "[static]outgoing-value.new-outgoing-value",
                "()->own<$outgoing-value>",
            ),
            (
                "[method]outgoing-value.outgoing-value-write-body",
                "(borrow<$outgoing-value>)->result<own<$output-stream>,_>",
            ),
            (
                "[static]outgoing-value.finish",
                "(own<$outgoing-value>)->result<_,$error>",
            ),
            (
                "[static]incoming-value.incoming-value-consume-sync",
                "(own<$incoming-value>)->result<list<u8>,$error>",
            ),
            (
                "[static]incoming-value.incoming-value-consume-async",
                "(own<$incoming-value>)->result<own<$input-stream>,$error>",
            ),
            (
                "[method]incoming-value.size",
                "(borrow<$incoming-value>)->u64",
            ),
        ],
    },
    HostInterface {
        name: "wasi:blobstore/container",
        types: &[
            ("container", "resource"),
            ("stream-object-names", "resource"),
            ("error", "wasi:blobstore/types.error"),
            ("incoming-value", "wasi:blobstore/types.incoming-value"),
            ("outgoing-value", "wasi:blobstore/types.outgoing-value"),
            (
                "container-metadata",
                "wasi:blobstore/types.container-metadata",
            ),
            ("object-metadata", "wasi:blobstore/types.object-metadata"),
        ],
        fns: &[
            (
                "[method]container.name",
                "(borrow<$container>)->result<string,$error>",
            ),
            (
                "[method]container.info",
                "(borrow<$container>)->result<$container-metadata,$error>",
            ),
            (
                "[method]container.get-data",
                "(borrow<$container>,string,u64,u64)->result<own<$incoming-value>,$error>",
            ),
            (
                "[method]container.write-data",
                "(borrow<$container>,string,borrow<$outgoing-value>)->result<_,$error>",
            ),
            (
                "[method]container.list-objects",
                "(borrow<$container>)->result<own<$stream-object-names>,$error>",
            ),
            (
                "[method]container.delete-object",
                "(borrow<$container>,string)->result<_,$error>",
            ),
            (
                "[method]container.delete-objects",
                "(borrow<$container>,list<string>)->result<_,$error>",
            ),
            (
                "[method]container.has-object",
                "(borrow<$container>,string)->result<bool,$error>",
            ),
            (
                "[method]container.object-info",
                "(borrow<$container>,string)->result<$object-metadata,$error>",
            ),
            (
                "[method]container.clear",
                "(borrow<$container>)->result<_,$error>",
            ),
            (
                "[method]stream-object-names.read-stream-object-names",
                "(borrow<$stream-object-names>,u64)->result<tuple<list<string>,bool>,$error>",
            ),
            (
                "[method]stream-object-names.skip-stream-object-names",
                "(borrow<$stream-object-names>,u64)->result<tuple<u64,bool>,$error>",
            ),
        ],
    },
    HostInterface {
        name: "wasi:blobstore/blobstore",
        types: &[
            ("container", "wasi:blobstore/container.container"),
            ("error", "wasi:blobstore/types.error"),
            ("object-id", "wasi:blobstore/types.object-id"),
        ],
        fns: &[
            (
                "create-container",
                "(string)->result<own<$container>,$error>",
            ),
            ("get-container", "(string)->result<own<$container>,$error>"),
            ("delete-container", "(string)->result<_,$error>"),
            ("container-exists", "(string)->result<bool,$error>"),
            ("copy-object", "($object-id,$object-id)->result<_,$error>"),
            ("move-object", "($object-id,$object-id)->result<_,$error>"),
        ],
    },
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
            ("error", KEYVALUE_ERROR),
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
        fns: KEYVALUE_BATCH,
    },
    HostInterface {
        name: "wasi:keyvalue-draft2/store",
        types: &[
            ("bucket", "resource"),
            ("error", KEYVALUE_ERROR),
            (
                "key-response",
                "record{keys:list<string>,cursor:option<string>}",
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
                "(borrow<$bucket>,option<string>)->result<$key-response,$error>",
            ),
        ],
    },
    HostInterface {
        name: "wasi:keyvalue-draft2/atomics",
        types: &[
            ("bucket", "wasi:keyvalue-draft2/store.bucket"),
            ("error", "wasi:keyvalue-draft2/store.error"),
            ("cas", "resource"),
            (
                "cas-error",
                "variant{store-error:$error,cas-failed:own<$cas>}",
            ),
        ],
        fns: &[
            (
                "[static]cas.new",
                "(borrow<$bucket>,string)->result<own<$cas>,$error>",
            ),
            (
                "[method]cas.current",
                "(borrow<$cas>)->result<option<list<u8>>,$error>",
            ),
            (
                "increment",
                "(borrow<$bucket>,string,s64)->result<s64,$error>",
            ),
            ("swap", "(own<$cas>,list<u8>)->result<_,$cas-error>"),
        ],
    },
    HostInterface {
        name: "wasi:keyvalue-draft2/batch",
        types: &[
            ("bucket", "wasi:keyvalue-draft2/store.bucket"),
            ("error", "wasi:keyvalue-draft2/store.error"),
        ],
        fns: KEYVALUE_BATCH,
    },
    HostInterface {
        name: "wasi:logging/logging",
        types: &[("level", "enum{trace,debug,info,warn,error,critical}")],
        fns: &[("log", "($level,string,string)")],
    },
    HostInterface {
        name: "wasi:tls/types",
        types: &[
            ("client-handshake", "resource"),
            ("client-connection", "resource"),
            ("future-client-streams", "resource"),
            ("input-stream", "wasi:io/streams.input-stream"),
            ("output-stream", "wasi:io/streams.output-stream"),
            ("pollable", "wasi:io/poll.pollable"),
            ("io-error", "wasi:io/error.error"),
        ],
        fns: &[
            (
                "[constructor]client-handshake",
                "(string,own<$input-stream>,own<$output-stream>)->own<$client-handshake>",
            ),
            (
                "[static]client-handshake.finish",
                "(own<$client-handshake>)->own<$future-client-streams>",
            ),
            (
                "[method]client-connection.close-output",
                "(borrow<$client-connection>)",
            ),
            (
                "[method]future-client-streams.subscribe",
                "(borrow<$future-client-streams>)->own<$pollable>",
            ),
            (
                "[method]future-client-streams.get",
                "(borrow<$future-client-streams>)->option<result<result<tuple<\
                 own<$client-connection>,own<$input-stream>,own<$output-stream>>,own<$io-error>>,_>>",
            ),
        ],
    },
];

/// A version of a draft that is served.
#[derive(Clone, Copy, Debug)]
pub struct DraftVersion {
    /// The package that is imported.
    pub package: &'static str,
    /// Its version; empty for none at all.
    pub version: &'static str,
    /// What the package is called in [`P2_DRAFTS`], or in [`crate::P3_DRAFTS`] if its version is of
    /// WASI 0.3.
    pub row: &'static str,
}

const fn version(package: &'static str, version: &'static str, row: &'static str) -> DraftVersion {
    DraftVersion {
        package,
        version,
        row,
    }
}

const VERSIONS: &[DraftVersion] = &[
    version("wasi:blobstore", "0.2.0-draft", "wasi:blobstore"),
    version("wasi:config", "0.2.0-rc.1", "wasi:config"),
    version("wasi:keyvalue", "0.2.0-draft", "wasi:keyvalue"),
    version("wasi:keyvalue", "0.2.0-draft2", "wasi:keyvalue-draft2"),
    version("wasi:logging", "0.1.0-draft", "wasi:logging"),
    version("wasi:logging", "", "wasi:logging"),
    version("wasi:tls", "0.2.0-draft", "wasi:tls"),
    version("wasi:tls", "0.3.0-draft", "wasi:tls"),
];

/// The versions of a draft's interface that are served; none if it is of no draft.
pub fn draft_versions(interface: &str) -> impl Iterator<Item = &'static DraftVersion> {
    let package = interface.split('/').next().unwrap_or(interface);
    VERSIONS.iter().filter(move |row| row.package == package)
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
    /// The directory of the containers of `wasi:blobstore`, as the working directory sees it at the
    /// start; none when `start` is null.
    pub blobs: Str,
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
