//! Bytes as whoever has them passes them on: in a buffer, or in a parcel that stays with the system.

use crate::sys::fd::BorrowedFd;
use crate::sys::io::Result;

/// Bytes of a stream that are passed on together.
pub enum Chunk {
    Bytes(Vec<u8>),
    Parcel(Box<dyn Parcel>),
}

impl Chunk {
    /// How many there are.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Chunk::Bytes(bytes) => bytes.len(),
            Chunk::Parcel(parcel) => parcel.bytes(),
        }
    }
}

/// Bytes that stay with the system.
pub trait Parcel {
    /// How many there are.
    fn bytes(&self) -> usize;

    /// Takes at most so many that have come in on a socket: 0 at its end.
    ///
    /// # Errors
    /// The system's.
    fn fill(&mut self, from: BorrowedFd<'_>, bytes_max: usize) -> Result<usize>;

    /// Hands some over to a socket, and says how many.
    ///
    /// # Errors
    /// The system's.
    fn send(&mut self, to: BorrowedFd<'_>) -> Result<usize>;

    /// Takes them out, for whoever wants to have them.
    fn open(&mut self) -> Vec<u8>;
}

/// Gives an empty parcel, if there is one.
pub type NewParcel = fn() -> Option<Box<dyn Parcel>>;
