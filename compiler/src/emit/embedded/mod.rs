//! Files inside the executable: `wasmelt_abi::EmbeddedTree`, and the directories that a program
//! finds open.

mod layout;
mod packed;

pub(super) use layout::Layout;

use super::blob::Address;
use super::program::Writer;
use layout::FlatItem;
use packed::packed;
use std::mem::{offset_of, size_of};
use std::os::unix::ffi::OsStrExt;
use wasmelt_abi::{
    EMBEDDED_SYMBOL, EmbeddedKind, EmbeddedNode, EmbeddedTree, PACKED_SYMBOL, Policy, Preopen,
    PreopenFlags,
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
        let (mut contents, mut contents_bytes) = (Vec::new(), 0);
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
                    contents.push(*bytes);
                    (EmbeddedKind::FILE, contents_bytes, bytes.len() as u64)
                }
                FlatItem::Link(target) => {
                    contents.push(target.as_bytes());
                    (EmbeddedKind::LINK, contents_bytes, target.len() as u64)
                }
            };
            if !matches!(node.item, FlatItem::Directory { .. }) {
                contents_bytes += len;
            }
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
        let at = self.blob.reserve(size_of::<EmbeddedTree>());
        let field = |offset: usize| at + offset as u64;
        let array = (Some(array), nodes.len());
        self.slice(field(offset_of!(EmbeddedTree, nodes)), array);
        self.str(field(offset_of!(EmbeddedTree, names)), names.as_bytes());
        self.blob
            .set_u64(field(offset_of!(EmbeddedTree, len)), contents_bytes);
        self.write_contents(at, &contents);
        Some(at)
    }

    /// Writes what is in files and links, and who reads it.
    fn write_contents(&mut self, tree: u64, contents: &[&[u8]]) {
        let field = |offset: usize| tree + offset as u64;
        let start = self.blob.align(16);
        let symbol = match self.options.policy.compress_embedded {
            true => {
                let (bytes, ends) = packed(&contents.concat());
                self.blob.raw(&bytes);
                let array = self.blob.align(8);
                for end in &ends {
                    self.blob.raw(&end.to_le_bytes());
                }
                let blocks = (Some(array), ends.len());
                self.slice(field(offset_of!(EmbeddedTree, blocks)), blocks);
                self.slice(
                    field(offset_of!(EmbeddedTree, contents)),
                    (Some(start), bytes.len()),
                );
                PACKED_SYMBOL
            }
            false => {
                for bytes in contents {
                    self.blob.raw(bytes);
                }
                let end = self.blob.bytes.len() as u64;
                let bytes = usize::try_from(end - start).expect("it fits");
                self.slice(
                    field(offset_of!(EmbeddedTree, contents)),
                    (Some(start), bytes),
                );
                EMBEDDED_SYMBOL
            }
        };
        let provide = Address::Symbol(symbol.to_owned());
        self.blob
            .set_address(field(offset_of!(EmbeddedTree, provide)), provide);
    }
}
