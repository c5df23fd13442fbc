//! `args_*` and `environ_*`: lists of strings, each with a zero byte at its end.

use super::{Errno, Result};
use crate::host::environment::{args, variables};
use crate::vm::GuestMemory;
use crate::vm::process::program;

/// Where the next pointer and the next string go.
struct Cursor {
    pointers: u32,
    strings: u32,
}

/// How many strings there are, and their bytes.
#[derive(Default)]
struct Sizes {
    count: u32,
    bytes: u32,
}

pub(super) fn args_get(memory: &mut GuestMemory, argv: u32, argv_buf: u32) -> Result<()> {
    let mut cursor = Cursor {
        pointers: argv,
        strings: argv_buf,
    };
    for arg in args(&program().policy) {
        cursor.write(memory, &[arg, b"\0"])?;
    }
    Ok(())
}

pub(super) fn args_sizes_get(
    memory: &mut GuestMemory,
    argc_out: u32,
    argv_buf_size_out: u32,
) -> Result<()> {
    let mut sizes = Sizes::default();
    for arg in args(&program().policy) {
        sizes.add(arg.len() + 1)?;
    }
    sizes.write(memory, argc_out, argv_buf_size_out)
}

pub(super) fn environ_get(memory: &mut GuestMemory, environ: u32, environ_buf: u32) -> Result<()> {
    let mut cursor = Cursor {
        pointers: environ,
        strings: environ_buf,
    };
    for variable in variables(&program().policy) {
        cursor.write(memory, &[variable.name, b"=", variable.value, b"\0"])?;
    }
    Ok(())
}

pub(super) fn environ_sizes_get(
    memory: &mut GuestMemory,
    count_out: u32,
    size_out: u32,
) -> Result<()> {
    let mut sizes = Sizes::default();
    for variable in variables(&program().policy) {
        sizes.add(variable.name.len() + 1 + variable.value.len() + 1)?;
    }
    sizes.write(memory, count_out, size_out)
}

impl Cursor {
    /// Writes the parts of one string, and its address.
    fn write(&mut self, memory: &mut GuestMemory, parts: &[&[u8]]) -> Result<()> {
        memory.write_u32(self.pointers, self.strings)?;
        self.pointers = self.pointers.checked_add(4).ok_or(Errno::FAULT)?;
        for part in parts {
            memory.write_bytes(self.strings, part)?;
            let len = u32::try_from(part.len()).map_err(|_| Errno::FAULT)?;
            self.strings = self.strings.checked_add(len).ok_or(Errno::FAULT)?;
        }
        Ok(())
    }
}

impl Sizes {
    fn add(&mut self, bytes: usize) -> Result<()> {
        let bytes = u32::try_from(bytes).map_err(|_| Errno::OVERFLOW)?;
        self.count = self.count.checked_add(1).ok_or(Errno::OVERFLOW)?;
        self.bytes = self.bytes.checked_add(bytes).ok_or(Errno::OVERFLOW)?;
        Ok(())
    }

    fn write(&self, memory: &mut GuestMemory, count_out: u32, bytes_out: u32) -> Result<()> {
        memory.write_u32(count_out, self.count)?;
        Ok(memory.write_u32(bytes_out, self.bytes)?)
    }
}
