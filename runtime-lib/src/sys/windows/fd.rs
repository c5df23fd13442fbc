//! Descriptors, which are handles. Their numbers are below 2^32, as Windows promises.

use std::fs::File;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::os::windows::io::{AsRawHandle, FromRawHandle, IntoRawHandle, OwnedHandle, RawHandle};
use std::rc::Rc;
use std::sync::Arc;

use cap_std::fs::Dir;
use windows_sys::Win32::Foundation::CloseHandle;

use super::errno::Result;
use super::socket;

pub use super::socket::RawFd;

/// A handle that is closed when this is dropped.
#[derive(Debug)]
pub struct OwnedFd(RawFd);

/// A handle that somebody else closes.
#[derive(Clone, Copy, Debug)]
pub struct BorrowedFd<'a> {
    number: RawFd,
    owner: PhantomData<&'a OwnedFd>,
}

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
    pub const unsafe fn borrow_raw(number: RawFd) -> Self {
        BorrowedFd {
            number,
            owner: PhantomData,
        }
    }

    pub(super) fn handle(self) -> RawHandle {
        socket::handle(self.number) as RawHandle
    }

    pub(super) fn is_socket(self) -> bool {
        socket::is_socket(self.number)
    }

    /// As a file of the standard library, which is not to be closed.
    pub(super) fn file(self) -> ManuallyDrop<File> {
        // SAFETY: the handle is open as long as `self` is used, and is not closed by this.
        ManuallyDrop::new(unsafe { File::from_raw_handle(self.handle()) })
    }

    pub(super) fn duplicate(self) -> Result<OwnedFd> {
        if self.is_socket() {
            return (socket::calls()?.duplicate)(self.number).map(OwnedFd);
        }
        Ok(self.file().try_clone()?.into())
    }
}

impl OwnedFd {
    /// # Safety
    /// The handle with this number is open, and nobody else closes it.
    pub(super) unsafe fn from_raw(number: RawFd) -> OwnedFd {
        OwnedFd(number)
    }

    /// Another descriptor of the same.
    ///
    /// # Errors
    /// The system's.
    pub fn try_clone(&self) -> Result<OwnedFd> {
        self.as_fd().duplicate()
    }
}

impl Drop for OwnedFd {
    fn drop(&mut self) {
        if socket::is_socket(self.0) {
            if let Ok(calls) = socket::calls() {
                (calls.close)(self.0);
            }
            return;
        }
        // SAFETY: the handle is this one's alone, and nobody uses it from now on.
        unsafe { CloseHandle(self.as_fd().handle()) };
    }
}

impl From<OwnedHandle> for OwnedFd {
    fn from(handle: OwnedHandle) -> OwnedFd {
        OwnedFd(handle.into_raw_handle() as isize as RawFd)
    }
}

impl From<OwnedFd> for OwnedHandle {
    fn from(fd: OwnedFd) -> OwnedHandle {
        let fd = ManuallyDrop::new(fd);
        // SAFETY: the handle was the descriptor's alone, which is gone. Sockets never become anything
        // else here.
        unsafe { OwnedHandle::from_raw_handle(fd.as_fd().handle()) }
    }
}

impl From<File> for OwnedFd {
    fn from(file: File) -> OwnedFd {
        OwnedHandle::from(file).into()
    }
}

impl AsFd for BorrowedFd<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        *self
    }
}

impl AsFd for OwnedFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        BorrowedFd {
            number: self.0,
            owner: PhantomData,
        }
    }
}

macro_rules! handles {
    ($( $name:ty )*) => {
        $(
            impl AsFd for $name {
                fn as_fd(&self) -> BorrowedFd<'_> {
                    BorrowedFd {
                        number: self.as_raw_handle() as isize as RawFd,
                        owner: PhantomData,
                    }
                }
            }
        )*
    };
}

handles! { File Dir }

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
        self.as_fd().number
    }
}

impl IntoRawFd for File {
    fn into_raw_fd(self) -> RawFd {
        ManuallyDrop::new(self).as_raw_fd()
    }
}
