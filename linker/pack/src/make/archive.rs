//! Reading and writing `ar` archives in the GNU layout.

use super::rewrite::Rewritten;
use super::source::{MakeError, Member, Source};
use object::read::archive::ArchiveFile;

const MAGIC: &[u8] = b"!<arch>\n";

/// All members that are objects; others, such as compiler metadata, are left out.
pub(super) fn read(source_index: usize, source: &Source) -> Result<Vec<Member>, MakeError> {
    let members = objects(source, |bytes| bytes.starts_with(&object::elf::ELFMAG))?;
    let members = members.into_iter().map(|(name, bytes)| Member {
        source: source_index,
        name,
        bytes: bytes.to_vec(),
    });
    Ok(members.collect())
}

/// The members that are objects, as `is_object` says of their bytes: their names and these.
pub(super) fn objects(
    source: &Source,
    is_object: impl Fn(&[u8]) -> bool,
) -> Result<Vec<(String, &[u8])>, MakeError> {
    let error = |error: object::read::Error| MakeError::new(&source.name, error);
    let archive = ArchiveFile::parse(source.bytes.as_slice()).map_err(error)?;
    let mut members = Vec::new();
    for member in archive.members() {
        let member = member.map_err(error)?;
        let bytes = member.data(source.bytes.as_slice()).map_err(error)?;
        if is_object(bytes) {
            members.push((String::from_utf8_lossy(member.name()).into_owned(), bytes));
        }
    }
    Ok(members)
}

/// An archive with a symbol index; without times, owners and modes.
pub(super) fn write<N: AsRef<str>>(members: &[(N, Rewritten)]) -> Vec<u8> {
    let mut long_names = String::new();
    let names: Vec<String> = members
        .iter()
        .map(|(name, _)| {
            let name = name.as_ref();
            if name.len() < 16 {
                return format!("{name}/");
            }
            let offset = long_names.len();
            long_names.push_str(&format!("{name}/\n"));
            format!("/{offset}")
        })
        .collect();
    let symbols: usize = members.iter().map(|(_, member)| member.defined.len()).sum();
    let symbol_bytes: usize = members
        .iter()
        .flat_map(|(_, member)| &member.defined)
        .map(|name| name.len() + 1)
        .sum();
    let index_bytes = 4 + 4 * symbols + symbol_bytes;
    let padded = |len: usize| len.next_multiple_of(2) + HEADER_BYTES;
    let mut offset = MAGIC.len() + padded(index_bytes) + padded(long_names.len());
    let mut index = (symbols as u32).to_be_bytes().to_vec();
    for (_, member) in members {
        for _ in &member.defined {
            index.extend((offset as u32).to_be_bytes());
        }
        offset += padded(member.bytes.len());
    }
    for name in members.iter().flat_map(|(_, member)| &member.defined) {
        index.extend(name);
        index.push(0);
    }
    let mut out = MAGIC.to_vec();
    append(&mut out, "/", &index);
    append(&mut out, "//", long_names.as_bytes());
    for (name, (_, member)) in names.iter().zip(members) {
        append(&mut out, name, &member.bytes);
    }
    out
}

const HEADER_BYTES: usize = 60;

fn append(out: &mut Vec<u8>, name: &str, contents: &[u8]) {
    let header = format!(
        "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
        0,
        0,
        0,
        644,
        contents.len()
    );
    out.extend(header.as_bytes());
    out.extend(contents);
    if contents.len() % 2 == 1 {
        out.push(b'\n');
    }
}
