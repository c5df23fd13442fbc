//! The resource `descriptor`.

use std::rc::Rc;

use crate::component::Resource;
use crate::host;
use crate::host::stat::FileType;
use crate::io::{Handle, Source};
use crate::wasi::p2::filesystem::{Descriptor, DescriptorFlags};

/// The resource `descriptor`, which streams have a share of.
#[derive(Clone)]
pub struct File {
    source: Rc<Source<Rc<Descriptor>>>,
    /// It was opened with `mutate-directory`.
    changing: bool,
}

impl Resource for File {
    const INTERFACE: &'static str = "wasi:filesystem/types";
    const NAME: &'static str = "descriptor";
    const IS_P3: bool = true;
}

impl File {
    pub(super) fn new(descriptor: Rc<Descriptor>, changing: bool) -> File {
        File {
            source: Rc::new(Source::new(descriptor)),
            changing,
        }
    }

    pub(super) fn descriptor(&self) -> &Rc<Descriptor> {
        &self.source
    }

    /// For waiting.
    pub(super) fn handle(&self) -> Handle {
        self.source.handle()
    }

    pub(super) fn flags(&self) -> host::Result<DescriptorFlags> {
        let descriptor = self.descriptor();
        let flags = descriptor.flags()?;
        let changes = self.changing && descriptor.can_change();
        match descriptor.file_type()? {
            FileType::Directory if changes => Ok(flags | DescriptorFlags::MUTATE_DIRECTORY),
            _ => Ok(flags),
        }
    }
}
