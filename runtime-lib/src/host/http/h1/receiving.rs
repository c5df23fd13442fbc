//! Reading a body: into memory, or into a parcel where whoever reads it passes it on.

use std::task::{Context, Poll};

use super::framing::Decoder;
use crate::host::Result;
use crate::host::chunk::Chunk;
use crate::host::http::body::BodyWriter;
use crate::host::http::parcel::WORTH_BYTES;
use crate::host::http::transport::{Buffer, Transport};
use crate::io::Interest;

/// Whether the next bytes of a body are worth a parcel, if not more than so many may come: then
/// there has to be room for one.
#[must_use]
pub fn wants_parcel(
    decoder: &Decoder,
    writer: &BodyWriter,
    buffer: &Buffer,
    bytes_max: u64,
) -> bool {
    let left = decoder.bytes_in_a_row();
    buffer.is_flooded() && left >= WORTH_BYTES && left <= bytes_max && writer.new_parcel().is_some()
}

/// Writes a parcel of the next bytes: how many there were; 0 is the end of the connection. Nothing
/// if they have to be read like any others.
///
/// # Errors
/// The system's.
pub fn poll_parcel(
    cx: &mut Context<'_>,
    (decoder, writer): (&mut Decoder, &mut BodyWriter),
    buffer: &mut Buffer,
    from: &mut dyn Transport,
) -> Option<Poll<Result<usize>>> {
    let mut parcel = writer.new_parcel()?()?;
    let bytes_max = usize::try_from(decoder.bytes_in_a_row()).unwrap_or(usize::MAX);
    let filled = from.poll_socket(cx, Interest::Readable, &mut |fd| parcel.fill(fd, bytes_max))?;
    if let Poll::Ready(Ok(count)) = filled {
        buffer.note_read(count);
        decoder.skip(count as u64);
        // More than was announced it cannot be: the decoder counts too.
        let _ = writer.write_chunk(Chunk::Parcel(parcel));
    }
    Some(filled)
}
