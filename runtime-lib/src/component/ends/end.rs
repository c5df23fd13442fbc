//! One end of a stream or future, as a component instance has it in its table: `CopyEnd` of the
//! canonical ABI with its four subclasses.

use std::any::Any;
use std::rc::Rc;

use super::buffer::Buffer;
use super::model::{CopyResult, CopyState, End, Family, Side};
use crate::component::tasks::{Event, Waitable, WaitableState, set_pending_event};
use crate::vm::trap::{Piece, TrapInfo, raise, raise_with};
use wasmelt_abi::{EventCode, TrapCode};

impl End {
    pub(super) fn as_waitable(self: &Rc<End>) -> Rc<dyn Waitable> {
        Rc::clone(self) as Rc<dyn Waitable>
    }

    /// `trap_if(e.state != CopyState.IDLE)` of a copy.
    pub(super) fn check_idle(&self) {
        match self.state.get() {
            CopyState::Idle => {}
            CopyState::Copying | CopyState::CancellingCopy => raise(TrapCode::CopyTwice),
            CopyState::Done => self.refuse_copy(),
        }
    }

    #[cold]
    fn refuse_copy(&self) -> ! {
        let dropped = self.result.get() == CopyResult::Dropped;
        let text = match (self.shared.family(), self.side) {
            (Family::Stream, Side::Readable) => {
                "cannot read after being notified that the writable end dropped"
            }
            (Family::Future, Side::Readable) => {
                "cannot read from future after previous read succeeded"
            }
            (Family::Future, Side::Writable) if !dropped => {
                "cannot write to future after previous write succeeded or readable end dropped"
            }
            (_, Side::Writable) => {
                "cannot write after being notified that the readable end dropped"
            }
        };
        raise_with(TrapInfo::with_text(TrapCode::EndDone, &[Piece::Text(text)]))
    }

    /// `trap_if`s of `lift_async_value` behind that of the type.
    pub(super) fn check_lift(&self) {
        let family = self.shared.family();
        match (self.state.get(), family) {
            (CopyState::Idle, _) => {}
            (CopyState::Copying | CopyState::CancellingCopy, _) => self.refuse_busy("remove"),
            (CopyState::Done, Family::Stream) => refuse_lift(
                "stream",
                " after being notified that the writable end dropped",
                TrapCode::EndDone,
            ),
            (CopyState::Done, Family::Future) => refuse_lift(
                "future",
                " after previous read succeeded",
                TrapCode::EndDone,
            ),
        }
        if self.is_in_waitable_set() {
            let text = " while it's in a waitable set";
            refuse_lift(family.name(), text, TrapCode::EndInSet)
        }
    }

    #[cold]
    fn refuse_busy(&self, what: &'static str) -> ! {
        let text = [
            Piece::Text("cannot "),
            Piece::Text(what),
            Piece::Text(" busy "),
            Piece::Text(self.shared.family().name()),
        ];
        raise_with(TrapInfo::with_text(TrapCode::EndBusy, &text))
    }

    /// `trap_if(e.in_waitable_set() and not opts.async_)`.
    pub(super) fn check_waiting(&self, is_async: bool) {
        if !is_async && self.is_in_waitable_set() {
            raise(TrapCode::WaitableInSet)
        }
    }

    fn is_in_waitable_set(&self) -> bool {
        (self as &dyn Waitable).in_waitable_set()
    }

    /// Begins a copy.
    pub(super) fn begin(&self, handle: u32, buffer: Buffer) {
        self.handle.set(handle);
        self.buffer.set(Some(buffer));
        self.state.set(CopyState::Copying);
    }

    /// `trap_if`s of `cancel_copy` behind that of the type; then the copy is being cancelled.
    pub(super) fn begin_cancel(&self, is_async: bool) {
        let has_sync_waiter = (self as &dyn Waitable).has_sync_waiter();
        if self.state.get() != CopyState::Copying || has_sync_waiter {
            raise(TrapCode::NothingToCancel)
        }
        self.check_waiting(is_async);
        self.state.set(CopyState::CancellingCopy);
    }

    /// The buffer of the copy that is going on.
    pub(super) fn buffer(&self) -> Buffer {
        self.buffer.get().expect("an end that copies has a buffer")
    }

    pub(super) fn set_buffer(&self, buffer: Buffer) {
        self.buffer.set(Some(buffer));
    }

    /// `on_copy` and `on_copy_done`: the guest is going to be told.
    pub(super) fn notify(self: &Rc<End>, result: CopyResult) {
        self.result.set(result);
        set_pending_event(&self.as_waitable());
    }

    /// `reset_pending`, if the buffer is still that of this end: it is told that it has copied
    /// something.
    fn reclaim_buffer(&self) {
        let mut pending = self.shared.pending.borrow_mut();
        if pending.as_ref().is_some_and(|it| std::ptr::eq(&**it, self)) {
            *pending = None;
        }
    }

    pub(super) fn has_pending_event(&self) -> bool {
        (self as &dyn Waitable).has_pending_event()
    }

    /// The payload of its pending event, which is then delivered.
    pub(super) fn pending_payload(&self) -> u32 {
        (self as &dyn Waitable).get_pending_event().payload
    }

    /// `trap_if`s of `CopyEnd.drop`, and of that of `WritableFutureEnd`.
    pub(super) fn check_drop(&self) {
        match self.state.get() {
            CopyState::Copying | CopyState::CancellingCopy => match self.side {
                Side::Readable => self.refuse_busy("remove"),
                Side::Writable => self.refuse_busy("drop"),
            },
            CopyState::Idle
                if (self.shared.family(), self.side) == (Family::Future, Side::Writable) =>
            {
                raise(TrapCode::FutureNotWritten)
            }
            CopyState::Idle | CopyState::Done => {}
        }
    }

    /// `Waitable.drop`.
    pub(super) fn leave_waitable_set(self: &Rc<End>) {
        (&**self as &dyn Waitable).drop_waitable();
    }
}

#[cold]
fn refuse_lift(family: &'static str, why: &'static str, code: TrapCode) -> ! {
    let text = [
        Piece::Text("cannot lift "),
        Piece::Text(family),
        Piece::Text(why),
    ];
    raise_with(TrapInfo::with_text(code, &text))
}

impl Waitable for End {
    fn state(&self) -> &WaitableState {
        &self.waitable
    }

    /// `stream_event` and `future_event`.
    ///
    /// Differs from the spec: where a stream has copied something and is cancelled before the guest
    /// is told, `definitions.py` says `COMPLETED`. The specification's tests and Wasmtime say
    /// `CANCELLED`, which is what is said here.
    fn deliver(&self) -> Event {
        self.reclaim_buffer();
        let family = self.shared.family();
        let result = match (family, self.state.get(), self.result.get()) {
            (Family::Stream, CopyState::CancellingCopy, CopyResult::Completed) => {
                CopyResult::Cancelled
            }
            (_, _, result) => result,
        };
        let is_done = match family {
            Family::Stream => result == CopyResult::Dropped,
            Family::Future => result != CopyResult::Cancelled,
        };
        self.state.set(if is_done {
            CopyState::Done
        } else {
            CopyState::Idle
        });
        let payload = match family {
            Family::Stream => result as u32 | self.buffer().progress() << 4,
            Family::Future => result as u32,
        };
        let code = match (family, self.side) {
            (Family::Stream, Side::Readable) => EventCode::StreamRead,
            (Family::Stream, Side::Writable) => EventCode::StreamWrite,
            (Family::Future, Side::Readable) => EventCode::FutureRead,
            (Family::Future, Side::Writable) => EventCode::FutureWrite,
        };
        Event {
            code,
            index: self.handle.get(),
            payload,
        }
    }

    fn as_any(self: Rc<Self>) -> Rc<dyn Any> {
        self
    }
}
