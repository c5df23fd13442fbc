//! A request and what comes back for it, between a connection and a guest.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker, ready};

use crate::host::http::answer::Answer;
use crate::host::http::body::BodyReader;
use crate::host::http::{ErrorCode, RequestHead, ResponseHead, Result};
use crate::io::Event;

/// Informational responses that wait to be sent.
const INFORMED_MAX: usize = 64;

/// A request that is to be answered.
pub struct Asked {
    pub head: RequestHead,
    pub body: BodyReader,
    pub reply: Reply,
}

/// What the guest answers with. It says nothing to a client that is gone.
#[derive(Clone)]
pub struct Reply(Weak<Shared>);

/// A response, or why there is none.
type Response = Result<(ResponseHead, BodyReader)>;

/// What the connection and the guest have in common.
pub(in crate::host::http) struct Shared {
    response: Rc<Answer<Response>>,
    /// Informational responses that are to be sent.
    informed: RefCell<VecDeque<ResponseHead>>,
    may_inform: bool,
    /// Nothing more comes from the guest; the status that the client gets if it has had nothing.
    over: Cell<Option<u16>>,
    /// What the guest has begun to send and not ended, it does not go on with.
    has_returned: Cell<bool>,
    /// Of whoever sends.
    waker: Cell<Option<Waker>>,
}

impl Reply {
    pub(in crate::host::http) fn new(shared: &Rc<Shared>) -> Reply {
        Reply(Rc::downgrade(shared))
    }

    /// Sends an informational response.
    ///
    /// # Errors
    /// That the client knows none, or has not taken those before.
    pub fn inform(&self, head: &ResponseHead) -> Result<()> {
        let shared = self.0.upgrade().ok_or(ErrorCode::ConnectionTerminated)?;
        let mut informed = shared.informed.borrow_mut();
        if !shared.may_inform || informed.len() == INFORMED_MAX {
            return Err(ErrorCode::HttpProtocolError);
        }
        informed.push_back(head.clone());
        drop(informed);
        shared.wake();
        Ok(())
    }

    /// Gives the response, or why there is none.
    pub fn respond(&self, response: Response) {
        if let Some(shared) = self.0.upgrade() {
            shared.response.give(response);
        }
    }

    /// Whether there has been no response yet, and somebody wants one.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        let shared = self.0.upgrade();
        shared.is_some_and(|shared| shared.response.is_awaited())
    }

    /// The guest has done what it does: a body that it has not ended is cut short where it is.
    pub fn end(&self) {
        if let Some(shared) = self.0.upgrade() {
            shared.has_returned.set(true);
            shared.wake();
        }
    }

    /// Nothing more is to be expected: a client that has had nothing gets this status, and any
    /// other sees the end of its connection in the middle of the message.
    pub fn cut(&self, status: u16) {
        if let Some(shared) = self.0.upgrade() {
            shared.cut(status);
            shared.wake();
        }
    }
}

impl Shared {
    pub(in crate::host::http) fn new(may_inform: bool) -> Rc<Shared> {
        Rc::new(Shared {
            response: Answer::new(),
            informed: RefCell::default(),
            may_inform,
            over: Cell::new(None),
            has_returned: Cell::new(false),
            waker: Cell::new(None),
        })
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// As [`Reply::cut`], by whoever sends.
    pub(in crate::host::http) fn cut(&self, status: u16) {
        self.over.set(Some(status));
    }

    /// What [`Reply::cut`] has said.
    pub(in crate::host::http) fn over(&self) -> Option<u16> {
        self.over.get()
    }

    /// What [`Reply::end`] has said.
    pub(in crate::host::http) fn has_returned(&self) -> bool {
        self.has_returned.get()
    }

    /// Informational responses that are to be sent; whoever asks is told of further ones, and of
    /// [`Reply::cut`].
    pub(in crate::host::http) fn take_informed(
        &self,
        cx: &mut Context<'_>,
    ) -> VecDeque<ResponseHead> {
        self.waker.set(Some(cx.waker().clone()));
        self.informed.take()
    }

    /// The response; nothing once it has been taken.
    pub(in crate::host::http) fn poll_response(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Response>> {
        ready!(self.response.poll(cx));
        Poll::Ready(self.response.take())
    }
}
