//! What the component scripts of test suites import from their driver.

use crate::interface::HostInterface;

/// The functions of the root are those of the interface without a name; an instance in another one
/// has the names of both.
pub const SPECTEST: &[HostInterface] = &[
    HostInterface {
        name: "",
        types: &[],
        fns: &[
            ("host-return-two", "()->u32"),
            ("host-echo-u32", "async(u32)->u32"),
        ],
    },
    HostInterface {
        name: "host",
        types: &[
            ("resource1", "resource"),
            ("resource2", "resource"),
            ("resource1-again", "host.resource1"),
        ],
        fns: &[
            ("return-three", "()->u32"),
            ("return-hi", "()->string"),
            ("[constructor]resource1", "(u32)->own<$resource1>"),
            ("[static]resource1.assert", "(own<$resource1>,u32)"),
            ("[static]resource1.last-drop", "()->u32"),
            ("[static]resource1.drops", "()->u32"),
            ("[method]resource1.simple", "(borrow<$resource1>,u32)"),
            (
                "[method]resource1.take-borrow",
                "(borrow<$resource1>,borrow<$resource1>)",
            ),
            (
                "[method]resource1.take-own",
                "(borrow<$resource1>,own<$resource1>)",
            ),
            ("return-two-slowly", "async()->s32"),
            ("echo-slowly", "async(u32)->u32"),
            ("never-return", "async()"),
            (
                "[method]resource1.never-return",
                "async(borrow<$resource1>)",
            ),
        ],
    },
    HostInterface {
        name: "host/nested",
        types: &[],
        fns: &[("return-four", "()->u32")],
    },
];
