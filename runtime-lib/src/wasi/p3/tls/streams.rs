//! The four ends of streams that a connection has.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::link::Link;
use crate::component::ends::{ConsumeBytes, ProduceBytes};

type Shared = Rc<RefCell<Link>>;

/// What the guest sends.
pub(super) struct ClearSink(pub(super) Shared);

/// The records of that.
pub(super) struct CipherSource(pub(super) Shared);

/// The records that come.
pub(super) struct CipherSink(pub(super) Shared);

/// What is in them.
pub(super) struct ClearSource(pub(super) Shared);

impl ConsumeBytes for ClearSink {
    fn poll_consume(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<usize> {
        self.0.borrow_mut().poll_take_clear(cx, from)
    }

    fn finish(self: Box<Self>) {
        self.0.borrow_mut().end_clear();
    }
}

impl ProduceBytes for CipherSource {
    fn poll_produce(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<usize> {
        self.0.borrow_mut().poll_give_cipher(cx, into)
    }
}

impl Drop for CipherSource {
    fn drop(&mut self) {
        self.0.borrow_mut().end_give_cipher();
    }
}

impl ConsumeBytes for CipherSink {
    fn poll_consume(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<usize> {
        self.0.borrow_mut().poll_take_cipher(cx, from)
    }

    fn finish(self: Box<Self>) {
        self.0.borrow_mut().end_cipher();
    }
}

impl ProduceBytes for ClearSource {
    fn poll_produce(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<usize> {
        self.0.borrow_mut().poll_give_clear(cx, into)
    }
}

impl Drop for ClearSource {
    fn drop(&mut self) {
        self.0.borrow_mut().end_give_clear();
    }
}
