//! Requests of a guest to others.

use std::rc::Rc;

use super::answer::Answer;
use super::body::BodyReader;
use super::error::{ErrorCode, Result};
use super::message::{RequestHead, RequestOptions, ResponseHead, Scheme};

/// A response, or why there is none.
pub type Response = Result<(ResponseHead, BodyReader)>;

/// A request that has been sent. Dropped before there is a response, it is given up.
pub struct Sent {
    response: Rc<Answer<Response>>,
}

impl Sent {
    /// Where the response is going to be.
    #[must_use]
    pub fn response(&self) -> &Rc<Answer<Response>> {
        &self.response
    }
}

/// Sends a request.
///
/// # Errors
/// [`ErrorCode::HttpProtocolError`] for schemes other than those of HTTP, otherwise
/// [`ErrorCode::HttpRequestDenied`]: nothing grants a program that yet.
pub fn send(head: RequestHead, mut body: BodyReader, _: RequestOptions) -> Result<Sent> {
    let error = match head.scheme {
        None | Some(Scheme::Http | Scheme::Https) => ErrorCode::HttpRequestDenied,
        Some(Scheme::Other(_)) => ErrorCode::HttpProtocolError,
    };
    body.sent(Err(error.clone()));
    Err(error)
}
