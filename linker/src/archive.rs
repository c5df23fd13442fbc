//! A static library: an `ar` archive in the GNU layout with one member, without time, owner and mode.

const MAGIC: &[u8] = b"!<arch>\n";
const HEADER_BYTES: usize = 60;

/// An archive of `object`, which defines `names`.
pub(crate) fn write(member: &str, object: &[u8], names: &[String]) -> Vec<u8> {
    let text_bytes: usize = names.iter().map(|name| name.len() + 1).sum();
    let index_bytes = 4 + 4 * names.len() + text_bytes;
    let long_name = format!("{member}/\n");
    let padded = |len: usize| len.next_multiple_of(2) + HEADER_BYTES;
    let at = MAGIC.len() + padded(index_bytes) + padded(long_name.len());
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes();
    let mut index = number(names.len()).to_vec();
    for _ in names {
        index.extend(number(at));
    }
    for name in names {
        index.extend(name.as_bytes());
        index.push(0);
    }
    let mut out = MAGIC.to_vec();
    append(&mut out, "/", &index);
    append(&mut out, "//", long_name.as_bytes());
    append(&mut out, "/0", object);
    out
}

fn append(out: &mut Vec<u8>, name: &str, contents: &[u8]) {
    let (zero, mode, bytes) = (0, 644, contents.len());
    let header = format!("{name:<16}{zero:<12}{zero:<6}{zero:<6}{mode:<8}{bytes:<10}`\n");
    out.extend(header.as_bytes());
    out.extend(contents);
    if bytes % 2 == 1 {
        out.push(b'\n');
    }
}
