//! Where bodies end (RFC 9112, sections 6 and 7).

use super::head::{Malformed, Received, Result, fields, line};
use crate::host::http::fields::parse_length;

/// A line with the size of a chunk and extensions, which nobody needs.
const SIZE_LINE_BYTES_MAX: usize = 1024;

/// Fields behind the last chunk.
const TRAILERS_BYTES_MAX: usize = 16 * 1024;

/// How a body is delimited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    Length(u64),
    Chunked,
    /// It ends with the connection.
    UntilClose,
}

impl Framing {
    /// Whether the body has no more bytes than that, as far as is known.
    #[must_use]
    pub fn fits(self, bytes_max: u64) -> bool {
        !matches!(self, Framing::Length(bytes) if bytes > bytes_max)
    }
}

/// What the fields say about framing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Declared {
    /// There is a transfer coding, and it is `chunked` alone.
    pub chunked: bool,
    pub length: Option<u64>,
}

/// Why the framing cannot be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unclear {
    /// A transfer coding that nobody here knows.
    Coding(String),
    /// Several lengths, or none that is a number.
    Length,
}

/// What `Transfer-Encoding` and `Content-Length` say.
///
/// # Errors
/// That it is contradictory or unknown.
pub fn declared(fields: &[Received]) -> std::result::Result<Declared, Unclear> {
    let mut found = Declared {
        chunked: false,
        length: None,
    };
    for (name, value) in fields {
        if name.eq_ignore_ascii_case("transfer-encoding") {
            if found.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Unclear::Coding(String::from_utf8_lossy(value).into_owned()));
            }
            found.chunked = true;
        } else if name.eq_ignore_ascii_case("content-length") {
            for value in value.split(|byte| *byte == b',') {
                let length = parse_length(value.trim_ascii()).ok_or(Unclear::Length)?;
                if found
                    .length
                    .replace(length)
                    .is_some_and(|known| known != length)
                {
                    return Err(Unclear::Length);
                }
            }
        }
    }
    Ok(found)
}

/// Finds the bytes of a body among those of a connection.
#[derive(Debug)]
pub struct Decoder(State);

#[derive(Clone, Copy, Debug)]
enum State {
    /// So many bytes are left.
    Length(u64),
    UntilClose,
    /// Before the size of a chunk.
    Size,
    /// Inside a chunk of which so many bytes are left.
    Chunk(u64),
    /// Before the end of the line behind a chunk.
    ChunkEnd,
    /// Behind the last chunk.
    Trailers,
    Ended,
}

/// What is at the beginning of the bytes that have come in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Not enough to tell.
    More,
    /// So many bytes that are no part of the body.
    Skip(usize),
    /// At most so many bytes of the body.
    Data(usize),
    /// The end of the message, behind so many bytes.
    End(usize, Vec<Received>),
}

impl Decoder {
    #[must_use]
    pub fn new(framing: Framing) -> Decoder {
        Decoder(match framing {
            Framing::Length(bytes) => State::Length(bytes),
            Framing::Chunked => State::Size,
            Framing::UntilClose => State::UntilClose,
        })
    }

    /// What comes next.
    ///
    /// # Errors
    /// That the framing is broken.
    pub fn step(&self, bytes: &[u8]) -> Result<Step> {
        Ok(match self.0 {
            State::Length(0) | State::Ended => Step::End(0, Vec::new()),
            State::Length(_) | State::UntilClose | State::Chunk(_) if bytes.is_empty() => {
                Step::More
            }
            State::UntilClose => Step::Data(bytes.len()),
            State::Length(left) | State::Chunk(left) => {
                Step::Data(usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len()))
            }
            State::Size => match line(bytes)? {
                Some(line) if line.len() <= SIZE_LINE_BYTES_MAX => {
                    chunk_size(line)?;
                    Step::Skip(line.len() + 2)
                }
                None if bytes.len() <= SIZE_LINE_BYTES_MAX => Step::More,
                _ => return Err(Malformed::TooLarge),
            },
            State::ChunkEnd => match bytes {
                [b'\r', b'\n', ..] => Step::Skip(2),
                [] | [b'\r'] => Step::More,
                _ => return Err(Malformed::Syntax),
            },
            State::Trailers => match fields(bytes, TRAILERS_BYTES_MAX)? {
                Some((trailers, count)) => Step::End(count, trailers),
                None => Step::More,
            },
        })
    }

    /// Goes on behind bytes that a step has named: those that are skipped, some of the data, or the
    /// end.
    pub fn advance(&mut self, bytes: &[u8]) {
        self.0 = match self.0 {
            State::Length(_) | State::UntilClose | State::Chunk(_) => {
                return self.skip(bytes.len() as u64);
            }
            State::ChunkEnd => State::Size,
            State::Size => {
                let size = line(bytes).ok().flatten().map(chunk_size);
                match size {
                    Some(Ok(size @ 1..)) => State::Chunk(size),
                    _ => State::Trailers,
                }
            }
            State::Trailers | State::Ended => State::Ended,
        };
    }

    /// How many bytes of the body come one after the other.
    #[must_use]
    pub fn bytes_in_a_row(&self) -> u64 {
        match self.0 {
            State::Length(left) | State::Chunk(left) => left,
            State::UntilClose => u64::MAX,
            _ => 0,
        }
    }

    /// As [`Decoder::advance`], behind so many of them.
    pub fn skip(&mut self, count: u64) {
        self.0 = match self.0 {
            State::Length(left) => State::Length(left - count),
            State::Chunk(left) if left > count => State::Chunk(left - count),
            State::Chunk(_) => State::ChunkEnd,
            other => other,
        };
    }

    /// Whether all of a body in chunks has come, and its trailers have not.
    #[must_use]
    pub fn is_at_trailers(&self) -> bool {
        matches!(self.0, State::Trailers)
    }

    /// Whether the end of the connection is that of the body.
    #[must_use]
    pub fn ends_with_connection(&self) -> bool {
        matches!(self.0, State::UntilClose)
    }
}

/// `chunk-size [ chunk-ext ]`.
fn chunk_size(line: &[u8]) -> Result<u64> {
    let digits = line
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    let (digits, extension) = line.split_at(digits);
    let is_extension = |rest: &[u8]| {
        rest.iter()
            .all(|byte| matches!(byte, b'\t' | 0x20..=0x7e | 0x80..))
            && (rest.is_empty() || rest.trim_ascii_start().starts_with(b";"))
    };
    if digits.is_empty() || digits.len() > 16 || !is_extension(extension) {
        return Err(Malformed::Syntax);
    }
    let text = std::str::from_utf8(digits).map_err(|_| Malformed::Syntax)?;
    u64::from_str_radix(text, 16).map_err(|_| Malformed::Syntax)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes what comes in pieces of so many bytes: the body, the trailers, what is left.
    fn decode(framing: Framing, bytes: &[u8], piece: usize) -> Result<(Vec<u8>, usize, Vec<u8>)> {
        let mut decoder = Decoder::new(framing);
        let (mut come, mut at, mut body) = (0, 0, Vec::new());
        loop {
            match decoder.step(&bytes[at..come])? {
                Step::More if come == bytes.len() => return Err(Malformed::Version),
                Step::More => come = (come + piece).min(bytes.len()),
                Step::Skip(count) => {
                    decoder.advance(&bytes[at..at + count]);
                    at += count;
                }
                Step::Data(count) => {
                    body.extend_from_slice(&bytes[at..at + count]);
                    decoder.advance(&bytes[at..at + count]);
                    at += count;
                }
                Step::End(count, trailers) => {
                    return Ok((body, trailers.len(), bytes[at + count..].to_vec()));
                }
            }
        }
    }

    #[test]
    fn chunks_are_put_together_however_they_come() {
        let bytes = b"3\r\none\r\n10;ext=\"v\"\r\n0123456789abcdef\r\n0\r\nA: b\r\n\r\nGET";
        for piece in 1..bytes.len() {
            let (body, trailers, left) = decode(Framing::Chunked, bytes, piece).unwrap();
            assert_eq!(body, b"one0123456789abcdef");
            assert_eq!(
                (trailers, &*left),
                (1, &b"GET"[..bytes.len().min(left.len())])
            );
        }
        let (body, trailers, left) = decode(Framing::Chunked, b"00\r\n\r\n", 9).unwrap();
        assert_eq!((body.len(), trailers, left.len()), (0, 0, 0));
    }

    #[test]
    fn broken_chunks_are_refused() {
        for bytes in [
            &b"3\none\r\n0\r\n\r\n"[..],
            b"3\r\none\n0\r\n\r\n",
            b"3\r\nonex\r\n0\r\n\r\n",
            b"-1\r\n",
            b"0x3\r\none\r\n",
            b"\r\n",
            b" 3\r\none\r\n",
            b"3 \r\none\r\n",
            b"fffffffffffffffff\r\n",
            b"3\0\r\none\r\n",
            b"0\r\nA : b\r\n\r\n",
            b"0\r\n folded\r\n\r\n",
        ] {
            let result = decode(Framing::Chunked, bytes, 1);
            assert_eq!(result, Err(Malformed::Syntax), "{bytes:?}");
        }
        let endless = [b"1;".to_vec(), vec![b'a'; 2000]].concat();
        assert_eq!(
            decode(Framing::Chunked, &endless, 100),
            Err(Malformed::TooLarge)
        );
    }

    #[test]
    fn lengths_are_counted() {
        let (body, _, left) = decode(Framing::Length(3), b"oneGET", 2).unwrap();
        assert_eq!((&*body, &*left), (&b"one"[..], &b"GET"[..left.len()]));
        assert!(decode(Framing::Length(0), b"", 1).unwrap().0.is_empty());
        assert_eq!(
            decode(Framing::Length(9), b"short", 9),
            Err(Malformed::Version)
        );
    }

    #[test]
    fn framing_is_declared_once() {
        let declare = |fields: &[(&str, &str)]| {
            let fields = fields.iter();
            let fields =
                fields.map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
            declared(&fields.collect::<Vec<_>>())
        };
        let length = |length| {
            Ok(Declared {
                chunked: false,
                length,
            })
        };
        assert_eq!(declare(&[]), length(None));
        assert_eq!(declare(&[("Content-Length", "5")]), length(Some(5)));
        assert_eq!(
            declare(&[("content-length", "5, 5"), ("content-length", "5")]),
            length(Some(5))
        );
        for value in ["5, 6", "", "+5", "5,", "0x5", "-1", "18446744073709551616"] {
            assert_eq!(
                declare(&[("content-length", value)]),
                Err(Unclear::Length),
                "{value:?}"
            );
        }
        let chunked = declare(&[("Transfer-Encoding", "Chunked"), ("content-length", "5")]);
        assert!(chunked.unwrap().chunked);
        for value in ["gzip", "gzip, chunked", "chunked, chunked", "xchunked", ""] {
            let coding = Unclear::Coding(value.to_owned());
            assert_eq!(declare(&[("transfer-encoding", value)]), Err(coding));
        }
    }
}
