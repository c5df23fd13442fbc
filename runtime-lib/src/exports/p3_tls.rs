//! `wasi:tls` of WASI 0.3, a draft yet.

use crate::host_fns;
use crate::wasi::p3::tls;

host_fns! {
    prefix "wasmelt_p3:";
    "wasi:tls/types" {
        "[method]error.to-debug-string" => tls::error_to_debug_string;
        drop "error" => tls::TlsError;
    }
    "wasi:tls/client" {
        "[constructor]connector" => tls::connector_new;
        "[method]connector.send" => tls::connector_send;
        "[method]connector.receive" => tls::connector_receive;
        async "[static]connector.connect" => tls::connector_connect;
        drop "connector" => tls::Connector;
    }
}
