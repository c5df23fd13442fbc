//! The signature that nobody has signed (ad hoc): a digest of each page, without which macOS on AArch64
//! runs nothing.
//!
//! In goes the file up to where its signature begins; out comes that: a list of one entry, the code
//! directory. Its numbers are big-endian.

use object::macho::{
    CS_ADHOC, CS_EXECSEG_MAIN_BINARY, CS_HASHTYPE_SHA256, CS_LINKER_SIGNED, CSMAGIC_CODEDIRECTORY,
    CSMAGIC_EMBEDDED_SIGNATURE,
};
use sha2::{Digest, Sha256};

/// Bytes of a page as it is signed, on all processors.
const PAGE_BITS: u32 = 12;
const PAGE_BYTES: u64 = 1 << PAGE_BITS;

const DIGEST_BYTES: u64 = 32;

/// Of the list, with its entry.
const LIST_BYTES: u64 = 20;

/// Of the directory up to the identifier: that of version 2.4.
const DIRECTORY_BYTES: u64 = 88;
const VERSION: u32 = 0x2_0400;

/// Where the identifier and the digests lie, and how many bytes the signature has.
struct Sizes {
    digests_at: u64,
    directory: u64,
    digests: u64,
}

fn sizes(file_bytes: u64, identifier: &str) -> Sizes {
    let digests_at = DIRECTORY_BYTES + identifier.len() as u64 + 1;
    let digests = file_bytes.div_ceil(PAGE_BYTES);
    Sizes {
        digests_at,
        directory: digests_at + DIGEST_BYTES * digests,
        digests,
    }
}

/// Bytes of the signature of so many bytes.
pub(super) fn signature_bytes(file_bytes: u64, identifier: &str) -> u64 {
    (LIST_BYTES + sizes(file_bytes, identifier).directory).next_multiple_of(16)
}

/// The signature of a file, whose first bytes are the segment of the code.
pub(super) fn signature(file: &[u8], identifier: &str, text_bytes: u64) -> Vec<u8> {
    let file_bytes = file.len() as u64;
    let sizes = sizes(file_bytes, identifier);
    let whole = signature_bytes(file_bytes, identifier);
    let mut out = Vec::with_capacity(whole as usize);
    let word = |out: &mut Vec<u8>, value: u64| out.extend((value as u32).to_be_bytes());
    word(&mut out, CSMAGIC_EMBEDDED_SIGNATURE.into());
    word(&mut out, LIST_BYTES + sizes.directory);
    // One entry, of kind 0, and where it is.
    for value in [1, 0, LIST_BYTES] {
        word(&mut out, value);
    }
    word(&mut out, CSMAGIC_CODEDIRECTORY.into());
    word(&mut out, sizes.directory);
    word(&mut out, VERSION.into());
    word(&mut out, (CS_ADHOC.0 | CS_LINKER_SIGNED.0).into());
    word(&mut out, sizes.digests_at);
    word(&mut out, DIRECTORY_BYTES);
    // No special entries.
    word(&mut out, 0);
    word(&mut out, sizes.digests);
    word(&mut out, file_bytes);
    out.extend([DIGEST_BYTES as u8, CS_HASHTYPE_SHA256.0, 0, PAGE_BITS as u8]);
    // Nothing spare, no scatter, no team, nothing spare.
    for _ in 0..4 {
        word(&mut out, 0);
    }
    // A file of 4 GiB or more would have its size here.
    out.extend(0_u64.to_be_bytes());
    out.extend(0_u64.to_be_bytes());
    out.extend(text_bytes.to_be_bytes());
    out.extend(CS_EXECSEG_MAIN_BINARY.0.to_be_bytes());
    out.extend(identifier.as_bytes());
    out.push(0);
    for page in file.chunks(PAGE_BYTES as usize) {
        out.extend(Sha256::digest(page));
    }
    out.resize(whole as usize, 0);
    out
}
