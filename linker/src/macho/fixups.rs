//! What the loader does before the program begins, as the small programs that it runs for that:
//! `LC_DYLD_INFO_ONLY`, which every version of it takes; and the names that it may look up.

use object::macho::{
    BIND_OPCODE_DO_BIND, BIND_OPCODE_DONE, BIND_OPCODE_SET_ADDEND_SLEB,
    BIND_OPCODE_SET_DYLIB_ORDINAL_IMM, BIND_OPCODE_SET_SEGMENT_AND_OFFSET_ULEB,
    BIND_OPCODE_SET_SYMBOL_TRAILING_FLAGS_IMM, BIND_OPCODE_SET_TYPE_IMM,
    BIND_SYMBOL_FLAGS_WEAK_IMPORT, BIND_TYPE_POINTER, REBASE_OPCODE_DO_REBASE_ULEB_TIMES,
    REBASE_OPCODE_DONE, REBASE_OPCODE_SET_SEGMENT_AND_OFFSET_ULEB, REBASE_OPCODE_SET_TYPE_IMM,
    REBASE_TYPE_POINTER,
};

use super::reach::Import;

/// The number of a segment, and where in it.
pub(super) type InSegment = (u8, u64);

/// Adds the distance to all these addresses, which ascend.
pub(super) fn rebases(
    addresses: &[u64],
    in_segment: impl Fn(u64) -> Option<InSegment>,
) -> Option<Vec<u8>> {
    if addresses.is_empty() {
        return Some(Vec::new());
    }
    let mut out = vec![REBASE_OPCODE_SET_TYPE_IMM.0 | REBASE_TYPE_POINTER.0];
    let mut rest = addresses;
    while let [first, ..] = rest {
        let (segment, offset) = in_segment(*first)?;
        let follows = |(position, address): &(usize, &u64)| {
            **address == first + 8 * *position as u64
                && in_segment(**address).is_some_and(|(other, _)| other == segment)
        };
        let run = rest.iter().enumerate().take_while(follows).count();
        out.push(REBASE_OPCODE_SET_SEGMENT_AND_OFFSET_ULEB.0 | segment);
        push_uleb(&mut out, offset);
        out.push(REBASE_OPCODE_DO_REBASE_ULEB_TIMES.0);
        push_uleb(&mut out, run as u64);
        rest = &rest[run..];
    }
    out.push(REBASE_OPCODE_DONE.0);
    Some(padded(out))
}

/// Writes the addresses of imports: number, address and addend, by ascending number.
pub(super) fn binds(
    binds: &[(usize, u64, i64)],
    imports: &[Import<'_>],
    in_segment: impl Fn(u64) -> Option<InSegment>,
) -> Option<Vec<u8>> {
    if binds.is_empty() {
        return Some(Vec::new());
    }
    // There is one library.
    let mut out = vec![
        BIND_OPCODE_SET_DYLIB_ORDINAL_IMM.0 | 1,
        BIND_OPCODE_SET_TYPE_IMM.0 | BIND_TYPE_POINTER.0,
    ];
    let (mut named, mut added) = (None, 0);
    for &(number, address, addend) in binds {
        if named != Some(number) {
            let import = imports.get(number)?;
            let flags = match import.is_weak {
                true => BIND_SYMBOL_FLAGS_WEAK_IMPORT.0,
                false => 0,
            };
            out.push(BIND_OPCODE_SET_SYMBOL_TRAILING_FLAGS_IMM.0 | flags);
            out.extend_from_slice(import.name);
            out.push(0);
            named = Some(number);
        }
        if added != addend {
            out.push(BIND_OPCODE_SET_ADDEND_SLEB.0);
            push_sleb(&mut out, addend);
            added = addend;
        }
        let (segment, offset) = in_segment(address)?;
        out.push(BIND_OPCODE_SET_SEGMENT_AND_OFFSET_ULEB.0 | segment);
        push_uleb(&mut out, offset);
        out.push(BIND_OPCODE_DO_BIND.0);
    }
    out.push(BIND_OPCODE_DONE.0);
    Some(padded(out))
}

/// The names that others may ask for, which are the header's and that of `main`, as a tree of letters.
pub(super) fn exports(main: u64) -> Vec<u8> {
    let header = end(0);
    let main = end(main);
    // The root, with one branch.
    let mut out = vec![0, 1, b'_', 0, 5];
    // The node of the common letter, with two.
    let names: [&[u8]; 2] = [b"_mh_execute_header", b"main"];
    let node = 2 + names.iter().map(|name| name.len() + 2).sum::<usize>();
    let first = out.len() + node;
    let offsets = [first, first + header.len()];
    out.extend([0, 2]);
    for (name, offset) in names.iter().zip(offsets) {
        out.extend_from_slice(name);
        // All of it has less than 128 bytes.
        out.extend([0, offset as u8]);
    }
    out.extend(header);
    out.extend(main);
    padded(out)
}

/// A node at which a name ends: how far the address is from the header.
fn end(distance: u64) -> Vec<u8> {
    // Flags: a plain address.
    let mut inner = vec![0];
    push_uleb(&mut inner, distance);
    let mut out = vec![inner.len() as u8];
    out.extend(inner);
    // No branches.
    out.push(0);
    out
}

fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

fn push_uleb(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            out.push(byte);
            return;
        }
        out.push(byte | 0x80);
    }
}

fn push_sleb(out: &mut Vec<u8>, mut value: i64) {
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        let is_last = matches!((value, byte & 0x40), (0, 0) | (-1, 0x40));
        if is_last {
            out.push(byte);
            return;
        }
        out.push(byte | 0x80);
    }
}
