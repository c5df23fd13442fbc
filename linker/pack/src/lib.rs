//! The runtime pack: everything a compiled object is linked with for one target, as one
//! compressed file that the `wasmelt` command carries inside.
//!
//! In goes the runtime archive, the C library and its start files, trimmed by `make`; out
//! comes the list of linker inputs in the order in which they stand on a linker's command line.
//! Nothing here knows how to link.
//!
//! The file is [`MAGIC`], the length of what follows when decompressed, and one block of LZ4, all
//! numbers of 8 bytes and little-endian. In the block: target, provenance, number of files, and for
//! each its name, its place and its length; then the files' bytes, each beginning at a multiple of
//! [`FILE_ALIGN`].
//!
//! LZ4, as a pack is decompressed for each program that is built: zstd makes it a fifth smaller and
//! takes three times the instructions, which were more than half of those of building hello world.
#![forbid(unsafe_code)]

#[cfg(feature = "make")]
pub mod make;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// First bytes of a pack; the digit is the version of the layout.
pub const MAGIC: &[u8; 16] = b"wasmelt pack 2\r\n";

/// How the target of a pack ends, behind the triple, whose executables may be loaded anywhere.
pub const PIE: &str = "+pie";

/// The start file in such a pack, if it reads packed lists of relocations (RELR): a few bytes for what
/// takes 24 each otherwise.
pub const PACKED_START: &str = "rcrt1-relr.o";

/// Alignment of each file in the decompressed block, so that a linker can read it in place.
const FILE_ALIGN: usize = 16;

/// No pack is larger than this when decompressed.
const DECOMPRESSED_BYTES_MAX: usize = 512 << 20;

/// Where a file stands on the linker's command line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Before the compiled object.
    Before,
    /// Behind the compiled object.
    Behind,
}

/// A decompressed pack. Cloning shares the bytes.
#[derive(Clone)]
pub struct RuntimePack {
    target: String,
    provenance: String,
    files: Vec<File>,
    bytes: Arc<Vec<u8>>,
}

#[derive(Clone)]
struct File {
    name: String,
    place: Place,
    range: Range<usize>,
}

/// One file of a pack.
#[derive(Clone)]
pub struct PackFile {
    /// Such as `crt1.o` or `libc.a`; unique in its pack.
    pub name: String,
    pub place: Place,
    bytes: Arc<Vec<u8>>,
    range: Range<usize>,
}

impl PackFile {
    /// The contents.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.range.clone()]
    }
}

/// The bytes are not a pack that this version can read.
#[derive(Debug)]
pub enum PackError {
    /// They do not begin with [`MAGIC`].
    NotAPack,
    /// They do, but what follows is damaged.
    Damaged(String),
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PackError::NotAPack => f.write_str("not a runtime pack of this version of wasmelt"),
            PackError::Damaged(what) => write!(f, "the runtime pack is damaged: {what}"),
        }
    }
}

impl std::error::Error for PackError {}

impl RuntimePack {
    /// Decompresses a pack. Takes a few milliseconds for each 10 MB of contents.
    ///
    /// # Errors
    ///
    /// When the bytes are not a pack or are damaged.
    pub fn from_bytes(packed: &[u8]) -> Result<RuntimePack, PackError> {
        let packed = packed.strip_prefix(MAGIC).ok_or(PackError::NotAPack)?;
        let (size, block) = packed
            .split_first_chunk::<8>()
            .and_then(|(size, block)| {
                Some((usize::try_from(u64::from_le_bytes(*size)).ok()?, block))
            })
            .filter(|&(size, _)| size <= DECOMPRESSED_BYTES_MAX)
            .ok_or_else(|| PackError::Damaged("bad length".to_owned()))?;
        let bytes = lz4_flex::block::decompress(block, size)
            .map_err(|error| PackError::Damaged(error.to_string()))?;
        let cut = || PackError::Damaged("it ends early".to_owned());
        let mut reader = Reader {
            bytes: &bytes,
            position: 0,
        };
        let target = reader.text().ok_or_else(cut)?;
        let provenance = reader.text().ok_or_else(cut)?;
        let count = reader.number().ok_or_else(cut)?;
        let mut files = Vec::new();
        let mut lengths = Vec::new();
        for _ in 0..count {
            let name = reader.text().ok_or_else(cut)?;
            let place = match reader.number().ok_or_else(cut)? {
                0 => Place::Before,
                1 => Place::Behind,
                _ => return Err(PackError::Damaged("unknown place of a file".to_owned())),
            };
            lengths.push(reader.number().ok_or_else(cut)?);
            files.push(File {
                name,
                place,
                range: 0..0,
            });
        }
        let mut position = reader.position;
        for (file, len) in files.iter_mut().zip(lengths) {
            position = position.next_multiple_of(FILE_ALIGN);
            let end = position.checked_add(len).filter(|&end| end <= bytes.len());
            let end = end.ok_or_else(cut)?;
            file.range = position..end;
            position = end;
        }
        Ok(RuntimePack {
            target,
            provenance,
            files,
            bytes: Arc::new(bytes),
        })
    }

    /// The target triple, such as `x86_64-unknown-linux-musl`.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// How the pack was made, for `--version --verbose` and bug reports.
    #[must_use]
    pub fn provenance(&self) -> &str {
        &self.provenance
    }

    /// The files in the order of the linker's command line.
    pub fn files(&self) -> impl Iterator<Item = PackFile> + '_ {
        self.files.iter().map(|file| PackFile {
            name: file.name.clone(),
            place: file.place,
            bytes: Arc::clone(&self.bytes),
            range: file.range.clone(),
        })
    }

    /// Bytes of all files together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.files.iter().map(|file| file.range.len()).sum()
    }

    /// Whether there is no file in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

impl fmt::Debug for RuntimePack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.files.iter().map(|file| file.name.as_str()).collect();
        f.debug_struct("RuntimePack")
            .field("target", &self.target)
            .field("provenance", &self.provenance)
            .field("files", &names)
            .finish()
    }
}

/// Writes a pack from files in the order of the linker's command line. `level` is LZ4's, 1 to 12.
///
/// # Errors
///
/// When the compressor fails, which means out of memory.
#[cfg(feature = "make")]
pub fn write(
    target: &str,
    provenance: &str,
    files: &[(&str, Place, &[u8])],
    level: i32,
) -> std::io::Result<Vec<u8>> {
    let mut frame = Vec::new();
    let text = |frame: &mut Vec<u8>, text: &str| {
        frame.extend((text.len() as u64).to_le_bytes());
        frame.extend(text.as_bytes());
    };
    text(&mut frame, target);
    text(&mut frame, provenance);
    frame.extend((files.len() as u64).to_le_bytes());
    for (name, place, bytes) in files {
        text(&mut frame, name);
        frame.extend((*place as u64).to_le_bytes());
        frame.extend((bytes.len() as u64).to_le_bytes());
    }
    for (_, _, bytes) in files {
        frame.resize(frame.len().next_multiple_of(FILE_ALIGN), 0);
        frame.extend_from_slice(bytes);
    }
    let mode = lz4::block::CompressionMode::HIGHCOMPRESSION(level);
    let block = lz4::block::compress(&frame, Some(mode), false)?;
    let size = frame.len() as u64;
    Ok([&MAGIC[..], &size.to_le_bytes(), &block].concat())
}

struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl Reader<'_> {
    fn number(&mut self) -> Option<usize> {
        let chunk = self.bytes.get(self.position..)?.first_chunk::<8>()?;
        self.position += 8;
        usize::try_from(u64::from_le_bytes(*chunk)).ok()
    }

    fn text(&mut self) -> Option<String> {
        let len = self.number()?;
        let end = self.position.checked_add(len)?;
        let text = self.bytes.get(self.position..end)?;
        self.position = end;
        String::from_utf8(text.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let files: [(&str, Place, &[u8]); 2] = [
            ("crt1.o", Place::Before, b"start"),
            ("libc.a", Place::Behind, b"library"),
        ];
        write("x86_64-unknown-linux-musl", "by hand", &files, 3).unwrap()
    }

    #[test]
    fn files_come_back_in_order_and_aligned() {
        let pack = RuntimePack::from_bytes(&sample()).unwrap();
        assert_eq!(pack.target(), "x86_64-unknown-linux-musl");
        assert_eq!(pack.provenance(), "by hand");
        let files: Vec<PackFile> = pack.files().collect();
        assert_eq!(files[0].name, "crt1.o");
        assert_eq!(
            (files[0].place, files[0].bytes()),
            (Place::Before, &b"start"[..])
        );
        assert_eq!(
            (files[1].place, files[1].bytes()),
            (Place::Behind, &b"library"[..])
        );
        assert!(files.iter().all(|file| file.range.start % FILE_ALIGN == 0));
        assert_eq!(pack.len(), 12);
    }

    #[test]
    fn damage_is_an_error() {
        let packed = sample();
        assert!(matches!(
            RuntimePack::from_bytes(b"other"),
            Err(PackError::NotAPack)
        ));
        for end in MAGIC.len()..packed.len() {
            let cut = RuntimePack::from_bytes(&packed[..end]);
            assert!(matches!(cut, Err(PackError::Damaged(_))), "{end}: {cut:?}");
        }
        for at in MAGIC.len()..packed.len() {
            let mut bent = packed.clone();
            bent[at] ^= 0x41;
            let _ = RuntimePack::from_bytes(&bent);
        }
    }
}
