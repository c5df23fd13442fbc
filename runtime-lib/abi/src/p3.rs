//! The interfaces of WASI 0.3.2, but for `wasi:http`.
//!
//! A type is written as in [`crate::HostInterface`]; that of an async function begins with `async`.

use crate::interface::HostInterface;

pub const P3: &[HostInterface] = &[
    HostInterface {
        name: "wasi:clocks/types",
        types: &[("duration", "u64")],
        fns: &[],
    },
    HostInterface {
        name: "wasi:clocks/monotonic-clock",
        types: &[("duration", "wasi:clocks/types.duration"), ("mark", "u64")],
        fns: &[
            ("now", "()->$mark"),
            ("get-resolution", "()->$duration"),
            ("wait-until", "async($mark)"),
            ("wait-for", "async($duration)"),
        ],
    },
    HostInterface {
        name: "wasi:clocks/system-clock",
        types: &[
            ("duration", "wasi:clocks/types.duration"),
            ("instant", "record{seconds:s64,nanoseconds:u32}"),
        ],
        fns: &[("now", "()->$instant"), ("get-resolution", "()->$duration")],
    },
    HostInterface {
        name: "wasi:clocks/timezone",
        types: &[("instant", "wasi:clocks/system-clock.instant")],
        fns: &[
            ("iana-id", "()->option<string>"),
            ("utc-offset", "($instant)->option<s64>"),
            ("to-debug-string", "()->string"),
        ],
    },
    HostInterface {
        name: "wasi:filesystem/types",
        types: &[
            ("instant", "wasi:clocks/system-clock.instant"),
            ("filesize", "u64"),
            (
                "descriptor-type",
                "variant{block-device,character-device,directory,fifo,symbolic-link,regular-file,socket,other:option<string>}",
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
                "record{type:$descriptor-type,link-count:$link-count,size:$filesize,data-access-timestamp:option<$instant>,data-modification-timestamp:option<$instant>,status-change-timestamp:option<$instant>}",
            ),
            ("new-timestamp", "variant{no-change,now,timestamp:$instant}"),
            (
                "directory-entry",
                "record{type:$descriptor-type,name:string}",
            ),
            (
                "error-code",
                "variant{access,already,bad-descriptor,busy,deadlock,quota,exist,file-too-large,illegal-byte-sequence,in-progress,interrupted,invalid,io,is-directory,loop,too-many-links,message-size,name-too-long,no-device,no-entry,no-lock,insufficient-memory,insufficient-space,not-directory,not-empty,not-recoverable,unsupported,no-tty,no-such-device,overflow,not-permitted,pipe,read-only,invalid-seek,text-file-busy,cross-device,other:option<string>}",
            ),
            (
                "advice",
                "enum{normal,sequential,random,will-need,dont-need,no-reuse}",
            ),
            ("metadata-hash-value", "record{lower:u64,upper:u64}"),
            ("descriptor", "resource"),
        ],
        fns: &[
            (
                "[method]descriptor.read-via-stream",
                "(borrow<$descriptor>,$filesize)->tuple<stream<u8>,future<result<_,$error-code>>>",
            ),
            (
                "[method]descriptor.write-via-stream",
                "(borrow<$descriptor>,stream<u8>,$filesize)->future<result<_,$error-code>>",
            ),
            (
                "[method]descriptor.append-via-stream",
                "(borrow<$descriptor>,stream<u8>)->future<result<_,$error-code>>",
            ),
            (
                "[method]descriptor.advise",
                "async(borrow<$descriptor>,$filesize,$filesize,$advice)->result<_,$error-code>",
            ),
            (
                "[method]descriptor.sync-data",
                "async(borrow<$descriptor>)->result<_,$error-code>",
            ),
            (
                "[method]descriptor.get-flags",
                "async(borrow<$descriptor>)->result<$descriptor-flags,$error-code>",
            ),
            (
                "[method]descriptor.get-type",
                "async(borrow<$descriptor>)->result<$descriptor-type,$error-code>",
            ),
            (
                "[method]descriptor.set-size",
                "async(borrow<$descriptor>,$filesize)->result<_,$error-code>",
            ),
            (
                "[method]descriptor.set-times",
                "async(borrow<$descriptor>,$new-timestamp,$new-timestamp)->result<_,$error-code>",
            ),
            (
                "[method]descriptor.read-directory",
                "(borrow<$descriptor>)->tuple<stream<$directory-entry>,future<result<_,$error-code>>>",
            ),
            (
                "[method]descriptor.sync",
                "async(borrow<$descriptor>)->result<_,$error-code>",
            ),
            (
                "[method]descriptor.create-directory-at",
                "async(borrow<$descriptor>,string)->result<_,$error-code>",
            ),
            (
                "[method]descriptor.stat",
                "async(borrow<$descriptor>)->result<$descriptor-stat,$error-code>",
            ),
            (
                "[method]descriptor.stat-at",
                "async(borrow<$descriptor>,$path-flags,string)->result<$descriptor-stat,$error-code>",
            ),
            (
                "[method]descriptor.set-times-at",
                "async(borrow<$descriptor>,$path-flags,string,$new-timestamp,$new-timestamp)->result<_,$error-code>",
            ),
            (
                "[method]descriptor.link-at",
                "async(borrow<$descriptor>,$path-flags,string,borrow<$descriptor>,string)->result<_,$error-code>",
            ),
            (
                "[method]descriptor.open-at",
                "async(borrow<$descriptor>,$path-flags,string,$open-flags,$descriptor-flags)->result<own<$descriptor>,$error-code>",
            ),
            (
                "[method]descriptor.readlink-at",
                "async(borrow<$descriptor>,string)->result<string,$error-code>",
            ),
            (
                "[method]descriptor.remove-directory-at",
                "async(borrow<$descriptor>,string)->result<_,$error-code>",
            ),
            (
                "[method]descriptor.rename-at",
                "async(borrow<$descriptor>,string,borrow<$descriptor>,string)->result<_,$error-code>",
            ),
            (
                "[method]descriptor.symlink-at",
                "async(borrow<$descriptor>,string,string)->result<_,$error-code>",
            ),
            (
                "[method]descriptor.unlink-file-at",
                "async(borrow<$descriptor>,string)->result<_,$error-code>",
            ),
            (
                "[method]descriptor.is-same-object",
                "async(borrow<$descriptor>,borrow<$descriptor>)->bool",
            ),
            (
                "[method]descriptor.metadata-hash",
                "async(borrow<$descriptor>)->result<$metadata-hash-value,$error-code>",
            ),
            (
                "[method]descriptor.metadata-hash-at",
                "async(borrow<$descriptor>,$path-flags,string)->result<$metadata-hash-value,$error-code>",
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
        name: "wasi:sockets/types",
        types: &[
            ("duration", "wasi:clocks/types.duration"),
            (
                "error-code",
                "variant{access-denied,not-supported,invalid-argument,out-of-memory,timeout,invalid-state,address-not-bindable,address-in-use,remote-unreachable,connection-refused,connection-broken,connection-reset,connection-aborted,datagram-too-large,other:option<string>}",
            ),
            ("ip-address-family", "enum{ipv4,ipv6}"),
            ("ipv4-address", "tuple<u8,u8,u8,u8>"),
            ("ipv6-address", "tuple<u16,u16,u16,u16,u16,u16,u16,u16>"),
            (
                "ip-address",
                "variant{ipv4:$ipv4-address,ipv6:$ipv6-address}",
            ),
            (
                "ipv4-socket-address",
                "record{port:u16,address:$ipv4-address}",
            ),
            (
                "ipv6-socket-address",
                "record{port:u16,flow-info:u32,address:$ipv6-address,scope-id:u32}",
            ),
            (
                "ip-socket-address",
                "variant{ipv4:$ipv4-socket-address,ipv6:$ipv6-socket-address}",
            ),
            ("tcp-socket", "resource"),
            ("udp-socket", "resource"),
        ],
        fns: &[
            (
                "[static]tcp-socket.create",
                "($ip-address-family)->result<own<$tcp-socket>,$error-code>",
            ),
            (
                "[method]tcp-socket.bind",
                "(borrow<$tcp-socket>,$ip-socket-address)->result<_,$error-code>",
            ),
            (
                "[method]tcp-socket.connect",
                "async(borrow<$tcp-socket>,$ip-socket-address)->result<_,$error-code>",
            ),
            (
                "[method]tcp-socket.listen",
                "(borrow<$tcp-socket>)->result<stream<own<$tcp-socket>>,$error-code>",
            ),
            (
                "[method]tcp-socket.send",
                "(borrow<$tcp-socket>,stream<u8>)->future<result<_,$error-code>>",
            ),
            (
                "[method]tcp-socket.receive",
                "(borrow<$tcp-socket>)->tuple<stream<u8>,future<result<_,$error-code>>>",
            ),
            (
                "[method]tcp-socket.get-local-address",
                "(borrow<$tcp-socket>)->result<$ip-socket-address,$error-code>",
            ),
            (
                "[method]tcp-socket.get-remote-address",
                "(borrow<$tcp-socket>)->result<$ip-socket-address,$error-code>",
            ),
            (
                "[method]tcp-socket.get-is-listening",
                "(borrow<$tcp-socket>)->bool",
            ),
            (
                "[method]tcp-socket.get-address-family",
                "(borrow<$tcp-socket>)->$ip-address-family",
            ),
            (
                "[method]tcp-socket.set-listen-backlog-size",
                "(borrow<$tcp-socket>,u64)->result<_,$error-code>",
            ),
            (
                "[method]tcp-socket.get-keep-alive-enabled",
                "(borrow<$tcp-socket>)->result<bool,$error-code>",
            ),
            (
                "[method]tcp-socket.set-keep-alive-enabled",
                "(borrow<$tcp-socket>,bool)->result<_,$error-code>",
            ),
            (
                "[method]tcp-socket.get-keep-alive-idle-time",
                "(borrow<$tcp-socket>)->result<$duration,$error-code>",
            ),
            (
                "[method]tcp-socket.set-keep-alive-idle-time",
                "(borrow<$tcp-socket>,$duration)->result<_,$error-code>",
            ),
            (
                "[method]tcp-socket.get-keep-alive-interval",
                "(borrow<$tcp-socket>)->result<$duration,$error-code>",
            ),
            (
                "[method]tcp-socket.set-keep-alive-interval",
                "(borrow<$tcp-socket>,$duration)->result<_,$error-code>",
            ),
            (
                "[method]tcp-socket.get-keep-alive-count",
                "(borrow<$tcp-socket>)->result<u32,$error-code>",
            ),
            (
                "[method]tcp-socket.set-keep-alive-count",
                "(borrow<$tcp-socket>,u32)->result<_,$error-code>",
            ),
            (
                "[method]tcp-socket.get-hop-limit",
                "(borrow<$tcp-socket>)->result<u8,$error-code>",
            ),
            (
                "[method]tcp-socket.set-hop-limit",
                "(borrow<$tcp-socket>,u8)->result<_,$error-code>",
            ),
            (
                "[method]tcp-socket.get-receive-buffer-size",
                "(borrow<$tcp-socket>)->result<u64,$error-code>",
            ),
            (
                "[method]tcp-socket.set-receive-buffer-size",
                "(borrow<$tcp-socket>,u64)->result<_,$error-code>",
            ),
            (
                "[method]tcp-socket.get-send-buffer-size",
                "(borrow<$tcp-socket>)->result<u64,$error-code>",
            ),
            (
                "[method]tcp-socket.set-send-buffer-size",
                "(borrow<$tcp-socket>,u64)->result<_,$error-code>",
            ),
            (
                "[static]udp-socket.create",
                "($ip-address-family)->result<own<$udp-socket>,$error-code>",
            ),
            (
                "[method]udp-socket.bind",
                "(borrow<$udp-socket>,$ip-socket-address)->result<_,$error-code>",
            ),
            (
                "[method]udp-socket.connect",
                "(borrow<$udp-socket>,$ip-socket-address)->result<_,$error-code>",
            ),
            (
                "[method]udp-socket.disconnect",
                "(borrow<$udp-socket>)->result<_,$error-code>",
            ),
            (
                "[method]udp-socket.send",
                "async(borrow<$udp-socket>,list<u8>,option<$ip-socket-address>)->result<_,$error-code>",
            ),
            (
                "[method]udp-socket.receive",
                "async(borrow<$udp-socket>)->result<tuple<list<u8>,$ip-socket-address>,$error-code>",
            ),
            (
                "[method]udp-socket.get-local-address",
                "(borrow<$udp-socket>)->result<$ip-socket-address,$error-code>",
            ),
            (
                "[method]udp-socket.get-remote-address",
                "(borrow<$udp-socket>)->result<$ip-socket-address,$error-code>",
            ),
            (
                "[method]udp-socket.get-address-family",
                "(borrow<$udp-socket>)->$ip-address-family",
            ),
            (
                "[method]udp-socket.get-unicast-hop-limit",
                "(borrow<$udp-socket>)->result<u8,$error-code>",
            ),
            (
                "[method]udp-socket.set-unicast-hop-limit",
                "(borrow<$udp-socket>,u8)->result<_,$error-code>",
            ),
            (
                "[method]udp-socket.get-receive-buffer-size",
                "(borrow<$udp-socket>)->result<u64,$error-code>",
            ),
            (
                "[method]udp-socket.set-receive-buffer-size",
                "(borrow<$udp-socket>,u64)->result<_,$error-code>",
            ),
            (
                "[method]udp-socket.get-send-buffer-size",
                "(borrow<$udp-socket>)->result<u64,$error-code>",
            ),
            (
                "[method]udp-socket.set-send-buffer-size",
                "(borrow<$udp-socket>,u64)->result<_,$error-code>",
            ),
        ],
    },
    HostInterface {
        name: "wasi:sockets/ip-name-lookup",
        types: &[
            ("ip-address", "wasi:sockets/types.ip-address"),
            (
                "error-code",
                "variant{access-denied,invalid-argument,name-unresolvable,temporary-resolver-failure,permanent-resolver-failure,other:option<string>}",
            ),
        ],
        fns: &[(
            "resolve-addresses",
            "async(string)->result<list<$ip-address>,$error-code>",
        )],
    },
    HostInterface {
        name: "wasi:random/insecure-seed",
        types: &[],
        fns: &[("get-insecure-seed", "()->tuple<u64,u64>")],
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
            ("get-initial-cwd", "()->option<string>"),
        ],
    },
    HostInterface {
        name: "wasi:cli/exit",
        types: &[],
        fns: &[("exit", "(result<_,_>)"), ("exit-with-code", "(u8)")],
    },
    HostInterface {
        name: "wasi:cli/types",
        types: &[("error-code", "enum{io,illegal-byte-sequence,pipe}")],
        fns: &[],
    },
    HostInterface {
        name: "wasi:cli/stdin",
        types: &[("error-code", "wasi:cli/types.error-code")],
        fns: &[(
            "read-via-stream",
            "()->tuple<stream<u8>,future<result<_,$error-code>>>",
        )],
    },
    HostInterface {
        name: "wasi:cli/stdout",
        types: &[("error-code", "wasi:cli/types.error-code")],
        fns: &[(
            "write-via-stream",
            "(stream<u8>)->future<result<_,$error-code>>",
        )],
    },
    HostInterface {
        name: "wasi:cli/stderr",
        types: &[("error-code", "wasi:cli/types.error-code")],
        fns: &[(
            "write-via-stream",
            "(stream<u8>)->future<result<_,$error-code>>",
        )],
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
