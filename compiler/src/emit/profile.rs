//! What a program needs that writes a profile: a `wasmelt_abi::Profile`.

use super::blob::Address;
use super::program::Writer;
use crate::profile::Layout;
use std::mem::{offset_of, size_of};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use wasmelt_abi::{
    PROFILE_BEGIN_SYMBOL, PROFILE_MAGIC, PROFILE_VERSION, Profile, ProfileFunction, ProfileHeader,
};

impl Writer<'_> {
    /// Writes it, for a file; gives its offset.
    pub(super) fn write_profile(&mut self, counters: &Layout, path: &Path) -> u64 {
        let head = self.write_profile_head(counters);
        let at = self.blob.reserve(size_of::<Profile>());
        let field = |offset: usize| at + offset as u64;
        let begin = Address::Symbol(PROFILE_BEGIN_SYMBOL.to_owned());
        self.blob
            .set_address(field(offset_of!(Profile, begin)), begin);
        // The path is passed to the system: it ends with a zero byte.
        let mut path = path.as_os_str().as_bytes().to_vec();
        let len = path.len();
        path.push(0);
        let start = self.blob.raw(&path);
        self.slice(field(offset_of!(Profile, path)), (Some(start), len));
        self.slice(field(offset_of!(Profile, head)), head);
        self.blob
            .set_u64(field(offset_of!(Profile, counters)), counters.total);
        at
    }

    /// All that lies before the counters in the file.
    fn write_profile_head(&mut self, counters: &Layout) -> (Option<u64>, usize) {
        let functions = &counters.functions;
        let bytes = size_of::<ProfileHeader>() + functions.len() * size_of::<ProfileFunction>();
        let at = self.blob.reserve(bytes);
        let field = |offset: usize| at + offset as u64;
        let magic = u64::from_le_bytes(PROFILE_MAGIC);
        self.blob
            .set_u64(field(offset_of!(ProfileHeader, magic)), magic);
        self.blob
            .set_u32(field(offset_of!(ProfileHeader, version)), PROFILE_VERSION);
        let count = u32::try_from(functions.len()).expect("functions have 32-bit numbers");
        self.blob
            .set_u32(field(offset_of!(ProfileHeader, functions)), count);
        self.blob
            .set_u64(field(offset_of!(ProfileHeader, counters)), counters.total);
        let rows = at + size_of::<ProfileHeader>() as u64;
        for (position, (id, function)) in functions.iter().enumerate() {
            let at = rows + (position * size_of::<ProfileFunction>()) as u64;
            let field = |offset: usize| at + offset as u64;
            self.blob
                .set_u64(field(offset_of!(ProfileFunction, name)), function.name);
            let shape = &function.shape;
            self.blob
                .set_u64(field(offset_of!(ProfileFunction, shape)), shape.digest);
            self.blob
                .set_u64(field(offset_of!(ProfileFunction, first)), function.first);
            self.blob
                .set_u32(field(offset_of!(ProfileFunction, counters)), shape.counters);
            let code = self.text.starts[id];
            self.blob
                .set_u32(field(offset_of!(ProfileFunction, code)), code);
        }
        (Some(at), bytes)
    }
}
