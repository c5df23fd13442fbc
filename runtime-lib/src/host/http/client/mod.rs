//! Requests of a guest to others.
//!
//! A request is a task: it takes a connection that is there or makes one, sends, and gives the
//! response as soon as its head is there. Body and rest go on by themselves. Whoever the program
//! may speak with was decided when it was built.

mod connect;
mod exchange;
mod grant;
mod pool;
mod request;
#[cfg(test)]
mod tests;
mod timeout;

use std::rc::Rc;

use super::answer::Answer;
use super::body::BodyReader;
use super::error::{ErrorCode, Result};
use super::message::{Authority, Method, RequestHead, RequestOptions, Scheme};
use crate::io::{Task, spawn};
use connect::Destination;
pub use connect::{Connection, Exchanging, Failed, Securing, Shared, Way, set_secure};
use exchange::Exchange;
pub use request::{Request, Response};
pub use timeout::{Silence, Timeouts};
use timeout::{deadline_ns, until};

/// Servers take no targets that are longer.
const TARGET_BYTES_MAX: usize = 64 * 1024;

/// A request that so many connections have refused is refused.
const REFUSALS_MAX: usize = 4;

/// A request that has been sent. Dropped before there is a response, it is given up.
pub struct Sent {
    response: Rc<Answer<Response>>,
    task: Option<Task>,
}

impl Sent {
    /// Where the response is going to be.
    #[must_use]
    pub fn response(&self) -> &Rc<Answer<Response>> {
        &self.response
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        if let Some(task) = self.task.take()
            && !self.response.is_awaited()
        {
            // The body is still to come.
            task.detach();
        }
    }
}

/// Sends a request.
///
/// # Errors
/// Why it cannot be sent, whatever the network is like.
pub fn send(mut head: RequestHead, mut body: BodyReader, options: RequestOptions) -> Result<Sent> {
    // What a guest spells out is what it spells.
    if let Some(method) = Method::parse(head.method.name()) {
        head.method = method;
    }
    let prepared = prepare(&head).and_then(|prepared| {
        match grant::is_granted(&prepared.0.host, prepared.0.port) {
            true => Ok(prepared),
            false => Err(ErrorCode::HttpRequestDenied),
        }
    });
    match prepared {
        Ok(prepared) => Ok(begin(head, body, options, prepared)),
        Err(error) => {
            body.sent(Err(error.clone()));
            Err(error)
        }
    }
}

/// Where a request goes, its `Host`, and its target.
type Prepared = (Destination, String, String);

fn begin(
    head: RequestHead,
    body: BodyReader,
    options: RequestOptions,
    (destination, host, target): Prepared,
) -> Sent {
    let response = Answer::new();
    let answer = Rc::clone(&response);
    let request = Request {
        head,
        target,
        host,
        body,
    };
    let task = spawn(async move {
        let result = run(&destination, request, Timeouts::new(options), &answer).await;
        if let Err(error) = result {
            answer.give(Err(error));
        }
    });
    Sent {
        response,
        task: Some(task),
    }
}

fn prepare(head: &RequestHead) -> Result<Prepared> {
    let secure = match &head.scheme {
        Some(Scheme::Http) => false,
        None | Some(Scheme::Https) => true,
        Some(Scheme::Other(_)) => return Err(ErrorCode::HttpProtocolError),
    };
    let authority = head.authority.as_deref();
    let authority = authority.ok_or(ErrorCode::HttpRequestUriInvalid)?;
    let parts = Authority::parse(authority).ok_or(ErrorCode::HttpRequestUriInvalid)?;
    let port = parts.port.unwrap_or(if secure { 443 } else { 80 });
    let destination = Destination {
        secure,
        host: parts.host.to_ascii_lowercase(),
        port,
    };
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let target = match (&head.method, head.path_with_query.as_deref()) {
        (Method::Connect, _) => return Err(ErrorCode::HttpRequestMethodInvalid),
        (_, None | Some("")) => "/".to_owned(),
        (Method::Options, Some("*")) => "*".to_owned(),
        (_, Some(path)) if path.starts_with('/') => path.to_owned(),
        (_, Some(path)) if path.starts_with('?') => format!("/{path}"),
        (_, Some(_)) => return Err(ErrorCode::HttpRequestUriInvalid),
    };
    if target.len() > TARGET_BYTES_MAX {
        return Err(ErrorCode::HttpRequestUriTooLong);
    }
    Ok((destination, host.to_owned(), target))
}

async fn run(
    destination: &Destination,
    mut request: Request,
    timeouts: Timeouts,
    answer: &Rc<Answer<Response>>,
) -> Result<()> {
    let mut refusals = 0;
    let connection = loop {
        let limit = deadline_ns(timeouts.connect_ns);
        let found = pool::find(destination, limit);
        let found = until(limit, ErrorCode::ConnectionTimeout, found);
        let error = match found.await {
            Ok(Way::Own(connection)) => break connection,
            Ok(Way::Shared(session)) => {
                let exchange = session.exchange(request, timeouts, Rc::clone(answer));
                let exchanged = exchange.await;
                pool::release(destination);
                let Err(failed) = exchanged else {
                    return Ok(());
                };
                let Some(unsent) = failed.request else {
                    return Err(failed.error);
                };
                request = *unsent;
                refusals += 1;
                if refusals < REFUSALS_MAX {
                    continue;
                }
                failed.error
            }
            Err(error) => error,
        };
        request.body.sent(Err(error.clone()));
        return Err(error);
    };
    let left = Exchange::new(connection, request, timeouts, answer).await?;
    if let Some(connection) = left {
        pool::put(destination, connection);
    }
    Ok(())
}
