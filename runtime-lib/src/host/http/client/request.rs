//! A request as it goes onto a connection, and what comes back.

use crate::host::http::body::BodyReader;
use crate::host::http::error::Result;
use crate::host::http::message::{RequestHead, ResponseHead};

/// A response, or why there is none.
pub type Response = Result<(ResponseHead, BodyReader)>;

/// A request, ready for a connection.
pub(super) struct Request {
    pub(super) head: RequestHead,
    /// What stands in the first line.
    pub(super) target: String,
    /// The authority without a user.
    pub(super) host: String,
    pub(super) body: BodyReader,
}
