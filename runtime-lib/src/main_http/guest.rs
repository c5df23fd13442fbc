//! What a guest's fiber runs: calls of the component's handler.

use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use super::inbox::Inbox;
use super::running::Running;
use crate::component::serve;
use crate::component::tasks::{self, New};
use crate::host::http::body::BodyReader;
use crate::host::http::server::Asked;
use crate::host::http::{self, ErrorCode, ResponseHead};
use crate::io::sleep_until;
use crate::vm::store::Store;
use crate::vm::{process, start};
use crate::wasi::p2::http::{ErrorNames, IncomingRequest, Respond, ResponseOutparam};
use crate::wasi::p3::http as p3;
use wasmelt_abi::ComponentExport;

/// The handler that the component exports.
fn handler() -> &'static ComponentExport {
    let export = process::items(&process::program().component_exports).first();
    export.expect("the compiler wrote the handler's export")
}

/// `wasi:http/incoming-handler`: one request after the other.
pub(super) fn run_p2(store: &'static Store, inbox: &Inbox) {
    start::instantiate_all(process::program(), store);
    while let Some((asked, running)) = inbox.next() {
        // Nothing is kept here while the guest runs: a trap drops nothing of this frame.
        serve::call_sync::<_, ()>(handler(), store, arguments(asked, running));
        inbox.finish_first();
    }
}

/// The same where the handler is a task, since something in its instance may let others go on.
pub(super) fn run_p2_tasks(store: &'static Store, inbox: &Inbox) {
    start::instantiate_all(process::program(), store);
    while let Some((asked, running)) = inbox.next() {
        serve::call::<_, ()>(handler(), store, arguments(asked, running));
        inbox.finish_first();
    }
}

fn arguments(asked: Asked, running: Rc<Running>) -> (New<IncomingRequest>, New<ResponseOutparam>) {
    let (head, body) = (asked.head, Some(asked.body));
    let response = ResponseOutparam(Box::new(Answering(running)));
    (New(IncomingRequest { head, body }), New(response))
}

/// A request that is to be answered.
struct Answering(Rc<Running>);

impl Respond for Answering {
    fn inform(&mut self, head: ResponseHead) -> http::Result<()> {
        self.0.reply.inform(&head)
    }

    fn respond(self: Box<Self>, response: http::Result<(ResponseHead, BodyReader)>) {
        respond(&self.0, response);
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        if self.0.reply.is_awaited() {
            self.0
                .complain("guest never invoked `response-outparam::set` method");
            self.0.reply.cut(500);
        }
    }
}

fn respond(running: &Running, response: http::Result<(ResponseHead, BodyReader)>) {
    if let Err(error) = &response {
        running.complain(&format!("the guest answers with {}", error.name()));
    }
    running.reply.respond(response);
}

/// `wasi:http/handler`: several requests at the same time.
pub(super) fn run_p3(store: &'static Store, inbox: &Inbox) {
    start::instantiate_all(process::program(), store);
    while !inbox.is_over() {
        while let Some((asked, running)) = inbox.take() {
            begin_p3(store, inbox, asked, running);
        }
        // Bodies that nobody writes any more.
        if inbox.have_all_returned() && !tasks::can_go_on() {
            inbox.end_all();
            continue;
        }
        // Nothing that this instance has left behind keeps it: what a request has begun is part
        // of it until it ends.
        let mut idle = inbox.is_idle().then(|| sleep_until(inbox.idle_until_ns()));
        let mut is_idle_for_long = false;
        tasks::tick_until(|cx| {
            if inbox.poll(cx).is_ready() {
                return Poll::Ready(());
            }
            let over = idle.as_mut().map(|idle| pin!(idle).poll(cx));
            is_idle_for_long = over == Some(Poll::Ready(()));
            over.unwrap_or(Poll::Pending)
        });
        if is_idle_for_long {
            return;
        }
    }
}

/// The task of a request.
struct Task(Rc<Ended>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.1.has_returned.set(true);
    }
}

/// Tells the inbox when the task of a request has ended, and so has the body of the response: what
/// the guest has passed on is moved by its store.
struct Ended(Rc<Inbox>, Rc<Running>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.finish(&self.1);
    }
}

fn begin_p3(store: &'static Store, inbox: &Inbox, asked: Asked, running: Rc<Running>) {
    let request = New(p3::Request::received(asked.head, asked.body));
    let task = Task(Rc::new(Ended(inbox.shared(), running)));
    let then = move |answer: Option<http::Result<New<p3::Response>>>| {
        let ended = &task.0;
        let response = answer.unwrap_or(Err(ErrorCode::InternalError(None)));
        let response = response.map(|New(response)| response.into_parts());
        if let Ok((_, body)) = &response {
            body.hold(Rc::clone(ended));
        }
        respond(&ended.1, response);
    };
    serve::begin(handler(), store, (request,), then);
}
