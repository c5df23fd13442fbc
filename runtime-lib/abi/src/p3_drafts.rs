//! As [`crate::P2_DRAFTS`], beside WASI 0.3.

use crate::interface::HostInterface;

pub const P3_DRAFTS: &[HostInterface] = &[
    HostInterface {
        name: "wasi:tls/types",
        types: &[("error", "resource")],
        fns: &[("[method]error.to-debug-string", "(borrow<$error>)->string")],
    },
    HostInterface {
        name: "wasi:tls/client",
        types: &[("connector", "resource"), ("error", "wasi:tls/types.error")],
        fns: &[
            ("[constructor]connector", "()->own<$connector>"),
            (
                "[method]connector.send",
                "(borrow<$connector>,stream<u8>)->tuple<stream<u8>,future<result<_,own<$error>>>>",
            ),
            (
                "[method]connector.receive",
                "(borrow<$connector>,stream<u8>)->tuple<stream<u8>,future<result<_,own<$error>>>>",
            ),
            (
                "[static]connector.connect",
                "async(own<$connector>,string)->result<_,own<$error>>",
            ),
        ],
    },
];
