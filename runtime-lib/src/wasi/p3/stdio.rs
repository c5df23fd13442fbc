//! The standard streams of the process as streams of WASI.
//!
//! Bytes go between the system and the guest's memory without a copy. Nothing waits while
//! something else could go on, and nothing is buffered.

use super::outcome::{Ended, Outcome};
use crate::component::ends::{Mode, ReadEnd, StreamReader, WriteEnd};
use crate::enumeration;
use crate::host::{Error, Stream};
use crate::io::Handle;

enumeration! {
    /// `error-code`.
    pub enum ErrorCode {
        Io,
        IllegalByteSequence,
        Pipe,
    }
}

impl From<Error> for ErrorCode {
    fn from(error: Error) -> ErrorCode {
        match error {
            Error::Pipe => ErrorCode::Pipe,
            Error::IllegalByteSequence => ErrorCode::IllegalByteSequence,
            _ => ErrorCode::Io,
        }
    }
}

/// A stream of what standard input has.
pub(super) fn read() -> (StreamReader<u8>, Ended<ErrorCode>) {
    let (mut outcome, ended) = Outcome::new();
    let may_wait = Stream::In.may_wait();
    let attempt = move |into: &mut [u8]| outcome.of_attempt(Stream::In.read_nowait(into, may_wait));
    let end = ReadEnd::new(Handle::Stream(Stream::In), Mode::NonBlocking, attempt);
    (StreamReader::of_bytes(end), ended)
}

/// Writes all of a stream to standard output or standard error.
pub(super) fn write(stream: Stream, data: StreamReader<u8>) -> Ended<ErrorCode> {
    let (mut outcome, ended) = Outcome::new();
    let may_wait = stream.may_wait();
    let attempt = move |from: &[u8]| outcome.of_attempt(stream.write_nowait(from, may_wait));
    let handle = Handle::Stream(stream);
    data.consume_bytes(WriteEnd::new(handle, Mode::NonBlocking, attempt, drop));
    ended
}
