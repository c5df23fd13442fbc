//! `wasi:sockets`.
//!
//! The network may be used where the executable's policy says so, and otherwise no socket can be
//! made; names are looked up where it says that.

pub mod lookup;
pub mod tcp;
#[cfg(test)]
mod tests;
pub mod types;
pub mod udp;

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, ready};

use crate::host::{self, Error};
use crate::io::{Changes, Interest, Source};
use crate::sys::fd::AsFd;

/// Attempts until an attempt no longer says that it would block.
async fn attempt<F: AsFd + 'static, T>(
    socket: Rc<Source<F>>,
    interest: Interest,
    attempt: impl Fn(&F) -> host::Result<T>,
) -> Result<T, types::ErrorCode> {
    let mut changes = Changes::new(socket.handle(), interest);
    poll_fn(|cx| {
        loop {
            match attempt(&socket) {
                Err(Error::WouldBlock) => ready!(changes.poll(cx)),
                result => return Poll::Ready(Ok(result?)),
            }
        }
    })
    .await
}
