//! `wasi:http` of WASI 0.3.

use crate::host_fns;
use crate::wasi::p3::http;

host_fns! {
    prefix "wasmelt_p3:";
    "wasi:http/types" {
        "[constructor]fields" => http::fields_constructor;
        "[static]fields.from-list" => http::fields_from_list;
        "[method]fields.get" => http::fields_get;
        "[method]fields.has" => http::fields_has;
        "[method]fields.set" => http::fields_set;
        "[method]fields.delete" => http::fields_delete;
        "[method]fields.get-and-delete" => http::fields_get_and_delete;
        "[method]fields.append" => http::fields_append;
        "[method]fields.copy-all" => http::fields_copy_all;
        "[method]fields.clone" => http::fields_clone;
        "[static]request.new" => http::request_new;
        "[method]request.get-method" => http::request_method;
        "[method]request.set-method" => http::request_set_method;
        "[method]request.get-path-with-query" => http::request_path_with_query;
        "[method]request.set-path-with-query" => http::request_set_path_with_query;
        "[method]request.get-scheme" => http::request_scheme;
        "[method]request.set-scheme" => http::request_set_scheme;
        "[method]request.get-authority" => http::request_authority;
        "[method]request.set-authority" => http::request_set_authority;
        "[method]request.get-options" => http::request_options;
        "[method]request.get-headers" => http::request_headers;
        "[static]request.consume-body" => http::request_consume_body;
        "[constructor]request-options" => http::request_options_constructor;
        "[method]request-options.get-connect-timeout" => http::request_options_connect_timeout;
        "[method]request-options.set-connect-timeout" => http::request_options_set_connect_timeout;
        "[method]request-options.get-first-byte-timeout" => http::request_options_first_byte_timeout;
        "[method]request-options.set-first-byte-timeout" =>
            http::request_options_set_first_byte_timeout;
        "[method]request-options.get-between-bytes-timeout" =>
            http::request_options_between_bytes_timeout;
        "[method]request-options.set-between-bytes-timeout" =>
            http::request_options_set_between_bytes_timeout;
        "[method]request-options.clone" => http::request_options_clone;
        "[static]response.new" => http::response_new;
        "[method]response.get-status-code" => http::response_status_code;
        "[method]response.set-status-code" => http::response_set_status_code;
        "[method]response.get-headers" => http::response_headers;
        "[static]response.consume-body" => http::response_consume_body;
        drop "fields" => http::Fields;
        drop "request" => http::Request;
        drop "request-options" => http::RequestOptions;
        drop "response" => http::Response;
    }
    "wasi:http/client" {
        async "send" => http::send;
    }
}
