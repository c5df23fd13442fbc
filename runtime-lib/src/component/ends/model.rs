//! What streams and futures are made of. What ends do is in `end`, what becomes of two of them in
//! `shared`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::buffer::Buffer;
use super::host::{Sink, Source};
use crate::component::handles::kind;
use crate::component::tasks::{HostTask, WaitableState};
use crate::component::types::Type;
use wasmelt_abi::{PtrType, TypeKind};

/// What a type is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Family {
    Stream,
    Future,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    Readable,
    Writable,
}

/// `CopyState`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CopyState {
    Idle,
    Copying,
    CancellingCopy,
    Done,
}

/// `CopyResult`.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CopyResult {
    Completed = 0,
    Dropped = 1,
    Cancelled = 2,
}

/// One end, as a component instance has it in its table.
pub(super) struct End {
    pub(super) waitable: WaitableState,
    pub(super) shared: Rc<Shared>,
    pub(super) side: Side,
    pub(super) state: Cell<CopyState>,
    /// Its index in the table; known once it copies.
    pub(super) handle: Cell<u32>,
    /// Of the copy that is going on.
    pub(super) buffer: Cell<Option<Buffer>>,
    /// Of that copy, or of the last.
    pub(super) result: Cell<CopyResult>,
}

/// What the two ends of a stream or future share: `SharedStreamImpl` and `SharedFutureImpl`.
pub(super) struct Shared {
    pub(super) family: Family,
    /// Type of the stream or future; none as long as only the host has seen it.
    pub(super) ty: Cell<Option<Type>>,
    /// What the host knows of the element type where there is no `ty`.
    pub(super) element: Element,
    /// One of the ends is gone.
    pub(super) dropped: Cell<bool>,
    /// `pending_buffer`, `pending_on_copy`, …: the end of a guest that waits.
    pub(super) pending: RefCell<Option<Rc<End>>>,
    /// The writable end, if the host has it.
    pub(super) source: RefCell<Option<Source>>,
    /// The readable end, if the host has it.
    pub(super) sink: RefCell<Option<Sink>>,
    /// What asks the host's end while the guest's waits.
    pub(super) driver: RefCell<Option<HostTask>>,
}

/// As much of an element type as lifting and lowering elements relies on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Element {
    /// In memories with addresses of 32 bits.
    pub(super) bytes: u32,
    pub(super) align: u32,
    pub(super) is_u8: bool,
}

impl Family {
    pub(super) fn name(self) -> &'static str {
        match self {
            Family::Stream => "stream",
            Family::Future => "future",
        }
    }

    /// What the handle table calls such an end.
    pub(super) fn handle_kind(self, side: Side) -> u32 {
        match (self, side) {
            (Family::Stream, Side::Readable) => kind::STREAM_READABLE,
            (Family::Stream, Side::Writable) => kind::STREAM_WRITABLE,
            (Family::Future, Side::Readable) => kind::FUTURE_READABLE,
            (Family::Future, Side::Writable) => kind::FUTURE_WRITABLE,
        }
    }
}

impl Element {
    pub(super) fn of(ty: Option<Type>) -> Element {
        Element {
            bytes: ty.map_or(0, |ty| ty.bytes(PtrType::I32)),
            align: ty.map_or(1, |ty| ty.align(PtrType::I32)),
            is_u8: ty.is_some_and(|ty| ty.kind() == TypeKind::U8),
        }
    }
}

impl Shared {
    /// Of a type, both ends being a guest's.
    pub(super) fn new(family: Family, ty: Type) -> Rc<Shared> {
        Rc::new(Shared {
            ty: Cell::new(Some(ty)),
            ..Shared::empty(family, Element::of(ty.member(0)))
        })
    }

    /// With a writable end of the host.
    pub(super) fn of_source(family: Family, element: Element, source: Source) -> Rc<Shared> {
        Rc::new(Shared {
            source: RefCell::new(Some(source)),
            ..Shared::empty(family, element)
        })
    }

    fn empty(family: Family, element: Element) -> Shared {
        Shared {
            family,
            ty: Cell::new(None),
            element,
            dropped: Cell::new(false),
            pending: RefCell::new(None),
            source: RefCell::new(None),
            sink: RefCell::new(None),
            driver: RefCell::new(None),
        }
    }

    pub(super) fn family(&self) -> Family {
        self.family
    }

    pub(super) fn element(&self) -> Element {
        self.element
    }

    /// Whether it is of this type. What the host has made is of the type that a guest first uses
    /// it as, if elements look the same.
    pub(super) fn is_of_type(&self, ty: Type) -> bool {
        if let Some(own) = self.ty.get() {
            return own.is(ty);
        }
        let fits = Element::of(ty.member(0)) == self.element;
        if fits {
            self.ty.set(Some(ty));
        }
        fits
    }
}

impl End {
    pub(super) fn new(shared: Rc<Shared>, side: Side) -> Rc<End> {
        Rc::new(End {
            waitable: WaitableState::default(),
            shared,
            side,
            state: Cell::new(CopyState::Idle),
            handle: Cell::new(0),
            buffer: Cell::new(None),
            result: Cell::new(CopyResult::Completed),
        })
    }
}
