//! Files inside the executable: `wasmelt_abi::EmbeddedTree`, and the directories that a program
//! finds open.

mod layout;

pub(super) use layout::Layout;

use super::blob::Address;
use super::program::Writer;
use layout::FlatItem;
use std::mem::{offset_of, size_of};
use std::os::unix::ffi::OsStrExt;
use wasmelt_abi::{
    EMBEDDED_SYMBOL, EmbeddedKind, EmbeddedNode, EmbeddedTree, Policy, Preopen, PreopenFlags,
};

impl Writer<'_> {
    /// Writes the directories that the program finds open.
    pub(super) fn write_preopens(&mut self, at: u64) {
        let preopens = std::mem::take(&mut self.embedded.preopens);
        let array = self.array(preopens.len(), size_of::<Preopen>());
        for (position, preopen) in preopens.iter().enumerate() {
            let at = array + (position * size_of::<Preopen>()) as u64;
            let mut flags = PreopenFlags::EMBEDDED;
            if let Some(dir) = preopen.dir {
                let dir = &self.options.policy.dirs[dir];
                // The host's path is passed to the system: it ends with a zero byte.
                let mut host = dir.host.as_os_str().as_bytes().to_vec();
                let len = host.len();
                host.push(0);
                let start = self.blob.raw(&host);
                self.slice(at + offset_of!(Preopen, host) as u64, (Some(start), len));
                flags = (u64::from(dir.read_only) * PreopenFlags::READ_ONLY)
                    | (u64::from(dir.optional) * PreopenFlags::OPTIONAL);
            }
            let guest = preopen.guest.as_bytes();
            self.str(at + offset_of!(Preopen, guest) as u64, guest);
            let field = at + offset_of!(Preopen, flags) as u64;
            self.blob.set_u64(field, flags);
            let node = preopen.node.map_or(0, |node| node as u64 + 1);
            let field = at + offset_of!(Preopen, embedded) as u64;
            self.blob.set_u64(field, node);
        }
        let field = at + offset_of!(Policy, preopens) as u64;
        self.slice(field, (Some(array), preopens.len()));
    }

    /// Writes what is embedded, if anything is; gives its offset.
    pub(super) fn write_embedded(&mut self) -> Option<u64> {
        let nodes = std::mem::take(&mut self.embedded.nodes);
        if nodes.is_empty() {
            return None;
        }
        let names: String = nodes.iter().map(|node| node.name).collect();
        let array = self.array(nodes.len(), size_of::<EmbeddedNode>());
        let mut name_start = 0;
        let contents = self.blob.align(16);
        for (position, node) in nodes.iter().enumerate() {
            let at = array + (position * size_of::<EmbeddedNode>()) as u64;
            let field = |offset: usize| at + offset as u64;
            let (kind, start, len) = match &node.item {
                FlatItem::Directory {
                    is_above,
                    first,
                    count,
                } => {
                    let kind = match is_above {
                        true => EmbeddedKind::ABOVE,
                        false => EmbeddedKind::DIRECTORY,
                    };
                    (kind, *first as u64, *count as u64)
                }
                FlatItem::File(bytes) => {
                    let start = self.blob.raw(bytes) - contents;
                    (EmbeddedKind::FILE, start, bytes.len() as u64)
                }
                FlatItem::Link(target) => {
                    let start = self.blob.raw(target.as_bytes()) - contents;
                    (EmbeddedKind::LINK, start, target.len() as u64)
                }
            };
            let values = [
                (offset_of!(EmbeddedNode, name_start), name_start),
                (offset_of!(EmbeddedNode, start), start),
                (offset_of!(EmbeddedNode, len), len),
                (
                    offset_of!(EmbeddedNode, modified_s),
                    node.modified.0.cast_unsigned(),
                ),
                (offset_of!(EmbeddedNode, kind), kind),
            ];
            for (offset, value) in values {
                self.blob.set_u64(field(offset), value);
            }
            let name_bytes = u32::try_from(node.name.len()).expect("names are short");
            let modified_ns = field(offset_of!(EmbeddedNode, modified_ns));
            self.blob.set_u32(modified_ns, node.modified.1);
            let field = field(offset_of!(EmbeddedNode, name_bytes));
            self.blob.set_u32(field, name_bytes);
            name_start += u64::from(name_bytes);
        }
        let contents_bytes = self.blob.bytes.len() - usize::try_from(contents).expect("it fits");
        let at = self.blob.reserve(size_of::<EmbeddedTree>());
        let field = |offset: usize| at + offset as u64;
        let provide = Address::Symbol(EMBEDDED_SYMBOL.to_owned());
        self.blob
            .set_address(field(offset_of!(EmbeddedTree, provide)), provide);
        let array = (Some(array), nodes.len());
        self.slice(field(offset_of!(EmbeddedTree, nodes)), array);
        self.str(field(offset_of!(EmbeddedTree, names)), names.as_bytes());
        let contents = (Some(contents), contents_bytes);
        self.slice(field(offset_of!(EmbeddedTree, contents)), contents);
        Some(at)
    }
}
