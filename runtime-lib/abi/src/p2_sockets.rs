//! The interfaces of `wasi:sockets` 0.2.12.

use crate::interface::HostInterface;

pub(crate) const P2_SOCKETS: &[HostInterface] = &[
    HostInterface {
        name: "wasi:sockets/network",
        types: &[
            ("error", "wasi:io/error.error"),
            ("network", "resource"),
            (
                "error-code",
                "enum{unknown,access-denied,not-supported,invalid-argument,out-of-memory,timeout,concurrency-conflict,not-in-progress,would-block,invalid-state,new-socket-limit,address-not-bindable,address-in-use,remote-unreachable,connection-refused,connection-reset,connection-aborted,datagram-too-large,name-unresolvable,temporary-resolver-failure,permanent-resolver-failure}",
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
        ],
        fns: &[(
            "network-error-code",
            "(borrow<$error>)->option<$error-code>",
        )],
    },
    HostInterface {
        name: "wasi:sockets/instance-network",
        types: &[("network", "wasi:sockets/network.network")],
        fns: &[("instance-network", "()->own<$network>")],
    },
    HostInterface {
        name: "wasi:sockets/ip-name-lookup",
        types: &[
            ("pollable", "wasi:io/poll.pollable"),
            ("network", "wasi:sockets/network.network"),
            ("error-code", "wasi:sockets/network.error-code"),
            ("ip-address", "wasi:sockets/network.ip-address"),
            ("resolve-address-stream", "resource"),
        ],
        fns: &[
            (
                "[method]resolve-address-stream.resolve-next-address",
                "(borrow<$resolve-address-stream>)->result<option<$ip-address>,$error-code>",
            ),
            (
                "[method]resolve-address-stream.subscribe",
                "(borrow<$resolve-address-stream>)->own<$pollable>",
            ),
            (
                "resolve-addresses",
                "(borrow<$network>,string)->result<own<$resolve-address-stream>,$error-code>",
            ),
        ],
    },
    HostInterface {
        name: "wasi:sockets/tcp",
        types: &[
            ("input-stream", "wasi:io/streams.input-stream"),
            ("output-stream", "wasi:io/streams.output-stream"),
            ("pollable", "wasi:io/poll.pollable"),
            ("duration", "wasi:clocks/monotonic-clock.duration"),
            ("network", "wasi:sockets/network.network"),
            ("error-code", "wasi:sockets/network.error-code"),
            (
                "ip-socket-address",
                "wasi:sockets/network.ip-socket-address",
            ),
            (
                "ip-address-family",
                "wasi:sockets/network.ip-address-family",
            ),
            ("shutdown-type", "enum{receive,send,both}"),
            ("tcp-socket", "resource"),
        ],
        fns: &[
            (
                "[method]tcp-socket.start-bind",
                "(borrow<$tcp-socket>,borrow<$network>,$ip-socket-address)->result<_,$error-code>",
            ),
            (
                "[method]tcp-socket.finish-bind",
                "(borrow<$tcp-socket>)->result<_,$error-code>",
            ),
            (
                "[method]tcp-socket.start-connect",
                "(borrow<$tcp-socket>,borrow<$network>,$ip-socket-address)->result<_,$error-code>",
            ),
            (
                "[method]tcp-socket.finish-connect",
                "(borrow<$tcp-socket>)->result<tuple<own<$input-stream>,own<$output-stream>>,$error-code>",
            ),
            (
                "[method]tcp-socket.start-listen",
                "(borrow<$tcp-socket>)->result<_,$error-code>",
            ),
            (
                "[method]tcp-socket.finish-listen",
                "(borrow<$tcp-socket>)->result<_,$error-code>",
            ),
            (
                "[method]tcp-socket.accept",
                "(borrow<$tcp-socket>)->result<tuple<own<$tcp-socket>,own<$input-stream>,own<$output-stream>>,$error-code>",
            ),
            (
                "[method]tcp-socket.local-address",
                "(borrow<$tcp-socket>)->result<$ip-socket-address,$error-code>",
            ),
            (
                "[method]tcp-socket.remote-address",
                "(borrow<$tcp-socket>)->result<$ip-socket-address,$error-code>",
            ),
            (
                "[method]tcp-socket.is-listening",
                "(borrow<$tcp-socket>)->bool",
            ),
            (
                "[method]tcp-socket.address-family",
                "(borrow<$tcp-socket>)->$ip-address-family",
            ),
            (
                "[method]tcp-socket.set-listen-backlog-size",
                "(borrow<$tcp-socket>,u64)->result<_,$error-code>",
            ),
            (
                "[method]tcp-socket.keep-alive-enabled",
                "(borrow<$tcp-socket>)->result<bool,$error-code>",
            ),
            (
                "[method]tcp-socket.set-keep-alive-enabled",
                "(borrow<$tcp-socket>,bool)->result<_,$error-code>",
            ),
            (
                "[method]tcp-socket.keep-alive-idle-time",
                "(borrow<$tcp-socket>)->result<$duration,$error-code>",
            ),
            (
                "[method]tcp-socket.set-keep-alive-idle-time",
                "(borrow<$tcp-socket>,$duration)->result<_,$error-code>",
            ),
            (
                "[method]tcp-socket.keep-alive-interval",
                "(borrow<$tcp-socket>)->result<$duration,$error-code>",
            ),
            (
                "[method]tcp-socket.set-keep-alive-interval",
                "(borrow<$tcp-socket>,$duration)->result<_,$error-code>",
            ),
            (
                "[method]tcp-socket.keep-alive-count",
                "(borrow<$tcp-socket>)->result<u32,$error-code>",
            ),
            (
                "[method]tcp-socket.set-keep-alive-count",
                "(borrow<$tcp-socket>,u32)->result<_,$error-code>",
            ),
            (
                "[method]tcp-socket.hop-limit",
                "(borrow<$tcp-socket>)->result<u8,$error-code>",
            ),
            (
                "[method]tcp-socket.set-hop-limit",
                "(borrow<$tcp-socket>,u8)->result<_,$error-code>",
            ),
            (
                "[method]tcp-socket.receive-buffer-size",
                "(borrow<$tcp-socket>)->result<u64,$error-code>",
            ),
            (
                "[method]tcp-socket.set-receive-buffer-size",
                "(borrow<$tcp-socket>,u64)->result<_,$error-code>",
            ),
            (
                "[method]tcp-socket.send-buffer-size",
                "(borrow<$tcp-socket>)->result<u64,$error-code>",
            ),
            (
                "[method]tcp-socket.set-send-buffer-size",
                "(borrow<$tcp-socket>,u64)->result<_,$error-code>",
            ),
            (
                "[method]tcp-socket.subscribe",
                "(borrow<$tcp-socket>)->own<$pollable>",
            ),
            (
                "[method]tcp-socket.shutdown",
                "(borrow<$tcp-socket>,$shutdown-type)->result<_,$error-code>",
            ),
        ],
    },
    HostInterface {
        name: "wasi:sockets/tcp-create-socket",
        types: &[
            ("network", "wasi:sockets/network.network"),
            ("error-code", "wasi:sockets/network.error-code"),
            (
                "ip-address-family",
                "wasi:sockets/network.ip-address-family",
            ),
            ("tcp-socket", "wasi:sockets/tcp.tcp-socket"),
        ],
        fns: &[(
            "create-tcp-socket",
            "($ip-address-family)->result<own<$tcp-socket>,$error-code>",
        )],
    },
    HostInterface {
        name: "wasi:sockets/udp",
        types: &[
            ("pollable", "wasi:io/poll.pollable"),
            ("network", "wasi:sockets/network.network"),
            ("error-code", "wasi:sockets/network.error-code"),
            (
                "ip-socket-address",
                "wasi:sockets/network.ip-socket-address",
            ),
            (
                "ip-address-family",
                "wasi:sockets/network.ip-address-family",
            ),
            (
                "incoming-datagram",
                "record{data:list<u8>,remote-address:$ip-socket-address}",
            ),
            (
                "outgoing-datagram",
                "record{data:list<u8>,remote-address:option<$ip-socket-address>}",
            ),
            ("udp-socket", "resource"),
            ("incoming-datagram-stream", "resource"),
            ("outgoing-datagram-stream", "resource"),
        ],
        fns: &[
            (
                "[method]udp-socket.start-bind",
                "(borrow<$udp-socket>,borrow<$network>,$ip-socket-address)->result<_,$error-code>",
            ),
            (
                "[method]udp-socket.finish-bind",
                "(borrow<$udp-socket>)->result<_,$error-code>",
            ),
            (
                "[method]udp-socket.stream",
                "(borrow<$udp-socket>,option<$ip-socket-address>)->result<tuple<own<$incoming-datagram-stream>,own<$outgoing-datagram-stream>>,$error-code>",
            ),
            (
                "[method]udp-socket.local-address",
                "(borrow<$udp-socket>)->result<$ip-socket-address,$error-code>",
            ),
            (
                "[method]udp-socket.remote-address",
                "(borrow<$udp-socket>)->result<$ip-socket-address,$error-code>",
            ),
            (
                "[method]udp-socket.address-family",
                "(borrow<$udp-socket>)->$ip-address-family",
            ),
            (
                "[method]udp-socket.unicast-hop-limit",
                "(borrow<$udp-socket>)->result<u8,$error-code>",
            ),
            (
                "[method]udp-socket.set-unicast-hop-limit",
                "(borrow<$udp-socket>,u8)->result<_,$error-code>",
            ),
            (
                "[method]udp-socket.receive-buffer-size",
                "(borrow<$udp-socket>)->result<u64,$error-code>",
            ),
            (
                "[method]udp-socket.set-receive-buffer-size",
                "(borrow<$udp-socket>,u64)->result<_,$error-code>",
            ),
            (
                "[method]udp-socket.send-buffer-size",
                "(borrow<$udp-socket>)->result<u64,$error-code>",
            ),
            (
                "[method]udp-socket.set-send-buffer-size",
                "(borrow<$udp-socket>,u64)->result<_,$error-code>",
            ),
            (
                "[method]udp-socket.subscribe",
                "(borrow<$udp-socket>)->own<$pollable>",
            ),
            (
                "[method]incoming-datagram-stream.receive",
                "(borrow<$incoming-datagram-stream>,u64)->result<list<$incoming-datagram>,$error-code>",
            ),
            (
                "[method]incoming-datagram-stream.subscribe",
                "(borrow<$incoming-datagram-stream>)->own<$pollable>",
            ),
            (
                "[method]outgoing-datagram-stream.check-send",
                "(borrow<$outgoing-datagram-stream>)->result<u64,$error-code>",
            ),
            (
                "[method]outgoing-datagram-stream.send",
                "(borrow<$outgoing-datagram-stream>,list<$outgoing-datagram>)->result<u64,$error-code>",
            ),
            (
                "[method]outgoing-datagram-stream.subscribe",
                "(borrow<$outgoing-datagram-stream>)->own<$pollable>",
            ),
        ],
    },
    HostInterface {
        name: "wasi:sockets/udp-create-socket",
        types: &[
            ("network", "wasi:sockets/network.network"),
            ("error-code", "wasi:sockets/network.error-code"),
            (
                "ip-address-family",
                "wasi:sockets/network.ip-address-family",
            ),
            ("udp-socket", "wasi:sockets/udp.udp-socket"),
        ],
        fns: &[(
            "create-udp-socket",
            "($ip-address-family)->result<own<$udp-socket>,$error-code>",
        )],
    },
];
