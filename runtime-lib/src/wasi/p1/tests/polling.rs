//! `poll_oneoff`.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::super::{clock_res_get, clock_time_get, poll_oneoff};
use super::*;
use crate::host::socket::Socket;
use crate::vm::catch;
use crate::wasi::p0;
use wasmelt_abi::TrapCode;

const CLOCK: u8 = 0;
const FD_READ: u8 = 1;
const FD_WRITE: u8 = 2;
const EVENTS: i32 = 16_384;

/// An event: user data, type, bytes, flags.
type Event = (u64, u8, u64, u64);

impl Guest {
    fn put_clock(&mut self, index: i32, id: u32, timeout_ns: u64, flags: u16) {
        let at = DATA + 48 * index;
        self.put(at, u64::from(index.cast_unsigned() + 100).to_le_bytes());
        self.put(at + 8, u64::from(CLOCK).to_le_bytes());
        self.put(at + 16, u64::from(id).to_le_bytes());
        self.put(at + 24, timeout_ns.to_le_bytes());
        self.put(at + 40, u64::from(flags).to_le_bytes());
    }

    fn put_fd(&mut self, index: i32, kind: u8, fd: i32) {
        let at = DATA + 48 * index;
        self.put(at, u64::from(index.cast_unsigned() + 100).to_le_bytes());
        self.put(at + 8, u64::from(kind).to_le_bytes());
        self.put(at + 16, fd.to_le_bytes());
    }

    fn poll(&mut self, count: i32) -> Result<Vec<Event>, i32> {
        let errno = poll_oneoff(&mut self.memory(), DATA, EVENTS, count, OUT);
        if errno != SUCCESS {
            return Err(errno);
        }
        let events = self.u32_at(OUT).cast_signed();
        Ok((0..events)
            .map(|index| self.event(EVENTS + 32 * index))
            .collect())
    }

    fn event(&mut self, at: i32) -> Event {
        assert_eq!(self.get(at + 8, 2), [0, 0]);
        (
            self.u64_at(at),
            self.get(at + 10, 1)[0],
            self.u64_at(at + 16),
            self.u64_at(at + 24),
        )
    }

    /// Two connected sockets: one of the guest, one of the test.
    fn socket(&mut self) -> (i32, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let socket = Descriptor::Socket(Socket::new(theirs.into()).unwrap());
        (
            table::insert(Entry::new(socket)).unwrap().cast_signed(),
            ours,
        )
    }
}

#[test]
fn clocks_are_waited_for() {
    let mut guest = Guest::new();
    assert_eq!(clock_time_get(&mut guest.memory(), 1, 0, OUT), SUCCESS);
    let now = guest.u64_at(OUT);
    assert_eq!(clock_time_get(&mut guest.memory(), 4, 0, OUT), INVAL);
    assert_eq!(clock_res_get(&mut guest.memory(), 1, OUT), SUCCESS);
    let wait = 20_000_000;
    for (id, timeout, flags) in [(1, wait, 0), (0, wait, 0), (1, now + wait, 1), (1, now, 1)] {
        let start = Instant::now();
        guest.put_clock(0, id, timeout, flags);
        guest.put_clock(1, 1, u64::MAX, 0);
        assert_eq!(guest.poll(2), Ok(vec![(100, CLOCK, 0, 0)]));
        assert!(flags == 1 || start.elapsed() >= Duration::from_nanos(wait));
    }
    assert_eq!(guest.poll(0), Err(INVAL));
    assert_eq!(guest.poll((1 << 20) + 1), Err(INVAL));
    guest.put_clock(0, 2, 0, 0);
    assert_eq!(guest.poll(1), Err(INVAL));
    guest.put_clock(0, 1, 0, 2);
    assert_eq!(guest.poll(1), Err(INVAL));
    guest.put(DATA + 8, [3]);
    assert_eq!(guest.poll(1), Err(INVAL));
}

#[test]
fn descriptors_are_waited_for() {
    let mut guest = Guest::new();
    let (fd, mut peer) = guest.socket();
    guest.put_fd(0, FD_READ, fd);
    guest.put_clock(1, 1, 10_000_000, 0);
    guest.put_fd(2, FD_WRITE, fd);
    assert_eq!(guest.poll(2), Ok(vec![(101, CLOCK, 0, 0)]));
    assert_eq!(guest.poll(3), Ok(vec![(102, FD_WRITE, 1, 0)]));
    let sender = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        peer.write_all(b"hello").unwrap();
        peer
    });
    guest.put_clock(1, 1, 10_000_000_000, 0);
    assert_eq!(guest.poll(2), Ok(vec![(100, FD_READ, 5, 0)]));
    assert_eq!(guest.read(fd, 9), Ok(b"hello".to_vec()));
    drop(sender.join().unwrap());
    guest.put_fd(0, FD_READ, fd);
    guest.put_clock(1, 1, 10_000_000_000, 0);
    assert_eq!(guest.poll(2), Ok(vec![(100, FD_READ, 0, 1)]));
}

#[test]
fn pointers_are_aligned() {
    let trap_of = |call: &mut dyn FnMut() -> i32| {
        let trap = catch(|| {
            call();
        });
        trap.map_err(|trap| trap.code)
    };
    let mut guest = Guest::new();
    guest.put_clock(0, 1, 0, 0);
    let misaligned = Err(TrapCode::PointerMisaligned);
    for (subscriptions, events, out) in [(4, 0, 0), (0, 4, 0), (0, 0, 2)] {
        let [subscriptions, events, out] = [DATA + subscriptions, EVENTS + events, OUT + out];
        let mut memory = guest.memory();
        // What is read from other addresses is a clock as well.
        memory.all_mut().fill(0);
        let trap = trap_of(&mut || poll_oneoff(&mut memory, subscriptions, events, 1, out));
        assert_eq!(trap, misaligned);
    }
    let mut memory = guest.memory();
    let trap = trap_of(&mut || clock_time_get(&mut memory, 1, 0, OUT + 4));
    assert_eq!(trap, misaligned);
    // What fails anyway does not get so far.
    assert_eq!(clock_time_get(&mut memory, 9, 0, OUT + 4), INVAL);
    assert_eq!(clock_time_get(&mut memory, 1, 1, OUT), SUCCESS);
}

#[test]
fn files_are_always_ready() {
    let mut guest = Guest::new();
    let fd = guest.open("f", CREAT, READ | WRITE).unwrap();
    assert_eq!(guest.write(fd, b"hello"), Ok(5));
    assert_eq!(guest.seek(fd, 2, 0), Ok(2));
    guest.put_fd(0, FD_READ, fd);
    guest.put_fd(1, FD_WRITE, fd);
    assert_eq!(
        guest.poll(2),
        Ok(vec![(100, FD_READ, 3, 0), (101, FD_WRITE, 1, 0)])
    );
    assert_eq!(guest.seek(fd, 0, 2), Ok(5));
    guest.put_fd(0, FD_READ, fd);
    assert_eq!(guest.poll(1), Ok(vec![(100, FD_READ, 0, 1)]));
    for (kind, fd) in [
        (FD_READ, 63),
        (FD_READ, 1),
        (FD_WRITE, 0),
        (FD_READ, guest.root),
    ] {
        guest.put_fd(0, kind, fd);
        assert_eq!(guest.poll(1), Err(BADF));
    }
}

#[test]
fn subscriptions_of_wasi_unstable() {
    let mut guest = Guest::new();
    guest.put(DATA, [0; 112]);
    guest.put(DATA, 7_u64.to_le_bytes());
    guest.put(DATA + 24, 1_u32.to_le_bytes());
    guest.put(DATA + 32, 1_000_000_u64.to_le_bytes());
    guest.put(DATA + 56, 8_u64.to_le_bytes());
    guest.put(DATA + 56 + 24, 1_u32.to_le_bytes());
    guest.put(DATA + 56 + 32, u64::MAX.to_le_bytes());
    assert_eq!(
        p0::poll_oneoff(&mut guest.memory(), DATA, EVENTS, 2, OUT),
        SUCCESS
    );
    assert_eq!(guest.u32_at(OUT), 1);
    assert_eq!(guest.event(EVENTS), (7, CLOCK, 0, 0));
}
