//! `open-at`.
//!
//! Nothing is opened in a way that could wait. What the system refuses to open so is a named pipe
//! to write to that nobody reads yet: it is tried again from time to time, since no event tells
//! that a reader has come.

use std::rc::Rc;

use super::file::File;
use super::types::{ErrorCode, Result};
use crate::component::tasks::New;
use crate::host::clocks::{Clock, now_ns};
use crate::host::stat::FileType;
use crate::host::{self, Error};
use crate::io::sleep_until;
use crate::wasi::p2::filesystem::{Descriptor, DescriptorFlags, OpenFlags, PathFlags};

/// The time to the second attempt; each further one takes twice as long to come, up to the last.
const FIRST_PAUSE_NS: u64 = 1_000_000;
const LAST_PAUSE_NS: u64 = 64_000_000;

/// The parameters.
pub(super) struct Opening {
    pub(super) path_flags: PathFlags,
    pub(super) path: String,
    pub(super) open_flags: OpenFlags,
    pub(super) flags: DescriptorFlags,
}

pub(super) async fn open(directory: Rc<Descriptor>, opening: Opening) -> Result<New<File>> {
    if opening.changes() && directory.is_read_only() {
        return Err(ErrorCode::NotPermitted);
    }
    let mut pause_ns = FIRST_PAUSE_NS;
    loop {
        match opening.attempt(&directory) {
            Err(Error::NoSuchDevice) if opening.is_of_pipe(&directory) => {
                sleep_until(now_ns(Clock::Monotonic).saturating_add(pause_ns)).await;
                pause_ns = LAST_PAUSE_NS.min(pause_ns * 2);
            }
            Err(error) => return Err(error.into()),
            Ok(opened) => {
                let changing = opening.flags.contains(DescriptorFlags::MUTATE_DIRECTORY);
                return Ok(New(File::new(Rc::new(opened), changing)));
            }
        }
    }
}

impl Opening {
    /// Whether it needs a directory that can be changed.
    fn changes(&self) -> bool {
        let flags = [DescriptorFlags::WRITE, DescriptorFlags::MUTATE_DIRECTORY];
        let open_flags = [OpenFlags::CREATE, OpenFlags::TRUNCATE];
        flags.iter().any(|flag| self.flags.contains(*flag))
            || open_flags
                .iter()
                .any(|flag| self.open_flags.contains(*flag))
    }

    fn attempt(&self, directory: &Descriptor) -> host::Result<Descriptor> {
        directory.open_at(
            self.path_flags,
            &self.path,
            self.open_flags,
            self.flags,
            true,
        )
    }

    fn is_of_pipe(&self, directory: &Descriptor) -> bool {
        let stat = directory.stat_at(self.path_flags, &self.path);
        stat.is_ok_and(|stat| stat.file_type == FileType::Fifo)
    }
}
