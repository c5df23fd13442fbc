//! The server: processes that accept connections, read requests, have guests answer them, and send
//! what they answer. What a guest is, and where it runs, is somebody else's: [`Guests`].
//!
//! A connection is looked after by a task of the worker that has accepted it, from then on until it
//! ends. Connections that are silent, or slow in their heads, cost no guest.

mod accept;
mod access_log;
mod arriving;
mod connection;
mod exchange;
mod offered;
#[cfg_attr(not(target_os = "linux"), path = "one_processor.rs")]
mod processors;
mod reply;
mod request;
mod response;
pub mod settings;
mod supervise;
#[cfg(test)]
mod tests;
#[cfg_attr(windows, path = "no_unix_socket.rs")]
mod unix_socket;
mod worker;

pub(super) use access_log::Note;
pub use access_log::Visitor;
pub use connection::Connection;
pub use offered::{Secured, Securing, Served, ServerTls, offer_http2, offer_tls};
pub(super) use reply::Shared;
pub use reply::{Asked, Reply};
pub(super) use response::{own_text, with_date};
pub use supervise::run;
pub use worker::Guests;
