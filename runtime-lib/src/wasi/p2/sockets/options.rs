//! Options of sockets, for all versions of WASI that have sockets: they differ in the names of the
//! functions and in the error codes.

use crate::component::{Borrow, Call, Resource};
use crate::host;
use crate::host::socket_options::Options;

/// A resource that stands for a socket.
pub trait Socket: Resource {
    /// The error code of its functions.
    type Code: From<host::Error>;

    /// # Errors
    /// Why they can be neither asked for nor set.
    fn options(&self) -> host::Result<Options<'_>>;
}

macro_rules! options {
    ($( $option:ident $set_option:ident : $type:ty = $host_option:ident $set_host_option:ident; )*) => {
        $(
            pub fn $option<S: Socket>(
                call: &mut Call<'_>,
                this: Borrow<S>,
            ) -> Result<$type, S::Code> {
                Ok(call.resource(&this).options()?.$host_option()?)
            }

            pub fn $set_option<S: Socket>(
                call: &mut Call<'_>,
                this: Borrow<S>,
                value: $type,
            ) -> Result<(), S::Code> {
                Ok(call.resource(&this).options()?.$set_host_option(value)?)
            }
        )*
    };
}

options! {
    keep_alive_enabled set_keep_alive_enabled: bool = keep_alive set_keep_alive;
    keep_alive_idle_time set_keep_alive_idle_time: u64 =
        keep_alive_idle_ns set_keep_alive_idle_ns;
    keep_alive_interval set_keep_alive_interval: u64 =
        keep_alive_interval_ns set_keep_alive_interval_ns;
    keep_alive_count set_keep_alive_count: u32 = keep_alive_count set_keep_alive_count;
    hop_limit set_hop_limit: u8 = hop_limit set_hop_limit;
    receive_buffer_size set_receive_buffer_size: u64 =
        receive_buffer_bytes set_receive_buffer_bytes;
    send_buffer_size set_send_buffer_size: u64 = send_buffer_bytes set_send_buffer_bytes;
}
