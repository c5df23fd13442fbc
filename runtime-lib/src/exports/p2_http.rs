//! `wasi:http` of WASI 0.2.

use crate::host_fns;
use crate::wasi::p2::http;

host_fns! {
    "wasi:http/types" {
        "[constructor]fields" => http::fields_constructor;
        "[static]fields.from-list" => http::fields_from_list;
        "[method]fields.get" => http::fields_get;
        "[method]fields.has" => http::fields_has;
        "[method]fields.set" => http::fields_set;
        "[method]fields.delete" => http::fields_delete;
        "[method]fields.append" => http::fields_append;
        "[method]fields.entries" => http::fields_entries;
        "[method]fields.clone" => http::fields_clone;
        "[method]incoming-request.method" => http::incoming_request_method;
        "[method]incoming-request.path-with-query" => http::incoming_request_path_with_query;
        "[method]incoming-request.scheme" => http::incoming_request_scheme;
        "[method]incoming-request.authority" => http::incoming_request_authority;
        "[method]incoming-request.headers" => http::incoming_request_headers;
        "[method]incoming-request.consume" => http::incoming_request_consume;
        "[constructor]outgoing-request" => http::outgoing_request_constructor;
        "[method]outgoing-request.body" => http::outgoing_request_body;
        "[method]outgoing-request.method" => http::outgoing_request_method;
        "[method]outgoing-request.set-method" => http::outgoing_request_set_method;
        "[method]outgoing-request.path-with-query" => http::outgoing_request_path_with_query;
        "[method]outgoing-request.set-path-with-query" =>
            http::outgoing_request_set_path_with_query;
        "[method]outgoing-request.scheme" => http::outgoing_request_scheme;
        "[method]outgoing-request.set-scheme" => http::outgoing_request_set_scheme;
        "[method]outgoing-request.authority" => http::outgoing_request_authority;
        "[method]outgoing-request.set-authority" => http::outgoing_request_set_authority;
        "[method]outgoing-request.headers" => http::outgoing_request_headers;
        "[constructor]request-options" => http::request_options_constructor;
        "[method]request-options.connect-timeout" => http::request_options_connect_timeout;
        "[method]request-options.set-connect-timeout" => http::request_options_set_connect_timeout;
        "[method]request-options.first-byte-timeout" => http::request_options_first_byte_timeout;
        "[method]request-options.set-first-byte-timeout" =>
            http::request_options_set_first_byte_timeout;
        "[method]request-options.between-bytes-timeout" =>
            http::request_options_between_bytes_timeout;
        "[method]request-options.set-between-bytes-timeout" =>
            http::request_options_set_between_bytes_timeout;
        "[method]response-outparam.send-informational" =>
            http::response_outparam_send_informational;
        "[static]response-outparam.set" => http::response_outparam_set;
        "[method]incoming-response.status" => http::incoming_response_status;
        "[method]incoming-response.headers" => http::incoming_response_headers;
        "[method]incoming-response.consume" => http::incoming_response_consume;
        "[method]incoming-body.stream" => http::incoming_body_stream;
        "[static]incoming-body.finish" => http::incoming_body_finish;
        "[method]future-trailers.subscribe" => http::future_trailers_subscribe;
        "[method]future-trailers.get" => http::future_trailers_get;
        "[constructor]outgoing-response" => http::outgoing_response_constructor;
        "[method]outgoing-response.status-code" => http::outgoing_response_status_code;
        "[method]outgoing-response.set-status-code" => http::outgoing_response_set_status_code;
        "[method]outgoing-response.headers" => http::outgoing_response_headers;
        "[method]outgoing-response.body" => http::outgoing_response_body;
        "[method]outgoing-body.write" => http::outgoing_body_write;
        "[static]outgoing-body.finish" => http::outgoing_body_finish;
        "[method]future-incoming-response.subscribe" => http::future_incoming_response_subscribe;
        "[method]future-incoming-response.get" => http::future_incoming_response_get;
        "http-error-code" => http::http_error_code;
        drop "fields" => http::Fields;
        drop "incoming-request" => http::IncomingRequest;
        drop "outgoing-request" => http::OutgoingRequest;
        drop "request-options" => http::RequestOptions;
        drop "response-outparam" => http::ResponseOutparam;
        drop "incoming-response" => http::IncomingResponse;
        drop "incoming-body" => http::IncomingBody;
        drop "future-trailers" => http::FutureTrailers;
        drop "outgoing-response" => http::OutgoingResponse;
        drop "outgoing-body" => http::OutgoingBody;
        drop "future-incoming-response" => http::FutureIncomingResponse;
    }
    "wasi:http/outgoing-handler" {
        "handle" => http::handle;
    }
}
