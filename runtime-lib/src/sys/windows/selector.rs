//! Many descriptors that are waited for at once: Windows has nothing of the kind for what programs
//! have here, so that there never is one. The few descriptors are asked for one by one.

use std::convert::Infallible;
use std::io::{Error, ErrorKind, Result};
use std::time::Duration;

use super::fd::RawFd;

/// There is none.
#[derive(Debug)]
pub struct Poll(Infallible);

#[derive(Debug)]
pub struct Registry(Infallible);

/// A descriptor.
#[derive(Debug)]
pub struct SourceFd<'a>(pub &'a RawFd);

#[derive(Clone, Copy, Debug)]
pub struct Token(pub usize);

#[derive(Clone, Copy, Debug)]
pub struct Interest(u8);

/// Changes, of which there are none.
#[derive(Debug)]
pub struct Events(Vec<Event>);

#[derive(Debug)]
pub struct Event(Infallible);

impl Poll {
    /// # Errors
    /// Always.
    pub fn new() -> Result<Poll> {
        Err(Error::from(ErrorKind::Unsupported))
    }

    /// # Errors
    /// None.
    pub fn poll(&mut self, _events: &mut Events, _timeout: Option<Duration>) -> Result<()> {
        match self.0 {}
    }

    #[must_use]
    pub fn registry(&self) -> &Registry {
        match self.0 {}
    }
}

impl Registry {
    /// # Errors
    /// None.
    pub fn register(&self, _: &mut SourceFd<'_>, _: Token, _: Interest) -> Result<()> {
        match self.0 {}
    }

    /// # Errors
    /// None.
    pub fn deregister(&self, _: &mut SourceFd<'_>) -> Result<()> {
        match self.0 {}
    }
}

impl Interest {
    pub const READABLE: Interest = Interest(1);
    pub const WRITABLE: Interest = Interest(2);
}

impl std::ops::BitOr for Interest {
    type Output = Interest;

    fn bitor(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }
}

impl Events {
    #[must_use]
    pub fn with_capacity(_: usize) -> Events {
        Events(Vec::new())
    }
}

impl<'a> IntoIterator for &'a Events {
    type Item = &'a Event;
    type IntoIter = std::slice::Iter<'a, Event>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

macro_rules! questions {
    ($( $name:ident )*) => {
        impl Event {
            $(
                #[must_use]
                pub fn $name(&self) -> bool {
                    match self.0 {}
                }
            )*

            #[must_use]
            pub fn token(&self) -> Token {
                match self.0 {}
            }
        }
    };
}

questions! { is_error is_readable is_writable is_read_closed is_write_closed }
