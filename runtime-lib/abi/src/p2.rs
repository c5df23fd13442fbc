//! The interfaces of WASI 0.2.12 that the runtime library implements, `wasi:http` excepted.
//!
//! A type is written as in [`crate::HostInterface`].

use crate::interface::HostInterface;
use crate::p2_sockets::P2_SOCKETS;

pub const P2: &[HostInterface] = &joined::<{ OTHERS.len() + P2_SOCKETS.len() }>(OTHERS, P2_SOCKETS);

/// Both tables, one behind the other.
const fn joined<const N: usize>(
    first: &[HostInterface],
    second: &[HostInterface],
) -> [HostInterface; N] {
    let mut all = [first[0]; N];
    let mut at = 0;
    while at < N {
        all[at] = if at < first.len() {
            first[at]
        } else {
            second[at - first.len()]
        };
        at += 1;
    }
    all
}

const OTHERS: &[HostInterface] = &[
    HostInterface {
        name: "wasi:io/error",
        types: &[("error", "resource")],
        fns: &[("[method]error.to-debug-string", "(borrow<$error>)->string")],
    },
    HostInterface {
        name: "wasi:io/poll",
        types: &[("pollable", "resource")],
        fns: &[
            ("[method]pollable.ready", "(borrow<$pollable>)->bool"),
            ("[method]pollable.block", "(borrow<$pollable>)"),
            ("poll", "(list<borrow<$pollable>>)->list<u32>"),
        ],
    },
    HostInterface {
        name: "wasi:io/streams",
        types: &[
            ("error", "wasi:io/error.error"),
            ("pollable", "wasi:io/poll.pollable"),
            (
                "stream-error",
                "variant{last-operation-failed:own<$error>,closed}",
            ),
            ("input-stream", "resource"),
            ("output-stream", "resource"),
        ],
        fns: &[
            (
                "[method]input-stream.read",
                "(borrow<$input-stream>,u64)->result<list<u8>,$stream-error>",
            ),
            (
                "[method]input-stream.blocking-read",
                "(borrow<$input-stream>,u64)->result<list<u8>,$stream-error>",
            ),
            (
                "[method]input-stream.skip",
                "(borrow<$input-stream>,u64)->result<u64,$stream-error>",
            ),
            (
                "[method]input-stream.blocking-skip",
                "(borrow<$input-stream>,u64)->result<u64,$stream-error>",
            ),
            (
                "[method]input-stream.subscribe",
                "(borrow<$input-stream>)->own<$pollable>",
            ),
            (
                "[method]output-stream.check-write",
                "(borrow<$output-stream>)->result<u64,$stream-error>",
            ),
            (
                "[method]output-stream.write",
                "(borrow<$output-stream>,list<u8>)->result<_,$stream-error>",
            ),
            (
                "[method]output-stream.blocking-write-and-flush",
                "(borrow<$output-stream>,list<u8>)->result<_,$stream-error>",
            ),
            (
                "[method]output-stream.flush",
                "(borrow<$output-stream>)->result<_,$stream-error>",
            ),
            (
                "[method]output-stream.blocking-flush",
                "(borrow<$output-stream>)->result<_,$stream-error>",
            ),
            (
                "[method]output-stream.subscribe",
                "(borrow<$output-stream>)->own<$pollable>",
            ),
            (
                "[method]output-stream.write-zeroes",
                "(borrow<$output-stream>,u64)->result<_,$stream-error>",
            ),
            (
                "[method]output-stream.blocking-write-zeroes-and-flush",
                "(borrow<$output-stream>,u64)->result<_,$stream-error>",
            ),
            (
                "[method]output-stream.splice",
                "(borrow<$output-stream>,borrow<$input-stream>,u64)->result<u64,$stream-error>",
            ),
            (
                "[method]output-stream.blocking-splice",
                "(borrow<$output-stream>,borrow<$input-stream>,u64)->result<u64,$stream-error>",
            ),
        ],
    },
    HostInterface {
        name: "wasi:clocks/monotonic-clock",
        types: &[
            ("pollable", "wasi:io/poll.pollable"),
            ("instant", "u64"),
            ("duration", "u64"),
        ],
        fns: &[
            ("now", "()->$instant"),
            ("resolution", "()->$duration"),
            ("subscribe-instant", "($instant)->own<$pollable>"),
            ("subscribe-duration", "($duration)->own<$pollable>"),
        ],
    },
    HostInterface {
        name: "wasi:clocks/wall-clock",
        types: &[("datetime", "record{seconds:u64,nanoseconds:u32}")],
        fns: &[("now", "()->$datetime"), ("resolution", "()->$datetime")],
    },
    HostInterface {
        name: "wasi:clocks/timezone",
        types: &[
            ("datetime", "wasi:clocks/wall-clock.datetime"),
            (
                "timezone-display",
                "record{utc-offset:s32,name:string,in-daylight-saving-time:bool}",
            ),
        ],
        fns: &[
            ("display", "($datetime)->$timezone-display"),
            ("utc-offset", "($datetime)->s32"),
        ],
    },
    HostInterface {
        name: "wasi:filesystem/types",
        types: &[
            ("input-stream", "wasi:io/streams.input-stream"),
            ("output-stream", "wasi:io/streams.output-stream"),
            ("error", "wasi:io/streams.error"),
            ("datetime", "wasi:clocks/wall-clock.datetime"),
            ("filesize", "u64"),
            (
                "descriptor-type",
                "enum{unknown,block-device,character-device,directory,fifo,symbolic-link,regular-file,socket}",
            ),
            (
                "descriptor-flags",
                "flags{read,write,file-integrity-sync,data-integrity-sync,requested-write-sync,mutate-directory}",
            ),
            ("path-flags", "flags{symlink-follow}"),
            ("open-flags", "flags{create,directory,exclusive,truncate}"),
            ("link-count", "u64"),
            (
                "descriptor-stat",
                "record{type:$descriptor-type,link-count:$link-count,size:$filesize,data-access-timestamp:option<$datetime>,data-modification-timestamp:option<$datetime>,status-change-timestamp:option<$datetime>}",
            ),
            (
                "new-timestamp",
                "variant{no-change,now,timestamp:$datetime}",
            ),
            (
                "directory-entry",
                "record{type:$descriptor-type,name:string}",
            ),
            (
                "error-code",
                "enum{access,would-block,already,bad-descriptor,busy,deadlock,quota,exist,file-too-large,illegal-byte-sequence,in-progress,interrupted,invalid,io,is-directory,loop,too-many-links,message-size,name-too-long,no-device,no-entry,no-lock,insufficient-memory,insufficient-space,not-directory,not-empty,not-recoverable,unsupported,no-tty,no-such-device,overflow,not-permitted,pipe,read-only,invalid-seek,text-file-busy,cross-device}",
            ),
            (
                "advice",
                "enum{normal,sequential,random,will-need,dont-need,no-reuse}",
            ),
            ("metadata-hash-value", "record{lower:u64,upper:u64}"),
            ("descriptor", "resource"),
            ("directory-entry-stream", "resource"),
        ],
        fns: &[
            (
                "[method]descriptor.read-via-stream",
                "(borrow<$descriptor>,$filesize)->result<own<$input-stream>,$error-code>",
            ),
            (
                "[method]descriptor.write-via-stream",
                "(borrow<$descriptor>,$filesize)->result<own<$output-stream>,$error-code>",
            ),
            (
                "[method]descriptor.append-via-stream",
                "(borrow<$descriptor>)->result<own<$output-stream>,$error-code>",
            ),
            (
                "[method]descriptor.advise",
                "(borrow<$descriptor>,$filesize,$filesize,$advice)->result<_,$error-code>",
            ),
            (
                "[method]descriptor.sync-data",
                "(borrow<$descriptor>)->result<_,$error-code>",
            ),
            (
                "[method]descriptor.get-flags",
                "(borrow<$descriptor>)->result<$descriptor-flags,$error-code>",
            ),
            (
                "[method]descriptor.get-type",
                "(borrow<$descriptor>)->result<$descriptor-type,$error-code>",
            ),
            (
                "[method]descriptor.set-size",
                "(borrow<$descriptor>,$filesize)->result<_,$error-code>",
            ),
            (
                "[method]descriptor.set-times",
                "(borrow<$descriptor>,$new-timestamp,$new-timestamp)->result<_,$error-code>",
            ),
            (
                "[method]descriptor.read",
                "(borrow<$descriptor>,$filesize,$filesize)->result<tuple<list<u8>,bool>,$error-code>",
            ),
            (
                "[method]descriptor.write",
                "(borrow<$descriptor>,list<u8>,$filesize)->result<$filesize,$error-code>",
            ),
            (
                "[method]descriptor.read-directory",
                "(borrow<$descriptor>)->result<own<$directory-entry-stream>,$error-code>",
            ),
            (
                "[method]descriptor.sync",
                "(borrow<$descriptor>)->result<_,$error-code>",
            ),
            (
                "[method]descriptor.create-directory-at",
                "(borrow<$descriptor>,string)->result<_,$error-code>",
            ),
            (
                "[method]descriptor.stat",
                "(borrow<$descriptor>)->result<$descriptor-stat,$error-code>",
            ),
            (
                "[method]descriptor.stat-at",
                "(borrow<$descriptor>,$path-flags,string)->result<$descriptor-stat,$error-code>",
            ),
            (
                "[method]descriptor.set-times-at",
                "(borrow<$descriptor>,$path-flags,string,$new-timestamp,$new-timestamp)->result<_,$error-code>",
            ),
            (
                "[method]descriptor.link-at",
                "(borrow<$descriptor>,$path-flags,string,borrow<$descriptor>,string)->result<_,$error-code>",
            ),
            (
                "[method]descriptor.open-at",
                "(borrow<$descriptor>,$path-flags,string,$open-flags,$descriptor-flags)->result<own<$descriptor>,$error-code>",
            ),
            (
                "[method]descriptor.readlink-at",
                "(borrow<$descriptor>,string)->result<string,$error-code>",
            ),
            (
                "[method]descriptor.remove-directory-at",
                "(borrow<$descriptor>,string)->result<_,$error-code>",
            ),
            (
                "[method]descriptor.rename-at",
                "(borrow<$descriptor>,string,borrow<$descriptor>,string)->result<_,$error-code>",
            ),
            (
                "[method]descriptor.symlink-at",
                "(borrow<$descriptor>,string,string)->result<_,$error-code>",
            ),
            (
                "[method]descriptor.unlink-file-at",
                "(borrow<$descriptor>,string)->result<_,$error-code>",
            ),
            (
                "[method]descriptor.is-same-object",
                "(borrow<$descriptor>,borrow<$descriptor>)->bool",
            ),
            (
                "[method]descriptor.metadata-hash",
                "(borrow<$descriptor>)->result<$metadata-hash-value,$error-code>",
            ),
            (
                "[method]descriptor.metadata-hash-at",
                "(borrow<$descriptor>,$path-flags,string)->result<$metadata-hash-value,$error-code>",
            ),
            (
                "[method]directory-entry-stream.read-directory-entry",
                "(borrow<$directory-entry-stream>)->result<option<$directory-entry>,$error-code>",
            ),
            (
                "filesystem-error-code",
                "(borrow<$error>)->option<$error-code>",
            ),
        ],
    },
    HostInterface {
        name: "wasi:filesystem/preopens",
        types: &[("descriptor", "wasi:filesystem/types.descriptor")],
        fns: &[(
            "get-directories",
            "()->list<tuple<own<$descriptor>,string>>",
        )],
    },
    HostInterface {
        name: "wasi:random/insecure-seed",
        types: &[],
        fns: &[("insecure-seed", "()->tuple<u64,u64>")],
    },
    HostInterface {
        name: "wasi:random/insecure",
        types: &[],
        fns: &[
            ("get-insecure-random-bytes", "(u64)->list<u8>"),
            ("get-insecure-random-u64", "()->u64"),
        ],
    },
    HostInterface {
        name: "wasi:random/random",
        types: &[],
        fns: &[
            ("get-random-bytes", "(u64)->list<u8>"),
            ("get-random-u64", "()->u64"),
        ],
    },
    HostInterface {
        name: "wasi:cli/environment",
        types: &[],
        fns: &[
            ("get-environment", "()->list<tuple<string,string>>"),
            ("get-arguments", "()->list<string>"),
            ("initial-cwd", "()->option<string>"),
        ],
    },
    HostInterface {
        name: "wasi:cli/exit",
        types: &[],
        fns: &[("exit", "(result<_,_>)"), ("exit-with-code", "(u8)")],
    },
    HostInterface {
        name: "wasi:cli/stdin",
        types: &[("input-stream", "wasi:io/streams.input-stream")],
        fns: &[("get-stdin", "()->own<$input-stream>")],
    },
    HostInterface {
        name: "wasi:cli/stdout",
        types: &[("output-stream", "wasi:io/streams.output-stream")],
        fns: &[("get-stdout", "()->own<$output-stream>")],
    },
    HostInterface {
        name: "wasi:cli/stderr",
        types: &[("output-stream", "wasi:io/streams.output-stream")],
        fns: &[("get-stderr", "()->own<$output-stream>")],
    },
    HostInterface {
        name: "wasi:cli/terminal-input",
        types: &[("terminal-input", "resource")],
        fns: &[],
    },
    HostInterface {
        name: "wasi:cli/terminal-output",
        types: &[("terminal-output", "resource")],
        fns: &[],
    },
    HostInterface {
        name: "wasi:cli/terminal-stdin",
        types: &[("terminal-input", "wasi:cli/terminal-input.terminal-input")],
        fns: &[("get-terminal-stdin", "()->option<own<$terminal-input>>")],
    },
    HostInterface {
        name: "wasi:cli/terminal-stdout",
        types: &[(
            "terminal-output",
            "wasi:cli/terminal-output.terminal-output",
        )],
        fns: &[("get-terminal-stdout", "()->option<own<$terminal-output>>")],
    },
    HostInterface {
        name: "wasi:cli/terminal-stderr",
        types: &[(
            "terminal-output",
            "wasi:cli/terminal-output.terminal-output",
        )],
        fns: &[("get-terminal-stderr", "()->option<own<$terminal-output>>")],
    },
];
