//! The interfaces of `wasi:http` 0.2.12.

use crate::interface::HostInterface;

pub const P2_HTTP: &[HostInterface] = &[
    HostInterface {
        name: "wasi:http/types",
        types: &[
            ("duration", "wasi:clocks/monotonic-clock.duration"),
            ("input-stream", "wasi:io/streams.input-stream"),
            ("output-stream", "wasi:io/streams.output-stream"),
            ("io-error", "wasi:io/error.error"),
            ("pollable", "wasi:io/poll.pollable"),
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
                "variant{invalid-syntax,forbidden,immutable}",
            ),
            ("field-key", "string"),
            ("field-name", "wasi:http/types.field-key"),
            ("field-value", "list<u8>"),
            ("fields", "resource"),
            ("headers", "wasi:http/types.fields"),
            ("trailers", "wasi:http/types.fields"),
            ("incoming-request", "resource"),
            ("outgoing-request", "resource"),
            ("request-options", "resource"),
            ("response-outparam", "resource"),
            ("status-code", "u16"),
            ("incoming-response", "resource"),
            ("incoming-body", "resource"),
            ("future-trailers", "resource"),
            ("outgoing-response", "resource"),
            ("outgoing-body", "resource"),
            ("future-incoming-response", "resource"),
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
                "[method]fields.append",
                "(borrow<$fields>,$field-name,$field-value)->result<_,$header-error>",
            ),
            (
                "[method]fields.entries",
                "(borrow<$fields>)->list<tuple<$field-name,$field-value>>",
            ),
            ("[method]fields.clone", "(borrow<$fields>)->own<$fields>"),
            (
                "[method]incoming-request.method",
                "(borrow<$incoming-request>)->$method",
            ),
            (
                "[method]incoming-request.path-with-query",
                "(borrow<$incoming-request>)->option<string>",
            ),
            (
                "[method]incoming-request.scheme",
                "(borrow<$incoming-request>)->option<$scheme>",
            ),
            (
                "[method]incoming-request.authority",
                "(borrow<$incoming-request>)->option<string>",
            ),
            (
                "[method]incoming-request.headers",
                "(borrow<$incoming-request>)->own<$headers>",
            ),
            (
                "[method]incoming-request.consume",
                "(borrow<$incoming-request>)->result<own<$incoming-body>,_>",
            ),
            (
                "[constructor]outgoing-request",
                "(own<$headers>)->own<$outgoing-request>",
            ),
            (
                "[method]outgoing-request.body",
                "(borrow<$outgoing-request>)->result<own<$outgoing-body>,_>",
            ),
            (
                "[method]outgoing-request.method",
                "(borrow<$outgoing-request>)->$method",
            ),
            (
                "[method]outgoing-request.set-method",
                "(borrow<$outgoing-request>,$method)->result<_,_>",
            ),
            (
                "[method]outgoing-request.path-with-query",
                "(borrow<$outgoing-request>)->option<string>",
            ),
            (
                "[method]outgoing-request.set-path-with-query",
                "(borrow<$outgoing-request>,option<string>)->result<_,_>",
            ),
            (
                "[method]outgoing-request.scheme",
                "(borrow<$outgoing-request>)->option<$scheme>",
            ),
            (
                "[method]outgoing-request.set-scheme",
                "(borrow<$outgoing-request>,option<$scheme>)->result<_,_>",
            ),
            (
                "[method]outgoing-request.authority",
                "(borrow<$outgoing-request>)->option<string>",
            ),
            (
                "[method]outgoing-request.set-authority",
                "(borrow<$outgoing-request>,option<string>)->result<_,_>",
            ),
            (
                "[method]outgoing-request.headers",
                "(borrow<$outgoing-request>)->own<$headers>",
            ),
            ("[constructor]request-options", "()->own<$request-options>"),
            (
                "[method]request-options.connect-timeout",
                "(borrow<$request-options>)->option<$duration>",
            ),
            (
                "[method]request-options.set-connect-timeout",
                "(borrow<$request-options>,option<$duration>)->result<_,_>",
            ),
            (
                "[method]request-options.first-byte-timeout",
                "(borrow<$request-options>)->option<$duration>",
            ),
            (
                "[method]request-options.set-first-byte-timeout",
                "(borrow<$request-options>,option<$duration>)->result<_,_>",
            ),
            (
                "[method]request-options.between-bytes-timeout",
                "(borrow<$request-options>)->option<$duration>",
            ),
            (
                "[method]request-options.set-between-bytes-timeout",
                "(borrow<$request-options>,option<$duration>)->result<_,_>",
            ),
            (
                "[method]response-outparam.send-informational",
                "(borrow<$response-outparam>,u16,own<$headers>)->result<_,$error-code>",
            ),
            (
                "[static]response-outparam.set",
                "(own<$response-outparam>,result<own<$outgoing-response>,$error-code>)",
            ),
            (
                "[method]incoming-response.status",
                "(borrow<$incoming-response>)->$status-code",
            ),
            (
                "[method]incoming-response.headers",
                "(borrow<$incoming-response>)->own<$headers>",
            ),
            (
                "[method]incoming-response.consume",
                "(borrow<$incoming-response>)->result<own<$incoming-body>,_>",
            ),
            (
                "[method]incoming-body.stream",
                "(borrow<$incoming-body>)->result<own<$input-stream>,_>",
            ),
            (
                "[static]incoming-body.finish",
                "(own<$incoming-body>)->own<$future-trailers>",
            ),
            (
                "[method]future-trailers.subscribe",
                "(borrow<$future-trailers>)->own<$pollable>",
            ),
            (
                "[method]future-trailers.get",
                "(borrow<$future-trailers>)->option<result<result<option<own<$trailers>>,$error-code>,_>>",
            ),
            (
                "[constructor]outgoing-response",
                "(own<$headers>)->own<$outgoing-response>",
            ),
            (
                "[method]outgoing-response.status-code",
                "(borrow<$outgoing-response>)->$status-code",
            ),
            (
                "[method]outgoing-response.set-status-code",
                "(borrow<$outgoing-response>,$status-code)->result<_,_>",
            ),
            (
                "[method]outgoing-response.headers",
                "(borrow<$outgoing-response>)->own<$headers>",
            ),
            (
                "[method]outgoing-response.body",
                "(borrow<$outgoing-response>)->result<own<$outgoing-body>,_>",
            ),
            (
                "[method]outgoing-body.write",
                "(borrow<$outgoing-body>)->result<own<$output-stream>,_>",
            ),
            (
                "[static]outgoing-body.finish",
                "(own<$outgoing-body>,option<own<$trailers>>)->result<_,$error-code>",
            ),
            (
                "[method]future-incoming-response.subscribe",
                "(borrow<$future-incoming-response>)->own<$pollable>",
            ),
            (
                "[method]future-incoming-response.get",
                "(borrow<$future-incoming-response>)->option<result<result<own<$incoming-response>,$error-code>,_>>",
            ),
            (
                "http-error-code",
                "(borrow<$io-error>)->option<$error-code>",
            ),
        ],
    },
    HostInterface {
        name: "wasi:http/outgoing-handler",
        types: &[
            ("outgoing-request", "wasi:http/types.outgoing-request"),
            ("request-options", "wasi:http/types.request-options"),
            (
                "future-incoming-response",
                "wasi:http/types.future-incoming-response",
            ),
            ("error-code", "wasi:http/types.error-code"),
        ],
        fns: &[(
            "handle",
            "(own<$outgoing-request>,option<own<$request-options>>)->result<own<$future-incoming-response>,$error-code>",
        )],
    },
];
