//! The file of a core dump, through a buffer.

use std::ffi::CStr;
use std::os::fd::OwnedFd;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

/// Small enough for the stack of a handler of signals.
const BUFFER_BYTES: usize = 8 << 10;

/// Room for a number of 32 bits that is filled in later.
const LATER_BYTES: usize = 5;

/// Why there is no core dump.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    System(Errno),
    /// Lengths of sections have 32 bits.
    TooLarge,
}

impl From<Errno> for Fault {
    fn from(errno: Errno) -> Fault {
        Fault::System(errno)
    }
}

/// Writes go on after a fault, and do nothing: it is told at the end.
#[derive(Debug)]
pub(super) struct Output {
    file: OwnedFd,
    /// Where in the file the buffer begins.
    at: u64,
    buffer: [u8; BUFFER_BYTES],
    len: usize,
    fault: Option<Fault>,
}

impl Output {
    /// Makes the file. What a program has in its memory is for nobody but who runs it.
    pub(super) fn create(path: &CStr) -> Result<Output, Fault> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
        Ok(Output {
            file: rustix::fs::open(path, flags, Mode::from_raw_mode(0o600))?,
            at: 0,
            buffer: [0; BUFFER_BYTES],
            len: 0,
            fault: None,
        })
    }

    pub(super) fn has_failed(&self) -> bool {
        self.fault.is_some()
    }

    /// Writes what is left. A file that is not whole is removed, where it is one.
    pub(super) fn finish(mut self, path: &CStr) -> Result<(), Fault> {
        self.flush();
        let Some(fault) = self.fault else {
            return Ok(());
        };
        let is_file = rustix::fs::fstat(&self.file)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile);
        if is_file {
            // Nothing can be done about it if that fails, too.
            let _ = rustix::fs::unlink(path);
        }
        Err(fault)
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.bytes(&[byte]);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        if bytes.len() >= BUFFER_BYTES {
            self.flush();
            self.write_at(bytes, self.at);
            self.at += bytes.len() as u64;
            return;
        }
        if self.len + bytes.len() > BUFFER_BYTES {
            self.flush();
        }
        if let Some(place) = self.buffer.get_mut(self.len..self.len + bytes.len()) {
            place.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }

    /// LEB128.
    pub(super) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.byte(number as u8 | 0x80);
            number >>= 7;
        }
        self.byte(number as u8);
    }

    /// Signed LEB128.
    pub(super) fn signed(&mut self, mut number: i64) {
        while !(-0x40..0x40).contains(&number) {
            self.byte(number as u8 | 0x80);
            number >>= 7;
        }
        self.byte(number as u8 & 0x7f);
    }

    pub(super) fn name(&mut self, name: &[u8]) {
        self.number(name.len() as u64);
        self.bytes(name);
    }

    /// A section.
    pub(super) fn section(&mut self, id: u8, contents: impl FnOnce(&mut Output)) {
        self.byte(id);
        let start = self.leave_room();
        contents(self);
        let bytes = self.position() - start - LATER_BYTES as u64;
        self.fill_in(start, bytes);
    }

    /// Items with their number before them, which `items` gives.
    pub(super) fn counted(&mut self, items: impl FnOnce(&mut Output) -> u32) {
        let at = self.leave_room();
        let count = items(self);
        self.fill_in(at, count.into());
    }

    fn position(&self) -> u64 {
        self.at + self.len as u64
    }

    fn leave_room(&mut self) -> u64 {
        let at = self.position();
        self.bytes(&[0; LATER_BYTES]);
        at
    }

    /// A number where there is room for it, in as many bytes as there are.
    pub(super) fn fill_in(&mut self, at: u64, number: u64) {
        if u32::try_from(number).is_err() {
            self.fault.get_or_insert(Fault::TooLarge);
            return;
        }
        self.flush();
        let mut bytes = [0; LATER_BYTES];
        for (index, byte) in bytes.iter_mut().enumerate() {
            let is_last = index + 1 == LATER_BYTES;
            *byte = (number >> (7 * index)) as u8 & 0x7f | if is_last { 0 } else { 0x80 };
        }
        self.write_at(&bytes, at);
    }

    fn flush(&mut self) {
        let buffer = self.buffer;
        self.write_at(buffer.get(..self.len).unwrap_or(&[]), self.at);
        self.at += self.len as u64;
        self.len = 0;
    }

    fn write_at(&mut self, mut bytes: &[u8], mut at: u64) {
        while !bytes.is_empty() && self.fault.is_none() {
            match rustix::io::pwrite(&self.file, bytes, at) {
                Ok(0) => self.fault = Some(Fault::System(Errno::IO)),
                Ok(count) => {
                    bytes = bytes.get(count..).unwrap_or(&[]);
                    at += count as u64;
                }
                Err(Errno::INTR) => {}
                Err(errno) => self.fault = Some(Fault::System(errno)),
            }
        }
    }
}
