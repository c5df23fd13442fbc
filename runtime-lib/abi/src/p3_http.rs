//! The interfaces of `wasi:http` 0.3.2.

use crate::interface::HostInterface;

pub const P3_HTTP: &[HostInterface] = &[
    HostInterface {
        name: "wasi:http/types",
        types: &[
            ("duration", "wasi:clocks/types.duration"),
            (
                "method",
                "variant{get,head,post,put,delete,connect,options,trace,patch,other:string}",
            ),
            ("scheme", "variant{HTTP,HTTPS,other:string}"),
            (
                "DNS-error-payload",
                "record{rcode:option<string>,info-code:option<u16>}",
            ),
            (
                "TLS-alert-received-payload",
                "record{alert-id:option<u8>,alert-message:option<string>}",
            ),
            (
                "field-size-payload",
                "record{field-name:option<string>,field-size:option<u32>}",
            ),
            (
                "error-code",
                "variant{DNS-timeout,DNS-error:$DNS-error-payload,destination-not-found,destination-unavailable,destination-IP-prohibited,destination-IP-unroutable,connection-refused,connection-terminated,connection-timeout,connection-read-timeout,connection-write-timeout,connection-limit-reached,TLS-protocol-error,TLS-certificate-error,TLS-alert-received:$TLS-alert-received-payload,HTTP-request-denied,HTTP-request-length-required,HTTP-request-body-size:option<u64>,HTTP-request-method-invalid,HTTP-request-URI-invalid,HTTP-request-URI-too-long,HTTP-request-header-section-size:option<u32>,HTTP-request-header-size:option<$field-size-payload>,HTTP-request-trailer-section-size:option<u32>,HTTP-request-trailer-size:$field-size-payload,HTTP-response-incomplete,HTTP-response-header-section-size:option<u32>,HTTP-response-header-size:$field-size-payload,HTTP-response-body-size:option<u64>,HTTP-response-trailer-section-size:option<u32>,HTTP-response-trailer-size:$field-size-payload,HTTP-response-transfer-coding:option<string>,HTTP-response-content-coding:option<string>,HTTP-response-timeout,HTTP-upgrade-failed,HTTP-protocol-error,loop-detected,configuration-error,internal-error:option<string>}",
            ),
            (
                "header-error",
                "variant{invalid-syntax,forbidden,immutable,size-exceeded,other:option<string>}",
            ),
            (
                "request-options-error",
                "variant{not-supported,immutable,other:option<string>}",
            ),
            ("field-name", "string"),
            ("field-value", "list<u8>"),
            ("fields", "resource"),
            ("headers", "wasi:http/types.fields"),
            ("trailers", "wasi:http/types.fields"),
            ("request", "resource"),
            ("request-options", "resource"),
            ("status-code", "u16"),
            ("response", "resource"),
        ],
        fns: &[
            ("[constructor]fields", "()->own<$fields>"),
            (
                "[static]fields.from-list",
                "(list<tuple<$field-name,$field-value>>)->result<own<$fields>,$header-error>",
            ),
            (
                "[method]fields.get",
                "(borrow<$fields>,$field-name)->list<$field-value>",
            ),
            ("[method]fields.has", "(borrow<$fields>,$field-name)->bool"),
            (
                "[method]fields.set",
                "(borrow<$fields>,$field-name,list<$field-value>)->result<_,$header-error>",
            ),
            (
                "[method]fields.delete",
                "(borrow<$fields>,$field-name)->result<_,$header-error>",
            ),
            (
                "[method]fields.get-and-delete",
                "(borrow<$fields>,$field-name)->result<list<$field-value>,$header-error>",
            ),
            (
                "[method]fields.append",
                "(borrow<$fields>,$field-name,$field-value)->result<_,$header-error>",
            ),
            (
                "[method]fields.copy-all",
                "(borrow<$fields>)->list<tuple<$field-name,$field-value>>",
            ),
            ("[method]fields.clone", "(borrow<$fields>)->own<$fields>"),
            (
                "[static]request.new",
                "(own<$headers>,option<stream<u8>>,future<result<option<own<$trailers>>,$error-code>>,option<own<$request-options>>)->tuple<own<$request>,future<result<_,$error-code>>>",
            ),
            ("[method]request.get-method", "(borrow<$request>)->$method"),
            (
                "[method]request.set-method",
                "(borrow<$request>,$method)->result<_,_>",
            ),
            (
                "[method]request.get-path-with-query",
                "(borrow<$request>)->option<string>",
            ),
            (
                "[method]request.set-path-with-query",
                "(borrow<$request>,option<string>)->result<_,_>",
            ),
            (
                "[method]request.get-scheme",
                "(borrow<$request>)->option<$scheme>",
            ),
            (
                "[method]request.set-scheme",
                "(borrow<$request>,option<$scheme>)->result<_,_>",
            ),
            (
                "[method]request.get-authority",
                "(borrow<$request>)->option<string>",
            ),
            (
                "[method]request.set-authority",
                "(borrow<$request>,option<string>)->result<_,_>",
            ),
            (
                "[method]request.get-options",
                "(borrow<$request>)->option<own<$request-options>>",
            ),
            (
                "[method]request.get-headers",
                "(borrow<$request>)->own<$headers>",
            ),
            (
                "[static]request.consume-body",
                "(own<$request>,future<result<_,$error-code>>)->tuple<stream<u8>,future<result<option<own<$trailers>>,$error-code>>>",
            ),
            ("[constructor]request-options", "()->own<$request-options>"),
            (
                "[method]request-options.get-connect-timeout",
                "(borrow<$request-options>)->option<$duration>",
            ),
            (
                "[method]request-options.set-connect-timeout",
                "(borrow<$request-options>,option<$duration>)->result<_,$request-options-error>",
            ),
            (
                "[method]request-options.get-first-byte-timeout",
                "(borrow<$request-options>)->option<$duration>",
            ),
            (
                "[method]request-options.set-first-byte-timeout",
                "(borrow<$request-options>,option<$duration>)->result<_,$request-options-error>",
            ),
            (
                "[method]request-options.get-between-bytes-timeout",
                "(borrow<$request-options>)->option<$duration>",
            ),
            (
                "[method]request-options.set-between-bytes-timeout",
                "(borrow<$request-options>,option<$duration>)->result<_,$request-options-error>",
            ),
            (
                "[method]request-options.clone",
                "(borrow<$request-options>)->own<$request-options>",
            ),
            (
                "[static]response.new",
                "(own<$headers>,option<stream<u8>>,future<result<option<own<$trailers>>,$error-code>>)->tuple<own<$response>,future<result<_,$error-code>>>",
            ),
            (
                "[method]response.get-status-code",
                "(borrow<$response>)->$status-code",
            ),
            (
                "[method]response.set-status-code",
                "(borrow<$response>,$status-code)->result<_,_>",
            ),
            (
                "[method]response.get-headers",
                "(borrow<$response>)->own<$headers>",
            ),
            (
                "[static]response.consume-body",
                "(own<$response>,future<result<_,$error-code>>)->tuple<stream<u8>,future<result<option<own<$trailers>>,$error-code>>>",
            ),
        ],
    },
    HostInterface {
        name: "wasi:http/client",
        types: &[
            ("request", "wasi:http/types.request"),
            ("response", "wasi:http/types.response"),
            ("error-code", "wasi:http/types.error-code"),
        ],
        fns: &[(
            "send",
            "async(own<$request>)->result<own<$response>,$error-code>",
        )],
    },
];
