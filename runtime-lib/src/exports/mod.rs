//! The symbols that compiled code calls: one function each, so that the linker keeps only those
//! that a program imports. There is nothing here but the step from the calling convention to
//! `wasi`, which has no unsafe code.

mod p2_cli;
mod p2_clocks;
mod p2_drafts;
mod p2_filesystem;
mod p2_http;
mod p2_io;
mod p2_random;
mod p2_sockets;
mod p3_cli;
mod p3_clocks;
mod p3_filesystem;
mod p3_http;
mod p3_random;
mod p3_sockets;
mod p3_tls;

use crate::vm::{GuestMemory, Memory};

/// `EmbeddedTree::provide`.
#[unsafe(export_name = "wasmelt_embedded")]
extern "C" fn embedded(tree: &'static wasmelt_abi::EmbeddedTree) {
    crate::host::embedded::provide(tree);
}

/// The same where it is compressed.
#[unsafe(export_name = "wasmelt_embedded_packed")]
extern "C" fn packed(tree: &'static wasmelt_abi::EmbeddedTree) {
    crate::host::embedded::provide_packed(tree);
}

/// `DraftPolicy::provide_file`.
#[unsafe(export_name = "wasmelt_keyvalue_file")]
extern "C" fn keyvalue_file() {
    crate::host::keyvalue::file::provide();
}

/// `HttpPolicy::provide_tls` of a program that may send requests.
#[unsafe(export_name = "wasmelt_http_tls")]
extern "C" fn http_tls() {
    crate::host::http::tls::client::provide();
}

/// `HttpPolicy::offer_http2` of a server that was asked for it.
#[unsafe(export_name = "wasmelt_http_server_http2")]
extern "C" fn http_server_http2() {
    crate::host::http::h2::server::provide();
}

/// `HttpPolicy::offer_tls` of a server that was asked for it.
#[unsafe(export_name = "wasmelt_http_server_tls")]
extern "C" fn http_server_tls() {
    crate::host::http::tls::server::provide();
}

/// `wasmelt_p1_NAME(memory, …)` for every function of WASI 0.1 forwards to
/// `wasi::p1::NAME(&mut GuestMemory, …) -> i32`.
macro_rules! p1_exports {
    ($( $name:ident ( $($param:ident : $type:ident),* ) -> $result:tt ; )*) => {
        $(
            #[unsafe(export_name = concat!("wasmelt_p1_", stringify!($name)))]
            extern "C" fn $name(memory: Memory $(, $param: $type)*) -> $result {
                crate::wasi::p1::$name(&mut GuestMemory::from_header(memory) $(, $param)*)
            }
        )*
    };
}

mod p1 {
    use super::{GuestMemory, Memory};
    use wasmelt_abi::Program;

    wasmelt_abi::for_each_p1_fn!(p1_exports);

    /// `Program::host_init` of a program with preopened directories.
    #[unsafe(export_name = "wasmelt_p1_init")]
    extern "C" fn init(program: &'static Program) {
        crate::wasi::p1::init(program);
    }
}

/// `wasmelt_p1_threads_NAME`, as `wasmelt_p1_NAME`.
macro_rules! p1_threads_exports {
    ($( $name:ident ( $($param:ident : $type:ident),* ) -> $result:tt ; )*) => {
        $(
            #[unsafe(export_name = concat!("wasmelt_p1_threads_", stringify!($name)))]
            extern "C" fn $name(memory: Memory $(, $param: $type)*) -> $result {
                let memory = &mut GuestMemory::from_header(memory);
                crate::wasi::p1::threads::$name(memory $(, $param)*)
            }
        )*
    };
}

mod p1_threads {
    use super::{GuestMemory, Memory};

    wasmelt_abi::for_each_p1_waiting_fn!(p1_threads_exports);
}

/// `wasmelt_p0_NAME`: the functions of `wasi_unstable` that differ from their namesakes.
mod p0 {
    use super::{GuestMemory, Memory};

    #[unsafe(export_name = "wasmelt_p0_fd_filestat_get")]
    extern "C" fn fd_filestat_get(memory: Memory, fd: i32, stat_out: i32) -> i32 {
        crate::wasi::p0::fd_filestat_get(&mut GuestMemory::from_header(memory), fd, stat_out)
    }

    #[unsafe(export_name = "wasmelt_p0_fd_seek")]
    extern "C" fn fd_seek(
        memory: Memory,
        fd: i32,
        offset: i64,
        whence: i32,
        newoffset_out: i32,
    ) -> i32 {
        let memory = &mut GuestMemory::from_header(memory);
        crate::wasi::p0::fd_seek(memory, fd, offset, whence, newoffset_out)
    }

    #[unsafe(export_name = "wasmelt_p0_path_filestat_get")]
    extern "C" fn path_filestat_get(
        memory: Memory,
        fd: i32,
        flags: i32,
        path: i32,
        path_len: i32,
        stat_out: i32,
    ) -> i32 {
        let memory = &mut GuestMemory::from_header(memory);
        crate::wasi::p0::path_filestat_get(memory, fd, flags, path, path_len, stat_out)
    }

    #[unsafe(export_name = "wasmelt_p0_poll_oneoff")]
    extern "C" fn poll_oneoff(
        memory: Memory,
        subscriptions: i32,
        events: i32,
        nsubscriptions: i32,
        nevents_out: i32,
    ) -> i32 {
        let memory = &mut GuestMemory::from_header(memory);
        crate::wasi::p0::poll_oneoff(memory, subscriptions, events, nsubscriptions, nevents_out)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        p2_cli, p2_clocks, p2_drafts, p2_filesystem, p2_http, p2_io, p2_random, p2_sockets,
    };
    use super::{p3_cli, p3_clocks, p3_filesystem, p3_http, p3_random, p3_sockets, p3_tls};
    use crate::component::check_complete;
    use wasmelt_abi::{P2, P2_DRAFTS, P2_HTTP, P3, P3_DRAFTS, P3_HTTP};

    #[test]
    fn every_function_of_wasi_0_2_is_there() {
        let rows = [
            p2_cli::HOST_FN_NAMES,
            p2_clocks::HOST_FN_NAMES,
            p2_filesystem::HOST_FN_NAMES,
            p2_io::HOST_FN_NAMES,
            p2_random::HOST_FN_NAMES,
            p2_sockets::HOST_FN_NAMES,
        ];
        check_complete(P2, &rows);
        check_complete(P2_HTTP, &[p2_http::HOST_FN_NAMES]);
        check_complete(P2_DRAFTS, &[p2_drafts::HOST_FN_NAMES]);
    }

    #[test]
    fn every_function_of_wasi_0_3_is_there() {
        let rows = [
            p3_cli::HOST_FN_NAMES,
            p3_clocks::HOST_FN_NAMES,
            p3_filesystem::HOST_FN_NAMES,
            p3_random::HOST_FN_NAMES,
            p3_sockets::HOST_FN_NAMES,
        ];
        check_complete(P3, &rows);
        check_complete(P3_HTTP, &[p3_http::HOST_FN_NAMES]);
        check_complete(P3_DRAFTS, &[p3_tls::HOST_FN_NAMES]);
    }
}
