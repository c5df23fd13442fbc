//! The functions of `wasi:io/streams` and `wasi:io/error`.
//!
//! What a trap of Wasmtime's standard streams is no trap of it here either, and the other way
//! round: the limits of the functions that block are those of the WIT document.

#[cfg(test)]
mod tests;

use std::rc::Rc;

use wasmelt_abi::TrapCode;

use super::poll::{Pollable, Subscribe};
use super::streams::{
    Input, InputStream, IoError, Output, OutputStream, Result, StreamError, wait_for_permit,
};
use crate::component::{Borrow, Bytes, Call, Own};
use crate::host::buffers::give_back;
use crate::variant;

/// `blocking-write-and-flush` and `blocking-write-zeroes-and-flush` take no more than this.
const BLOCKING_WRITE_BYTES_MAX: usize = 4096;

static ZEROS: [u8; BLOCKING_WRITE_BYTES_MAX] = [0; BLOCKING_WRITE_BYTES_MAX];

variant! {
    /// `stream-error`.
    pub enum Failure {
        LastOperationFailed(Own<IoError>),
        Closed,
    }
}

/// What a function on a stream returns.
type Answer<T> = std::result::Result<T, Failure>;

/// `error.to-debug-string`.
pub fn error_to_debug_string(call: &mut Call<'_>, this: Borrow<IoError>) -> &'static str {
    match call.resource(&this) {
        IoError::System(error) => error.name(),
        IoError::Caused(cause) => cause.0.name(),
    }
}

/// `input-stream.read`.
pub fn input_stream_read(call: &mut Call<'_>, this: Borrow<Input>, len: u64) -> Answer<Bytes> {
    let result = input(call, this).read(clamped(len));
    let bytes = answer(call, result)?;
    Ok(to_guest(call, bytes))
}

/// `input-stream.blocking-read`.
pub fn input_stream_blocking_read(
    call: &mut Call<'_>,
    this: Borrow<Input>,
    len: u64,
) -> Answer<Bytes> {
    let result = input(call, this).blocking_read(clamped(len));
    let bytes = answer(call, result)?;
    Ok(to_guest(call, bytes))
}

/// `input-stream.skip`.
pub fn input_stream_skip(call: &mut Call<'_>, this: Borrow<Input>, len: u64) -> Answer<u64> {
    let result = skip(input(call, this), len);
    answer(call, result)
}

/// `input-stream.blocking-skip`.
pub fn input_stream_blocking_skip(
    call: &mut Call<'_>,
    this: Borrow<Input>,
    len: u64,
) -> Answer<u64> {
    let result = blocking_skip(input(call, this), len);
    answer(call, result)
}

/// `input-stream.subscribe`.
pub fn input_stream_subscribe(call: &mut Call<'_>, this: Borrow<Input>) -> Own<Pollable> {
    let subject: Rc<dyn Subscribe> = call.resource(&this).clone();
    call.push(Pollable::new(subject))
}

/// `output-stream.check-write`.
pub fn output_stream_check_write(call: &mut Call<'_>, this: Borrow<Output>) -> Answer<u64> {
    let result = output(call, this).check_write();
    answer(call, result.map(|permit| permit as u64))
}

/// `output-stream.write`.
pub fn output_stream_write(
    call: &mut Call<'_>,
    this: Borrow<Output>,
    contents: Bytes,
) -> Answer<()> {
    let (resources, memory) = call.resources_and_memory();
    let result = resources.get(&this).write(contents.of(memory));
    answer(call, result)
}

/// `output-stream.blocking-write-and-flush`.
pub fn output_stream_blocking_write_and_flush(
    call: &mut Call<'_>,
    this: Borrow<Output>,
    contents: Bytes,
) -> Answer<()> {
    let (resources, memory) = call.resources_and_memory();
    let output = &**resources.get(&this);
    let result = blocking_write_and_flush(output, contents.of(memory));
    answer(call, result)
}

/// `output-stream.flush`.
pub fn output_stream_flush(call: &mut Call<'_>, this: Borrow<Output>) -> Answer<()> {
    let result = output(call, this).flush();
    answer(call, result)
}

/// `output-stream.blocking-flush`.
pub fn output_stream_blocking_flush(call: &mut Call<'_>, this: Borrow<Output>) -> Answer<()> {
    let result = blocking_flush(output(call, this));
    answer(call, result)
}

/// `output-stream.subscribe`.
pub fn output_stream_subscribe(call: &mut Call<'_>, this: Borrow<Output>) -> Own<Pollable> {
    let subject: Rc<dyn Subscribe> = call.resource(&this).clone();
    call.push(Pollable::new(subject))
}

/// `output-stream.write-zeroes`.
pub fn output_stream_write_zeroes(
    call: &mut Call<'_>,
    this: Borrow<Output>,
    len: u64,
) -> Answer<()> {
    let result = write_zeroes(output(call, this), len);
    answer(call, result)
}

/// `output-stream.blocking-write-zeroes-and-flush`.
pub fn output_stream_blocking_write_zeroes_and_flush(
    call: &mut Call<'_>,
    this: Borrow<Output>,
    len: u64,
) -> Answer<()> {
    let result = blocking_write_zeroes_and_flush(output(call, this), len);
    answer(call, result)
}

/// `output-stream.splice`.
pub fn output_stream_splice(
    call: &mut Call<'_>,
    this: Borrow<Output>,
    src: Borrow<Input>,
    len: u64,
) -> Answer<u64> {
    let resources = call.resources();
    let result = splice(&**resources.get(&this), &**resources.get(&src), len);
    answer(call, result)
}

/// `output-stream.blocking-splice`.
pub fn output_stream_blocking_splice(
    call: &mut Call<'_>,
    this: Borrow<Output>,
    src: Borrow<Input>,
    len: u64,
) -> Answer<u64> {
    let resources = call.resources();
    let result = blocking_splice(&**resources.get(&this), &**resources.get(&src), len);
    answer(call, result)
}

fn input<'a>(call: &'a mut Call<'_>, this: Borrow<Input>) -> &'a dyn InputStream {
    &**call.resource(&this)
}

fn output<'a>(call: &'a mut Call<'_>, this: Borrow<Output>) -> &'a dyn OutputStream {
    &**call.resource(&this)
}

/// What the guest hears of a result.
fn answer<T>(call: &mut Call<'_>, result: Result<T>) -> Answer<T> {
    result.map_err(|error| match error {
        StreamError::Closed => Failure::Closed,
        StreamError::Failed(error) => {
            Failure::LastOperationFailed(call.push(IoError::System(error)))
        }
        StreamError::Caused(cause) => {
            Failure::LastOperationFailed(call.push(IoError::Caused(cause)))
        }
        StreamError::Trap(code) => call.trap(code),
    })
}

/// A list for the guest of what has been read.
fn to_guest(call: &mut Call<'_>, bytes: Vec<u8>) -> Bytes {
    let list = call.allocate_bytes(bytes.len() as u32);
    list.of_mut(call.memory()).copy_from_slice(&bytes);
    give_back(bytes);
    list
}

/// A length of the guest, as far as the host follows it.
fn clamped(len: u64) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}

fn skip(input: &dyn InputStream, len: u64) -> Result<u64> {
    Ok(used_up(input.read(clamped(len))?))
}

fn blocking_skip(input: &dyn InputStream, len: u64) -> Result<u64> {
    Ok(used_up(input.blocking_read(clamped(len))?))
}

/// How many bytes there were.
fn used_up(bytes: Vec<u8>) -> u64 {
    let len = bytes.len();
    give_back(bytes);
    len as u64
}

fn write_zeroes(output: &dyn OutputStream, len: u64) -> Result<()> {
    if len > output.check_write()? as u64 {
        return Err(StreamError::Trap(TrapCode::WriteNotPermitted));
    }
    output.write(&vec![0; clamped(len)])
}

fn blocking_write_and_flush(output: &dyn OutputStream, bytes: &[u8]) -> Result<()> {
    if bytes.len() > BLOCKING_WRITE_BYTES_MAX {
        return Err(StreamError::Trap(TrapCode::BlockingWriteTooLong));
    }
    output.blocking_write_and_flush(bytes)
}

fn blocking_write_zeroes_and_flush(output: &dyn OutputStream, len: u64) -> Result<()> {
    match ZEROS.get(..clamped(len)) {
        Some(zeros) => output.blocking_write_and_flush(zeros),
        None => Err(StreamError::Trap(TrapCode::BlockingWriteTooLong)),
    }
}

fn blocking_flush(output: &dyn OutputStream) -> Result<()> {
    output.flush()?;
    wait_for_permit(output)?;
    Ok(())
}

fn splice(output: &dyn OutputStream, input: &dyn InputStream, len: u64) -> Result<u64> {
    let len = clamped(len).min(output.check_write()?);
    if len == 0 {
        return Ok(0);
    }
    let bytes = input.read(len)?;
    if !bytes.is_empty() {
        output.write(&bytes)?;
    }
    Ok(used_up(bytes))
}

fn blocking_splice(output: &dyn OutputStream, input: &dyn InputStream, len: u64) -> Result<u64> {
    let len = clamped(len).min(wait_for_permit(output)?);
    if len == 0 {
        return Ok(0);
    }
    let bytes = input.blocking_read(len)?;
    if !bytes.is_empty() {
        output.blocking_write_and_flush(&bytes)?;
    }
    Ok(used_up(bytes))
}
