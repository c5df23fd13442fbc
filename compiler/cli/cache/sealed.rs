//! An executable with a trailer, so that it can be told whether it is whole.
//!
//! ```text
//! │ executable │ digest of it, 32 bytes │ its length, 8 bytes │ mark, 8 bytes │
//! ```
//!
//! The digest is there for what was cut off, overwritten or damaged on the disk; against other
//! users stand the owner and the permissions of the file and its folder.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use blake3::{Hash, Hasher};

/// The last bytes of every entry of this form.
const MARK: &[u8; 8] = b"wasmelt1";

const TRAILER_BYTES: usize = blake3::OUT_LEN + 8 + MARK.len();

/// What is read at once: it stays in the processor's cache.
const BUFFER_BYTES: usize = 256 << 10;

/// Writes `executable` and its trailer.
pub(super) fn write(mut file: impl Write, executable: &[u8]) -> io::Result<()> {
    file.write_all(executable)?;
    file.write_all(&trailer(&blake3::hash(executable), executable.len() as u64))
}

/// Whether `file` holds what [`write`] has written.
pub(super) fn is_whole(mut file: &File) -> io::Result<bool> {
    let file_bytes = file.metadata()?.len();
    let Some(bytes) = file_bytes.checked_sub(TRAILER_BYTES as u64) else {
        return Ok(false);
    };
    let mut found = [0; TRAILER_BYTES];
    file.seek(SeekFrom::Start(bytes))?;
    file.read_exact(&mut found)?;
    // Most files that are not whole have another end.
    if found[blake3::OUT_LEN..] != trailer(&Hash::from_bytes([0; 32]), bytes)[blake3::OUT_LEN..] {
        return Ok(false);
    }
    let mut hasher = Hasher::new();
    file.seek(SeekFrom::Start(0))?;
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut executable = file.take(bytes);
    loop {
        match executable.read(&mut buffer)? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        };
    }
    Ok(found == trailer(&hasher.finalize(), bytes))
}

/// What was written as the executable in a file that is whole.
pub(super) fn contents(mut file: &File) -> io::Result<Vec<u8>> {
    let mut contents = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut contents)?;
    contents.truncate(contents.len().saturating_sub(TRAILER_BYTES));
    Ok(contents)
}

fn trailer(digest: &Hash, bytes: u64) -> [u8; TRAILER_BYTES] {
    let mut trailer = [0; TRAILER_BYTES];
    let (first, rest) = trailer.split_at_mut(blake3::OUT_LEN);
    let (second, third) = rest.split_at_mut(8);
    first.copy_from_slice(digest.as_bytes());
    second.copy_from_slice(&bytes.to_le_bytes());
    third.copy_from_slice(MARK);
    trailer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_whole_is_told() {
        let executable: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
        let mut whole = Vec::new();
        write(&mut whole, &executable).unwrap();
        assert_eq!(whole.len(), executable.len() + TRAILER_BYTES);
        let check = |bytes: &[u8]| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(bytes).unwrap();
            let is_whole = is_whole(&file).unwrap();
            if is_whole {
                assert_eq!(contents(&file).unwrap(), executable);
            }
            is_whole
        };
        assert!(check(&whole));
        assert!(!check(&[]));
        assert!(!check(&executable));
        assert!(!check(&whole[..whole.len() - 1]));
        assert!(!check(&whole[1..]));
        assert!(!check(&[&whole[..], b"x"].concat()));
        for at in [
            0,
            70_000,
            executable.len(),
            executable.len() + 33,
            whole.len() - 1,
        ] {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            assert!(!check(&damaged), "{at}");
        }
    }
}
