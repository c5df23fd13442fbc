//! What the four streams of a connection have shares of: rustls in their middle.
//!
//! Each of them moves what it can, and has all others asked again when it has moved something.

use std::io::{ErrorKind, Read, Write};
use std::task::{Context, Poll, Waker};

use rustls::ClientConnection;

use super::error::{Error, error};
use crate::host::http::tls::error_code;
use crate::wasi::p2::http::ErrorNames;
use crate::wasi::p3::outcome::Outcome;

/// The other side has gone without saying so.
const CUT: &str = "connection-terminated";

/// A connection, from before it is made.
#[derive(Default)]
pub(super) struct Link {
    session: Option<ClientConnection>,
    /// Why nothing comes of it, or no more.
    failed: Option<&'static str>,
    wakers: Vec<Waker>,
    /// The guest has nothing more to send.
    has_sent_all: bool,
    /// The other side was told.
    has_told: bool,
    /// Nobody takes what is to be sent.
    is_send_gone: bool,
    /// Nobody reads what has come.
    is_receive_gone: bool,
    /// The other side has said that nothing more comes.
    has_heard_all: bool,
    /// Nothing more comes, whatever was said.
    is_cut: bool,
    send: Option<Outcome<Error>>,
    receive: Option<Outcome<Error>>,
}

impl Link {
    pub(super) fn set_send(&mut self, outcome: Outcome<Error>) {
        self.send = Some(outcome);
    }

    pub(super) fn set_receive(&mut self, outcome: Outcome<Error>) {
        self.receive = Some(outcome);
    }

    /// Whether it has come to anything, good or bad.
    pub(super) fn is_begun(&self) -> bool {
        self.session.is_some() || self.failed.is_some()
    }

    pub(super) fn begin(&mut self, session: ClientConnection) {
        self.session = Some(session);
        self.wake();
    }

    /// Only the first reason counts.
    pub(super) fn fail(&mut self, why: &'static str) {
        self.failed.get_or_insert(why);
        for outcome in [&mut self.send, &mut self.receive].into_iter().flatten() {
            outcome.fail(error(why));
        }
        self.wake();
    }

    fn wake(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }

    fn wait<T>(&mut self, cx: &Context<'_>) -> Poll<T> {
        if !self.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            self.wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    fn is_open(&self) -> bool {
        let session = self.session.as_ref();
        session.is_some_and(|session| !session.is_handshaking())
    }

    /// Waits until both sides know each other.
    pub(super) fn poll_handshake(&mut self, cx: &Context<'_>) -> Poll<Result<(), &'static str>> {
        match self.failed {
            Some(why) => Poll::Ready(Err(why)),
            None if self.is_open() => Poll::Ready(Ok(())),
            None => self.wait(cx),
        }
    }

    /// Takes what the guest sends: how much, 0 if nothing any more.
    pub(super) fn poll_take_clear(&mut self, cx: &Context<'_>, from: &[u8]) -> Poll<usize> {
        if self.failed.is_some() || self.is_send_gone {
            return Poll::Ready(0);
        }
        let is_open = self.is_open();
        let Some(session) = self.session.as_mut().filter(|_| is_open) else {
            return self.wait(cx);
        };
        match session.writer().write(from) {
            Ok(count @ 1..) => {
                self.wake();
                Poll::Ready(count)
            }
            // It keeps no more of it.
            _ => self.wait(cx),
        }
    }

    /// The guest has sent everything.
    pub(super) fn end_clear(&mut self) {
        self.has_sent_all = true;
        self.tell();
        self.wake();
    }

    fn tell(&mut self) {
        if self.has_sent_all && !self.has_told && self.is_open() {
            self.has_told = true;
            self.session
                .iter_mut()
                .for_each(|session| session.send_close_notify());
        }
    }

    /// Gives records to be sent, 0 bytes at their end.
    pub(super) fn poll_give_cipher(&mut self, cx: &Context<'_>, into: &mut [u8]) -> Poll<usize> {
        let session = self
            .session
            .as_mut()
            .filter(|session| session.wants_write());
        if let Some(session) = session {
            let mut rest = into;
            let count = session.write_tls(&mut rest).unwrap_or(0);
            self.wake();
            return Poll::Ready(count);
        }
        if self.failed.is_some() || self.has_told {
            return Poll::Ready(0);
        }
        self.wait(cx)
    }

    /// Nobody takes them any more.
    pub(super) fn end_give_cipher(&mut self) {
        self.is_send_gone = true;
        self.send = None;
        self.wake();
    }

    /// Takes records that have come: how many bytes of them, 0 if no more.
    pub(super) fn poll_take_cipher(&mut self, cx: &Context<'_>, from: &[u8]) -> Poll<usize> {
        if self.failed.is_some() {
            return Poll::Ready(0);
        }
        if self.has_heard_all {
            // Whatever comes now is not of this connection.
            return Poll::Ready(from.len());
        }
        let session = self.session.as_mut().filter(|session| session.wants_read());
        let Some(session) = session else {
            return self.wait(cx);
        };
        let mut rest = from;
        let Ok(count @ 1..) = session.read_tls(&mut rest) else {
            return self.wait(cx);
        };
        match session.process_new_packets() {
            Ok(state) => self.has_heard_all = state.peer_has_closed(),
            Err(why) => self.fail(error_code(&why).name()),
        }
        if self.is_receive_gone {
            self.discard();
        }
        self.tell();
        self.wake();
        Poll::Ready(count)
    }

    /// No more records come.
    pub(super) fn end_cipher(&mut self) {
        self.is_cut = true;
        if !self.is_open() {
            self.fail(CUT);
        }
        self.wake();
    }

    /// Gives what has come, 0 bytes at the end.
    pub(super) fn poll_give_clear(&mut self, cx: &Context<'_>, into: &mut [u8]) -> Poll<usize> {
        let read = self
            .session
            .as_mut()
            .map(|session| session.reader().read(into));
        match read {
            Some(Ok(count)) => {
                self.wake();
                return Poll::Ready(count);
            }
            Some(Err(error)) if error.kind() != ErrorKind::WouldBlock => self.fail(CUT),
            _ if self.is_cut => self.fail(CUT),
            _ => {}
        }
        match self.failed {
            Some(_) => Poll::Ready(0),
            None => self.wait(cx),
        }
    }

    /// Nobody reads it any more; what the connection needs is read all the same.
    pub(super) fn end_give_clear(&mut self) {
        self.is_receive_gone = true;
        self.receive = None;
        self.discard();
        self.wake();
    }

    fn discard(&mut self) {
        let mut bytes = [0; 1024];
        if let Some(session) = &mut self.session {
            while let Ok(1..) = session.reader().read(&mut bytes) {}
        }
    }
}
