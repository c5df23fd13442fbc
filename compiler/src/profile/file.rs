//! Profiles as programs write them.

use super::ProfileFile;
use crate::error::{Error, Result};
use std::mem::{offset_of, size_of};
use wasmelt_abi::{PROFILE_ALIGN, PROFILE_MAGIC, PROFILE_VERSION, ProfileFunction, ProfileHeader};

/// A function that has counted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Counted {
    pub(super) name: u64,
    pub(super) shape: u64,
    /// Where its code began.
    pub(super) code: u32,
    pub(super) values: Vec<u64>,
}

/// The first bytes of what `perf record` writes.
const PERF_MAGIC: &[u8] = b"PERFILE2";

impl ProfileFile {
    /// The functions of a file.
    ///
    /// # Errors
    /// What is no profile, of another version, or damaged.
    pub(super) fn parse(&self) -> Result<Vec<Counted>> {
        let (name, bytes) = (&self.name, &self.bytes[..]);
        if bytes.starts_with(PERF_MAGIC) {
            let message = format!("`{name}` is of `perf`, whose profiles are not read");
            return Err(Error::usage(message).help(MAKE));
        }
        if bytes.is_empty() || !bytes.starts_with(&PROFILE_MAGIC) {
            return Err(Error::usage(format!("`{name}` is not a profile")).help(MAKE));
        }
        let version = number(bytes, offset_of!(ProfileHeader, version), 4);
        if version.is_some_and(|version| version != u64::from(PROFILE_VERSION)) {
            let message = format!("the profile `{name}` is of another version of wasmelt");
            return Err(Error::usage(message).help(AGAIN));
        }
        functions(bytes)
            .ok_or_else(|| Error::usage(format!("the profile `{name}` is damaged")).help(AGAIN))
    }
}

const MAKE: &str =
    "make one: build with `--profile-generate`, and run the program, which writes it";
const AGAIN: &str = "remove it, build with `--profile-generate` again, and run the program";

/// Nothing for a damaged file.
fn functions(bytes: &[u8]) -> Option<Vec<Counted>> {
    let count = usize::try_from(number(bytes, offset_of!(ProfileHeader, functions), 4)?).ok()?;
    let counters = usize::try_from(number(bytes, offset_of!(ProfileHeader, counters), 8)?).ok()?;
    let table = bytes.get(size_of::<ProfileHeader>()..)?;
    let table = table.get(..count.checked_mul(size_of::<ProfileFunction>())?)?;
    let align = usize::try_from(PROFILE_ALIGN).expect("64-bit host");
    let head = (size_of::<ProfileHeader>() + table.len()).next_multiple_of(align);
    let values = bytes.get(head..)?;
    if Some(values.len()) != counters.checked_mul(8) {
        return None;
    }
    let function = |row: &[u8]| {
        let first = number(row, offset_of!(ProfileFunction, first), 8)?;
        let count = number(row, offset_of!(ProfileFunction, counters), 4)?;
        let start = usize::try_from(first.checked_mul(8)?).ok()?;
        let end = start.checked_add(usize::try_from(count.checked_mul(8)?).ok()?)?;
        let (values, _) = values.get(start..end)?.as_chunks();
        Some(Counted {
            name: number(row, offset_of!(ProfileFunction, name), 8)?,
            shape: number(row, offset_of!(ProfileFunction, shape), 8)?,
            code: u32::try_from(number(row, offset_of!(ProfileFunction, code), 4)?).ok()?,
            values: values
                .iter()
                .map(|value| u64::from_le_bytes(*value))
                .collect(),
        })
    };
    table
        .chunks(size_of::<ProfileFunction>())
        .map(function)
        .collect()
}

/// A number of up to 8 bytes.
fn number(bytes: &[u8], at: usize, len: usize) -> Option<u64> {
    let mut number = [0; 8];
    number[..len].copy_from_slice(bytes.get(at..at + len)?);
    Some(u64::from_le_bytes(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two functions with one and two counters.
    fn file() -> Vec<u8> {
        let mut bytes = PROFILE_MAGIC.to_vec();
        bytes.extend(PROFILE_VERSION.to_le_bytes());
        bytes.extend(2_u32.to_le_bytes());
        bytes.extend(3_u64.to_le_bytes());
        for (number, first, counters) in [(7_u64, 0_u64, 1_u32), (8, 1, 2)] {
            bytes.extend(number.to_le_bytes());
            bytes.extend((number * 10).to_le_bytes());
            bytes.extend(first.to_le_bytes());
            bytes.extend(counters.to_le_bytes());
            bytes.extend(640_u32.to_le_bytes());
        }
        bytes.resize(bytes.len().next_multiple_of(64), 0);
        for value in [100_u64, 200, 300] {
            bytes.extend(value.to_le_bytes());
        }
        bytes
    }

    fn parse(bytes: &[u8]) -> Result<Vec<Counted>, String> {
        let file = ProfileFile {
            name: "p".to_owned(),
            bytes: bytes.to_vec(),
        };
        file.parse().map_err(|error| error.message)
    }

    #[test]
    fn functions_have_their_counters() {
        let functions = parse(&file()).unwrap();
        let second = Counted {
            name: 8,
            shape: 80,
            code: 640,
            values: vec![200, 300],
        };
        assert_eq!(functions[0].values, [100]);
        assert_eq!(functions[1], second);
    }

    #[test]
    fn every_piece_of_a_file_is_refused() {
        let whole = file();
        for len in 0..whole.len() {
            assert!(parse(&whole[..len]).is_err(), "{len} bytes");
        }
        let mut longer = whole;
        longer.push(0);
        assert!(parse(&longer).is_err());
    }

    #[test]
    fn every_damaged_byte_is_refused_or_harmless() {
        let whole = file();
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                let _ = parse(&damaged);
            }
        }
        let mut foreign = whole.clone();
        foreign[8] = 99;
        let of_other = "the profile `p` is of another version of wasmelt";
        assert_eq!(parse(&foreign).unwrap_err(), of_other);
        assert_eq!(
            parse(b"PERFILE2..").unwrap_err(),
            "`p` is of `perf`, whose profiles are not read"
        );
        assert_eq!(parse(b"hello").unwrap_err(), "`p` is not a profile");
    }
}
