//! Bytes of a body that stay with the system on their way from one connection to another: they go
//! into one of its pipes and out of it by `splice(2)`, and no processor copies them.
//!
//! Whoever reads a body says whether it takes such parcels, and whoever passes one on then gives the
//! writer what makes them. So only programs are linked with that which pass bodies on.

use std::cell::{Cell, RefCell};

use crate::host::chunk::Parcel;
use crate::host::http::large::HUGE_BYTES;
use crate::sys::fd::{AsFd, BorrowedFd, OwnedFd};
use crate::sys::io::{self, retry_on_intr};
use crate::sys::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

/// Bytes in a parcel at most. Larger ones are no faster, and users have 64 MiB of them in all.
const PARCEL_BYTES: usize = HUGE_BYTES;

/// Parcels on their way at the same time: the system grants pipes of this size to 256 of them.
const PARCELS_MAX: usize = 32;

/// Empty ones that wait to be used again.
const KEPT_MAX: usize = 4;

/// Fewer bytes are as well copied.
pub const WORTH_BYTES: u64 = 64 * 1024;

thread_local! {
    static KEPT: RefCell<Vec<Ends>> = const { RefCell::new(Vec::new()) };
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

/// Of a pipe: what is read and what is written.
type Ends = (OwnedFd, OwnedFd);

struct PipeParcel {
    /// Nothing once it is dropped.
    ends: Option<Ends>,
    bytes: usize,
}

/// See [`NewParcel`].
#[must_use]
pub fn new_parcel() -> Option<Box<dyn Parcel>> {
    if COUNT.get() == PARCELS_MAX {
        return None;
    }
    let kept = KEPT.with_borrow_mut(Vec::pop);
    let ends = kept.or_else(open_pipe)?;
    COUNT.set(COUNT.get() + 1);
    let (ends, bytes) = (Some(ends), 0);
    Some(Box::new(PipeParcel { ends, bytes }))
}

fn open_pipe() -> Option<Ends> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
    // A small one would be slower than none.
    fcntl_setpipe_size(&reader, PARCEL_BYTES).ok()?;
    Some((reader, writer))
}

impl PipeParcel {
    fn ends(&self) -> &Ends {
        self.ends.as_ref().expect("it has not been dropped")
    }
}

fn move_bytes(from: impl AsFd, to: impl AsFd, bytes_max: usize) -> io::Result<usize> {
    let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
    retry_on_intr(|| splice(&from, None, &to, None, bytes_max, flags))
}

impl Parcel for PipeParcel {
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn fill(&mut self, from: BorrowedFd<'_>, bytes_max: usize) -> io::Result<usize> {
        let count = move_bytes(from, &self.ends().1, bytes_max)?;
        self.bytes += count;
        Ok(count)
    }

    fn send(&mut self, to: BorrowedFd<'_>) -> io::Result<usize> {
        let count = move_bytes(&self.ends().0, to, self.bytes)?;
        self.bytes -= count;
        Ok(count)
    }

    fn open(&mut self) -> Vec<u8> {
        let mut all = vec![0; self.bytes];
        while self.bytes > 0 {
            let start = all.len() - self.bytes;
            let free = all.get_mut(start..).unwrap_or_default();
            match retry_on_intr(|| io::read(&self.ends().0, &mut *free)) {
                Ok(count @ 1..) => self.bytes -= count,
                _ => unreachable!("the system has what it was given"),
            }
        }
        all
    }
}

impl Drop for PipeParcel {
    fn drop(&mut self) {
        COUNT.set(COUNT.get() - 1);
        if let Some(ends) = self.ends.take()
            && self.bytes == 0
        {
            // A thread that ends keeps none.
            let _ = KEPT.try_with(|kept| {
                let mut kept = kept.borrow_mut();
                if kept.len() < KEPT_MAX {
                    kept.push(ends);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;

    fn sockets() -> Ends {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap()
    }

    #[test]
    fn bytes_go_from_socket_to_socket_or_are_taken_out() {
        let ((here, from), (to, there)) = (sockets(), sockets());
        let mut parcel = new_parcel().unwrap();
        assert_eq!(parcel.fill(from.as_fd(), 9), Err(Errno::AGAIN));
        rustix::io::write(&here, b"some bytes").unwrap();
        assert_eq!(parcel.fill(from.as_fd(), 4), Ok(4));
        assert_eq!(parcel.bytes(), 4);
        assert_eq!(parcel.send(to.as_fd()), Ok(4));
        let mut got = [0; 9];
        assert_eq!(rustix::io::read(&there, &mut got), Ok(4));
        assert_eq!(&got[..4], b"some");
        assert_eq!(parcel.fill(from.as_fd(), 9), Ok(6));
        assert_eq!(parcel.open(), b" bytes");
        drop(here);
        assert_eq!(parcel.fill(from.as_fd(), 9), Ok(0), "the end");
    }

    #[test]
    fn pipes_are_used_again_unless_something_is_in_them() {
        let number = |parcel: &dyn Parcel| parcel.bytes();
        let all: Vec<_> = (0..PARCELS_MAX).map(|_| new_parcel().unwrap()).collect();
        assert!(new_parcel().is_none(), "there are enough on their way");
        drop(all);
        assert_eq!(KEPT.with_borrow(Vec::len), KEPT_MAX);
        let (here, from) = sockets();
        rustix::io::write(&here, b"left").unwrap();
        let mut parcel = new_parcel().unwrap();
        assert_eq!(parcel.fill(from.as_fd(), 9), Ok(4));
        assert_eq!(number(&*parcel), 4);
        drop(parcel);
        assert_eq!(KEPT.with_borrow(Vec::len), KEPT_MAX - 1);
        assert_eq!(COUNT.get(), 0);
    }
}
