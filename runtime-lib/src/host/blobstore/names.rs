//! How names become paths: any name, and no two the same path.
//!
//! What a file system could take for something else is written `%` and two hexadecimal digits a
//! byte: all but letters, digits, `-`, `_`, and `.` within a name. The empty name is `%`. What is too
//! long for one file name is a path: each directory in it ends in `%`, which begins no digits there.
//! So `.`, `..` and `/` never come out of a name, and paths are read back to names.

use super::error::{Error, NAME_BYTES_MAX, Result};

/// No path is longer: three bytes for each, and those between directories.
pub(super) const PATH_BYTES_MAX: usize = 4 * NAME_BYTES_MAX;

/// A file name has at most this, and a directory's one more. Systems have room for 255.
const PIECE_BYTES_MAX: usize = 240;

/// Whether the file systems here tell `a` from `A`, and keep what is not ASCII as it is.
const KEEPS_ALL_LETTERS: bool = cfg!(target_os = "linux");

/// The path of a name.
///
/// # Errors
/// [`Error::NameTooLong`].
pub fn to_path(name: &str) -> Result<String> {
    if name.len() > NAME_BYTES_MAX {
        return Err(Error::NameTooLong);
    }
    if name.is_empty() {
        return Ok("%".to_owned());
    }
    let mut path = String::with_capacity(name.len());
    let mut piece_start = 0;
    let mut rest = name.chars();
    while let Some(letter) = rest.next() {
        let is_edge = path.len() == piece_start || rest.as_str().is_empty();
        let bytes = match is_kept(letter, is_edge) {
            true => letter.len_utf8(),
            false => 3 * letter.len_utf8(),
        };
        if path.len() - piece_start + bytes > PIECE_BYTES_MAX {
            path.push_str("%/");
            piece_start = path.len();
        }
        let is_edge = path.len() == piece_start || rest.as_str().is_empty();
        if is_kept(letter, is_edge) {
            path.push(letter);
        } else {
            escape(letter, &mut path);
        }
    }
    Ok(path)
}

/// `is_edge`: it begins a file name, or ends the name.
fn is_kept(letter: char, is_edge: bool) -> bool {
    match letter {
        // Windows has devices of such names: `con`, `nul`, `com1`, with any ending.
        'a' | 'c' | 'l' | 'n' | 'p' if cfg!(windows) => !is_edge,
        'a'..='z' | '0'..='9' | '-' | '_' => true,
        '.' => !is_edge,
        'A'..='Z' | '\u{a0}'.. => KEEPS_ALL_LETTERS,
        _ => false,
    }
}

fn escape(letter: char, path: &mut String) {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value & 15)]);
    for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
        path.push('%');
        path.push(digit(byte >> 4));
        path.push(digit(byte));
    }
}

/// The name that has this path, if one has.
#[must_use]
pub fn of_path(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let joined = path.replace("%/", "");
    let mut rest = if joined == "%" { "" } else { &joined }.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hexadecimal(rest.next()?)? << 4 | hexadecimal(rest.next()?)?,
            _ => byte,
        });
    }
    let name = String::from_utf8(bytes).ok()?;
    // What could be written in several ways is written in one.
    (to_path(&name).as_deref() == Ok(path)).then_some(name)
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_paths_that_stay_inside() {
        let cases = [
            ("", "%"),
            (".", "%2e"),
            ("..", "%2e%2e"),
            ("../x", "%2e.%2fx"),
            ("/etc/passwd", "%2fetc%2fpasswd"),
            ("x.tar.gz", "x.tar.gz"),
            ("100%", "100%25"),
            ("%", "%25"),
            ("a b\0\n\\:*", "a%20b%00%0a%5c%3a%2a"),
        ];
        for (name, path) in cases {
            assert_eq!(to_path(name).as_deref(), Ok(path), "{name:?}");
            assert_eq!(of_path(path).as_deref(), Some(name), "{path}");
        }
        for path in [
            "", ".", "..", "a/b", "%2E", "%41", "a%", "a%/", "%/a", "%.1", "%zz", "%2e%", "a%/b",
        ] {
            assert_eq!(of_path(path), None, "{path:?}");
        }
    }

    #[test]
    fn long_names_are_several_directories() {
        for letter in ['x', '.', '/', '%', '\u{e9}', '\u{1f600}'] {
            for count in [79, 80, 81, 239, 240, 241, 256] {
                let name: String = std::iter::repeat_n(letter, count).collect();
                let path = to_path(&name).expect("it is short enough");
                assert!(
                    path.split('/')
                        .all(|piece| piece.len() <= PIECE_BYTES_MAX + 1)
                );
                assert!(
                    !path
                        .split('/')
                        .any(|piece| piece.starts_with('.') || piece == "%")
                );
                assert_eq!(of_path(&path), Some(name));
            }
        }
        assert_eq!(to_path(&"x".repeat(1025)), Err(Error::NameTooLong));
    }

    #[test]
    fn no_two_names_have_one_path() {
        let letters = ['a', '.', '%', '/', '2', 'e', 'A', '\u{e9}', '\0'];
        let mut paths = std::collections::BTreeSet::new();
        for length in 0..=4 {
            for number in 0..letters.len().pow(length) {
                let digits = (0..length).map(|at| number / letters.len().pow(at) % letters.len());
                let name: String = digits.map(|digit| letters[digit]).collect();
                let path = to_path(&name).expect("it is short");
                assert_eq!(of_path(&path), Some(name));
                assert!(paths.insert(path));
            }
        }
    }
}
