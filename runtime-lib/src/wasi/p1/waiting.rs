//! The functions that may wait for long, in two versions: they differ in what becomes of what is open
//! meanwhile.

macro_rules! unsigned {
    (i32) => {
        u32
    };
    (i64) => {
        u64
    };
}

/// The functions with one way to get at entries.
macro_rules! functions {
    ($access:ident $( $name:ident ( $($param:ident : $type:ident),* ) -> $result:tt ; )*) => {
        $(
            #[inline(always)]
            #[allow(clippy::too_many_arguments)] // The parameters are those of the witx document.
            pub(in super::super) fn $name(
                memory: &mut GuestMemory $(, $param: unsigned!($type))*
            ) -> Result<()> {
                generic::$name::<$access>(memory $(, $param)*)
            }
        )*
    };
}

/// Whatever way.
mod generic {
    pub(super) use super::super::fd::{fd_pread, fd_pwrite, fd_read, fd_write};
    pub(super) use super::super::path::path_open;
    pub(super) use super::super::poll::poll_oneoff;
    pub(super) use super::super::sock::{sock_accept, sock_recv, sock_send};
}

/// Those of a program with one thread.
pub(super) mod locked {
    use super::super::Result;
    use super::super::table::Locked;
    use super::generic;
    use crate::vm::GuestMemory;

    macro_rules! locked {
        ($($rows:tt)*) => {
            functions!(Locked $($rows)*);
        };
    }

    wasmelt_abi::for_each_p1_waiting_fn!(locked);
}

/// Those of a program with threads.
pub(super) mod shared {
    use super::super::Result;
    use super::super::table::Shared;
    use super::generic;
    use crate::vm::GuestMemory;

    macro_rules! shared {
        ($($rows:tt)*) => {
            functions!(Shared $($rows)*);
        };
    }

    wasmelt_abi::for_each_p1_waiting_fn!(shared);
}
