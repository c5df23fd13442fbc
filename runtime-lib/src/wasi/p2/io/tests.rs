//! The functions of streams, on pipes that do not wait.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::pipe::PipeFlags;

use super::*;
use crate::component::Guest;
use crate::host::Error;
use crate::io::{Interest, Source, Wanted};
use crate::vm::catch;
use crate::wasi::p2::poll::{self, Pollable, wait_any};
use crate::wasi::p2::streams::READ_BYTES_MAX;

struct Reader(Rc<Source<OwnedFd>>);

struct Writer(Rc<Source<OwnedFd>>);

/// What a pipe that is ready takes.
const PERMIT: usize = 4096;

fn pipe() -> (Rc<Reader>, Rc<Writer>) {
    // Other tests start processes, which must not hold the ends of this pipe.
    let flags = PipeFlags::NONBLOCK | PipeFlags::CLOEXEC;
    let (reader, writer) = rustix::pipe::pipe_with(flags).unwrap();
    let [reader, writer] = [reader, writer].map(|end| Rc::new(Source::new(end)));
    (Rc::new(Reader(reader)), Rc::new(Writer(writer)))
}

impl Subscribe for Reader {
    fn wanted(&self) -> Wanted {
        Wanted::Ready(self.0.handle(), Interest::Readable)
    }
}

impl InputStream for Reader {
    fn read(&self, len: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; len.min(READ_BYTES_MAX)];
        match rustix::io::read(&**self.0, &mut bytes).map_err(Error::from) {
            Ok(0) if len > 0 => Err(StreamError::Closed),
            Ok(count) => Ok(bytes[..count].to_vec()),
            Err(Error::WouldBlock) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Subscribe for Writer {
    fn wanted(&self) -> Wanted {
        Wanted::Ready(self.0.handle(), Interest::Writable)
    }
}

impl OutputStream for Writer {
    fn check_write(&self) -> Result<usize> {
        Ok(if poll::is_ready(self) { PERMIT } else { 0 })
    }

    fn write(&self, bytes: &[u8]) -> Result<()> {
        if bytes.len() > PERMIT {
            return Err(StreamError::Trap(TrapCode::WriteNotPermitted));
        }
        let count = rustix::io::write(&**self.0, bytes).map_err(Error::from)?;
        assert_eq!(count, bytes.len());
        Ok(())
    }
}

#[test]
fn reads_are_partial_and_end() {
    let (reader, writer) = pipe();
    assert_eq!(reader.read(10), Ok(vec![]));
    writer.write(b"hello").unwrap();
    assert_eq!(reader.read(0), Ok(vec![]));
    assert_eq!(reader.read(2), Ok(b"he".to_vec()));
    assert_eq!(reader.blocking_read(10), Ok(b"llo".to_vec()));
    let sender = {
        let end = rustix::io::fcntl_dupfd_cloexec(&**writer.0, 0).unwrap();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            rustix::io::write(end, b"later").unwrap();
        })
    };
    assert_eq!(reader.blocking_read(10), Ok(b"later".to_vec()));
    sender.join().unwrap();
    drop(writer);
    assert_eq!(reader.blocking_read(10), Err(StreamError::Closed));
    assert_eq!(reader.read(10), Err(StreamError::Closed));
}

#[test]
fn a_full_pipe_gives_no_permit() {
    let (reader, writer) = pipe();
    while writer.check_write().unwrap() > 0 {
        writer.write(&[7; PERMIT]).unwrap();
    }
    assert_eq!(writer.write(&[7]), Err(Error::WouldBlock.into()));
    assert_eq!(
        write_zeroes(&*writer, 1),
        Err(StreamError::Trap(TrapCode::WriteNotPermitted))
    );
    assert!(!Pollable::new(Rc::clone(&writer) as Rc<dyn Subscribe>).is_ready());
    assert_eq!(reader.read(PERMIT).unwrap().len(), PERMIT);
    assert_eq!(writer.check_write(), Ok(PERMIT));
    assert_eq!(write_zeroes(&*writer, 10), Ok(()));
}

#[test]
fn blocking_writes_wait_for_the_reader() {
    let (reader, writer) = pipe();
    let len = 40 * PERMIT + 5;
    let end = rustix::io::dup(&**reader.0).unwrap();
    let receiver = std::thread::spawn(move || {
        let mut got = 0;
        let mut buffer = [0; 1000];
        while got < len {
            match rustix::io::read(&end, &mut buffer) {
                Ok(count) => got += count,
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
        got
    });
    assert_eq!(
        OutputStream::blocking_write_and_flush(&*writer, &vec![1; len]),
        Ok(())
    );
    assert_eq!(receiver.join().unwrap(), len);
    drop(reader);
    let broken = Err(StreamError::Failed(Error::Pipe));
    assert_eq!(blocking_write_and_flush(&*writer, b"x"), broken);
}

#[test]
fn blocking_functions_have_limits() {
    let (reader, writer) = pipe();
    let too_long = Err(StreamError::Trap(TrapCode::BlockingWriteTooLong));
    assert_eq!(blocking_write_and_flush(&*writer, &[0; 4097]), too_long);
    assert_eq!(blocking_write_zeroes_and_flush(&*writer, 4097), too_long);
    assert_eq!(blocking_write_zeroes_and_flush(&*writer, 4096), Ok(()));
    assert_eq!(blocking_write_and_flush(&*writer, &[1; 4096]), Ok(()));
    assert_eq!(blocking_flush(&*writer), Ok(()));
    assert_eq!(reader.read(9000).unwrap(), [[0; 4096], [1; 4096]].concat());
}

#[test]
fn splicing() {
    let ((source, filler), (sink, writer)) = (pipe(), pipe());
    assert_eq!(splice(&*writer, &*source, 10), Ok(0));
    filler.write(b"hello world").unwrap();
    assert_eq!(splice(&*writer, &*source, 0), Ok(0));
    assert_eq!(splice(&*writer, &*source, 5), Ok(5));
    assert_eq!(blocking_splice(&*writer, &*source, u64::MAX), Ok(6));
    assert_eq!(sink.read(20), Ok(b"hello world".to_vec()));
    drop(filler);
    assert_eq!(splice(&*writer, &*source, 5), Err(StreamError::Closed));
    assert_eq!(
        blocking_splice(&*writer, &*source, 5),
        Err(StreamError::Closed)
    );
}

#[test]
fn skipping() {
    let (reader, writer) = pipe();
    writer.write(b"hello").unwrap();
    assert_eq!(skip(&*reader, 3), Ok(3));
    assert_eq!(blocking_skip(&*reader, 3), Ok(2));
    assert_eq!(skip(&*reader, 3), Ok(0));
}

#[test]
fn pollables_together() {
    let (reader, writer) = pipe();
    let pollables = [
        Pollable::new(Rc::clone(&reader) as Rc<dyn Subscribe>),
        Pollable::new(Rc::clone(&writer) as Rc<dyn Subscribe>),
        Pollable::new(Rc::clone(&reader) as Rc<dyn Subscribe>),
    ];
    assert_eq!(wait_any(&pollables), [1]);
    writer.write(b"x").unwrap();
    assert_eq!(wait_any(&pollables), [0, 1, 2]);
    let readable = pollables[0].clone();
    drop(pollables);
    assert!(readable.is_ready());
    readable.block();
    reader.read(1).unwrap();
    assert!(!readable.is_ready());
    // A pollable outlives what it was made from.
    drop((reader, writer));
    readable.block();
}

#[test]
fn the_guest_hears_of_errors_and_traps() {
    let mut guest = Guest::new();
    let mut call = guest.call();
    let (reader, writer) = pipe();
    let this = call.push(Rc::clone(&writer) as Output);
    let this = this.borrow();
    assert!(output_stream_check_write(&mut call, this).is_ok());
    drop(reader);
    let Err(Failure::LastOperationFailed(error)) = output_stream_write_zeroes(&mut call, this, 1)
    else {
        panic!("nobody reads");
    };
    let error = error.borrow();
    assert_eq!(error_to_debug_string(&mut call, error), "Pipe");
    let trap = catch(|| {
        let _ = output_stream_blocking_write_zeroes_and_flush(&mut call, this, 5000);
    });
    assert_eq!(
        trap.map_err(|trap| trap.code),
        Err(TrapCode::BlockingWriteTooLong)
    );
    let trap = catch(|| drop(poll::poll(&mut call, Vec::new())));
    assert_eq!(trap.map_err(|trap| trap.code), Err(TrapCode::EmptyPollList));
    let pollable = output_stream_subscribe(&mut call, this);
    let pollable = pollable.borrow();
    assert!(poll::pollable_ready(&mut call, pollable));
    assert_eq!(poll::poll(&mut call, vec![pollable; 3]), [0, 1, 2]);
}

/// Ready only when it has been asked often enough.
struct Slow(std::cell::Cell<u32>);

impl Subscribe for Slow {
    fn wanted(&self) -> Wanted {
        Wanted::Now
    }

    fn settle(&self) -> bool {
        self.0.set(self.0.get() + 1);
        self.0.get().is_multiple_of(3)
    }
}

#[test]
fn what_does_not_settle_is_not_ready() {
    let slow = Rc::new(Slow(std::cell::Cell::new(0)));
    let pollable = Pollable::new(Rc::clone(&slow) as Rc<dyn Subscribe>);
    assert!(!pollable.is_ready());
    pollable.block();
    assert_eq!(slow.0.get(), 3);
    assert_eq!(wait_any(&[pollable]), [0]);
    assert_eq!(slow.0.get(), 6);
}
