//! A request as it goes onto a connection, and what comes back.

use crate::host::http::body::BodyReader;
use crate::host::http::error::Result;
use crate::host::http::message::{Method, RequestHead, ResponseHead};

/// A response, or why there is none.
pub type Response = Result<(ResponseHead, BodyReader)>;

/// A request, ready for a connection.
pub struct Request {
    pub(in crate::host::http) head: RequestHead,
    /// What stands in the first line.
    pub(in crate::host::http) target: String,
    /// The authority without a user.
    pub(in crate::host::http) host: String,
    pub(in crate::host::http) body: BodyReader,
}

impl Request {
    /// The length that is told beside the fields, of a body that is complete.
    #[must_use]
    pub fn length_to_tell(&self) -> Option<u64> {
        let says = self.head.fields.has("content-length");
        let simple = self.body.is_complete_without_trailers();
        let bytes = self.body.known_bytes().filter(|_| simple && !says)?;
        (bytes > 0 || !self.goes_without_length()).then_some(bytes)
    }

    /// Whether the head is everything.
    #[must_use]
    pub fn is_without_body(&self) -> bool {
        self.body.known_bytes() == Some(0) && self.body.is_complete_without_trailers()
    }

    /// Whether a request of this method without a body says nothing about its length.
    fn goes_without_length(&self) -> bool {
        matches!(
            self.head.method,
            Method::Get
                | Method::Head
                | Method::Delete
                | Method::Options
                | Method::Trace
                | Method::Connect
        )
    }
}
