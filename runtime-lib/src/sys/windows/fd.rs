//! Descriptors, which are handles. Their numbers are below 2^32, as Windows promises.

use std::fs::File;
use std::mem::ManuallyDrop;
use std::os::windows::io::{
    AsHandle, AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle, RawHandle,
};
use std::rc::Rc;
use std::sync::Arc;

use cap_std::fs::Dir;

/// The number of a handle.
pub type RawFd = i32;

/// A handle that is closed when this is dropped.
#[derive(Debug)]
pub struct OwnedFd(OwnedHandle);

/// A handle that somebody else closes.
#[derive(Clone, Copy, Debug)]
pub struct BorrowedFd<'a>(BorrowedHandle<'a>);

pub trait AsFd {
    fn as_fd(&self) -> BorrowedFd<'_>;
}

pub trait AsRawFd {
    fn as_raw_fd(&self) -> RawFd;
}

pub trait IntoRawFd {
    fn into_raw_fd(self) -> RawFd;
}

impl BorrowedFd<'_> {
    /// # Safety
    /// The handle with this number stays open as long as the result is used.
    #[must_use]
    pub unsafe fn borrow_raw(fd: RawFd) -> Self {
        // SAFETY: the caller vouches for the handle.
        BorrowedFd(unsafe { BorrowedHandle::borrow_raw(fd as isize as RawHandle) })
    }

    pub(super) fn handle(self) -> RawHandle {
        self.0.as_raw_handle()
    }

    /// As a file of the standard library, which is not to be closed.
    pub(super) fn file(self) -> ManuallyDrop<File> {
        // SAFETY: the handle is open as long as `self` is used, and is not closed by this.
        ManuallyDrop::new(unsafe { File::from_raw_handle(self.handle()) })
    }

    pub(super) fn duplicate(self) -> std::io::Result<OwnedFd> {
        self.0.try_clone_to_owned().map(OwnedFd)
    }
}

impl From<OwnedHandle> for OwnedFd {
    fn from(handle: OwnedHandle) -> OwnedFd {
        OwnedFd(handle)
    }
}

impl From<OwnedFd> for OwnedHandle {
    fn from(fd: OwnedFd) -> OwnedHandle {
        fd.0
    }
}

impl From<File> for OwnedFd {
    fn from(file: File) -> OwnedFd {
        OwnedFd(file.into())
    }
}

impl AsFd for BorrowedFd<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        *self
    }
}

impl AsFd for OwnedFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        BorrowedFd(self.0.as_handle())
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        BorrowedFd(self.as_handle())
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        BorrowedFd(self.as_handle())
    }
}

impl<T: AsFd + ?Sized> AsFd for &T {
    fn as_fd(&self) -> BorrowedFd<'_> {
        T::as_fd(self)
    }
}

impl<T: AsFd + ?Sized> AsFd for Arc<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        T::as_fd(self)
    }
}

impl<T: AsFd + ?Sized> AsFd for Rc<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        T::as_fd(self)
    }
}

impl<T: AsFd> AsRawFd for T {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().handle() as isize as RawFd
    }
}

impl IntoRawFd for File {
    fn into_raw_fd(self) -> RawFd {
        ManuallyDrop::new(self).as_raw_fd()
    }
}
