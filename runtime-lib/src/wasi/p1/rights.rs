//! Rights (`rights` in the witx document).
//!
//! A descriptor has the rights that Wasmtime reports for its kind, whatever was asked for when it
//! was opened, except that nothing can be written that was not opened for writing. What the guest
//! takes away with `fd_fdstat_set_rights` is gone for good: for the descriptor, and, of the
//! inheriting rights, for everything opened below it.

use super::{Errno, Result};
use crate::host::{Descriptor, Error, Stream};

/// A set of rights.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rights(u64);

macro_rules! rights {
    ($( $name:ident )*) => {
        rights!(@ 0; $($name)*);
    };
    (@ $bit:expr; $name:ident $($rest:ident)*) => {
        pub(super) const $name: Rights = Rights(1 << ($bit));
        rights!(@ $bit + 1; $($rest)*);
    };
    (@ $bit:expr;) => {
        /// All of them.
        const ALL: Rights = Rights((1 << ($bit)) - 1);
    };
}

impl Rights {
    pub(super) const NONE: Rights = Rights(0);

    rights! {
        FD_DATASYNC FD_READ FD_SEEK FD_FDSTAT_SET_FLAGS FD_SYNC FD_TELL FD_WRITE FD_ADVISE
        FD_ALLOCATE PATH_CREATE_DIRECTORY PATH_CREATE_FILE PATH_LINK_SOURCE PATH_LINK_TARGET
        PATH_OPEN FD_READDIR PATH_READLINK PATH_RENAME_SOURCE PATH_RENAME_TARGET
        PATH_FILESTAT_GET PATH_FILESTAT_SET_SIZE PATH_FILESTAT_SET_TIMES FD_FILESTAT_GET
        FD_FILESTAT_SET_SIZE FD_FILESTAT_SET_TIMES PATH_SYMLINK PATH_REMOVE_DIRECTORY
        PATH_UNLINK_FILE POLL_FD_READWRITE SOCK_SHUTDOWN SOCK_ACCEPT
    }

    /// # Errors
    /// [`Errno::INVAL`] for bits that are no right.
    pub(super) fn checked(bits: u64) -> Result<Rights> {
        if bits & !Rights::ALL.0 == 0 {
            Ok(Rights(bits))
        } else {
            Err(Errno::INVAL)
        }
    }

    pub(super) fn bits(self) -> u64 {
        self.0
    }

    pub(super) fn has(self, right: Rights) -> bool {
        self.0 & right.0 != 0
    }

    const fn with(self, other: Rights) -> Rights {
        Rights(self.0 | other.0)
    }

    const fn without(self, other: Rights) -> Rights {
        Rights(self.0 & !other.0)
    }
}

/// What a C library expects of a directory to look for files in.
const PREOPEN: Rights = Rights::PATH_CREATE_DIRECTORY
    .with(Rights::PATH_CREATE_FILE)
    .with(Rights::PATH_LINK_SOURCE)
    .with(Rights::PATH_LINK_TARGET)
    .with(Rights::PATH_OPEN)
    .with(Rights::FD_READDIR)
    .with(Rights::PATH_READLINK)
    .with(Rights::PATH_RENAME_SOURCE)
    .with(Rights::PATH_RENAME_TARGET)
    .with(Rights::PATH_SYMLINK)
    .with(Rights::PATH_REMOVE_DIRECTORY)
    .with(Rights::PATH_UNLINK_FILE)
    .with(Rights::PATH_FILESTAT_GET)
    .with(Rights::PATH_FILESTAT_SET_TIMES)
    .with(Rights::FD_FILESTAT_GET)
    .with(Rights::FD_FILESTAT_SET_TIMES);

const PREOPEN_INHERITING: Rights = PREOPEN
    .with(Rights::FD_DATASYNC)
    .with(Rights::FD_READ)
    .with(Rights::FD_SEEK)
    .with(Rights::FD_FDSTAT_SET_FLAGS)
    .with(Rights::FD_SYNC)
    .with(Rights::FD_TELL)
    .with(Rights::FD_WRITE)
    .with(Rights::FD_ADVISE)
    .with(Rights::FD_ALLOCATE)
    .with(Rights::FD_FILESTAT_SET_SIZE)
    .with(Rights::POLL_FD_READWRITE);

const DIRECTORY: Rights = Rights::ALL
    .without(Rights::FD_SEEK)
    .without(Rights::FD_FILESTAT_SET_SIZE)
    .without(Rights::PATH_FILESTAT_SET_SIZE)
    .without(Rights::FD_WRITE);

const SOCKET: Rights = Rights::FD_READ
    .with(Rights::FD_WRITE)
    .with(Rights::FD_FDSTAT_SET_FLAGS)
    .with(Rights::FD_FILESTAT_GET)
    .with(Rights::POLL_FD_READWRITE)
    .with(Rights::SOCK_SHUTDOWN)
    .with(Rights::SOCK_ACCEPT);

/// The rights of one descriptor: what the guest has taken away of those of its kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Dropped {
    pub(super) base: Rights,
    pub(super) inheriting: Rights,
}

impl Dropped {
    pub(super) const NOTHING: Dropped = Dropped {
        base: Rights::NONE,
        inheriting: Rights::NONE,
    };

    /// # Errors
    /// [`Errno::NOTCAPABLE`] without the right.
    pub(super) fn require(self, right: Rights) -> Result<()> {
        if self.base.has(right) {
            Err(Errno::NOTCAPABLE)
        } else {
            Ok(())
        }
    }

    /// The rights of something opened below: none that may not be inherited.
    ///
    /// # Errors
    /// [`Errno::NOTCAPABLE`] when one of those is asked for.
    pub(super) fn inherit(self, asked: Rights) -> Result<Dropped> {
        if self.inheriting.has(asked) {
            return Err(Errno::NOTCAPABLE);
        }
        Ok(Dropped {
            base: self.inheriting,
            inheriting: self.inheriting,
        })
    }

    /// Also without this right.
    pub(super) fn and(self, right: Rights) -> Dropped {
        Dropped {
            base: self.base.with(right),
            inheriting: self.inheriting.with(right),
        }
    }

    /// What is left of the rights of the descriptor's kind: base, inheriting.
    pub(super) fn left(self, descriptor: &Descriptor, preopen: bool) -> Result<(Rights, Rights)> {
        let (base, inheriting) = of_kind(descriptor, preopen)?;
        Ok((base.without(self.base), inheriting.without(self.inheriting)))
    }

    /// Takes away all but these rights.
    ///
    /// # Errors
    /// [`Errno::NOTCAPABLE`] for rights that the descriptor does not have.
    pub(super) fn keep_only(
        self,
        left: (Rights, Rights),
        base: Rights,
        inheriting: Rights,
    ) -> Result<Dropped> {
        if base.without(left.0) != Rights::NONE || inheriting.without(left.1) != Rights::NONE {
            return Err(Errno::NOTCAPABLE);
        }
        Ok(Dropped {
            base: self.base.with(left.0.without(base)),
            inheriting: self.inheriting.with(left.1.without(inheriting)),
        })
    }
}

/// The rights that Wasmtime reports for a descriptor: base, inheriting.
fn of_kind(descriptor: &Descriptor, preopen: bool) -> std::result::Result<(Rights, Rights), Error> {
    Ok(match descriptor {
        Descriptor::Stream(Stream::In) => (Rights::FD_READ, Rights::FD_READ),
        Descriptor::Stream(_) => (Rights::FD_WRITE, Rights::FD_WRITE),
        Descriptor::Directory(_) if preopen => (PREOPEN, PREOPEN_INHERITING),
        Descriptor::Directory(_) => (DIRECTORY, DIRECTORY),
        Descriptor::Socket(_) => (SOCKET, SOCKET),
        Descriptor::File(file) => {
            let mode = file.mode()?;
            let mut rights = Rights::ALL;
            if !mode.read {
                rights = rights.without(Rights::FD_READ.with(Rights::FD_READDIR));
            }
            if !mode.write {
                rights = rights.without(Rights::FD_WRITE);
            }
            (rights, rights)
        }
    })
}
