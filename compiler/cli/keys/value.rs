//! What stands behind `=` in a list of keys: which values a key takes, and reading them.
//!
//! Numbers, times and words for yes and no are written as `wasmtime` takes them.

use std::time::Duration;

/// What values a key takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Takes {
    /// `y` or `n`; nothing means yes.
    Flag,
    /// As [`Takes::Flag`], or one of these words.
    FlagOr(&'static [&'static str]),
    Number,
    Bytes,
    Time,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Any text, which help calls by this name.
    Text(&'static str),
    /// The same, or nothing.
    TextOrNone(&'static str),
}

/// Text after `=`, if any.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'a>(pub(crate) Option<&'a str>);

impl Takes {
    /// How help writes a key with its values.
    pub(crate) fn shown(self, key: &str) -> String {
        match self {
            Takes::Flag => key.to_owned(),
            Takes::FlagOr(words) => format!("{key}=y|n|{}", words.join("|")),
            Takes::Number => format!("{key}=N"),
            Takes::Bytes => format!("{key}=BYTES"),
            Takes::Time => format!("{key}=TIME"),
            Takes::OneOf(words) => format!("{key}={}", words.join("|")),
            Takes::Text(name) => format!("{key}={name}"),
            Takes::TextOrNone(name) => format!("{key}[={name}]"),
        }
    }

    /// What a shell may complete: the key with each of its values, or as far as it is known.
    pub(crate) fn completions(self, key: &str) -> Vec<String> {
        match self {
            Takes::Flag => vec![key.to_owned()],
            Takes::FlagOr(words) => {
                let with_value = words.iter().map(|word| format!("{key}={word}"));
                [key.to_owned()].into_iter().chain(with_value).collect()
            }
            Takes::OneOf(words) => words.iter().map(|word| format!("{key}={word}")).collect(),
            Takes::Number | Takes::Bytes | Takes::Time | Takes::Text(_) => vec![format!("{key}=")],
            Takes::TextOrNone(_) => vec![key.to_owned(), format!("{key}=")],
        }
    }

    /// Whether a value is one of these, for keys whose value nothing reads.
    pub(crate) fn check(self, value: Value<'_>) -> Result<(), String> {
        match self {
            Takes::Flag => value.flag().map(|_| ()),
            Takes::FlagOr(words) => match value.0 {
                Some(text) if words.contains(&text) => Ok(()),
                _ => value.flag().map(|_| ()).map_err(|_| {
                    let words = ["y", "n"].iter().chain(words).copied();
                    one_of(&words.collect::<Vec<_>>())
                }),
            },
            Takes::Number => value.number().map(|_| ()),
            Takes::Bytes => value.bytes().map(|_| ()),
            Takes::Time => value.time().map(|_| ()),
            Takes::OneOf(words) => value.word(words).map(|_| ()),
            Takes::Text(_) => value.text().map(|_| ()),
            Takes::TextOrNone(_) => match value.0 {
                None => Ok(()),
                Some(_) => value.text().map(|_| ()),
            },
        }
    }
}

impl<'a> Value<'a> {
    /// Absent means yes, as in `-S inherit-env`.
    pub(crate) fn flag(self) -> Result<bool, String> {
        match self.0 {
            None | Some("y" | "yes" | "true") => Ok(true),
            Some("n" | "no" | "false") => Ok(false),
            Some(_) => Err(String::from("takes `y` or `n`")),
        }
    }

    pub(crate) fn text(self) -> Result<&'a str, String> {
        match self.0 {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(String::from("needs a value")),
        }
    }

    /// Which of these words it is.
    pub(crate) fn word(self, words: &'static [&'static str]) -> Result<&'static str, String> {
        let text = self.text()?;
        let found = words.iter().find(|word| **word == text);
        found.copied().ok_or_else(|| one_of(words))
    }

    pub(crate) fn number(self) -> Result<u64, String> {
        integer(self.text()?).ok_or_else(|| String::from("takes a number"))
    }

    /// Bytes, with an optional `K`, `M` or `G` of 1024.
    pub(crate) fn bytes(self) -> Result<u64, String> {
        let text = self.text()?;
        let units = [("kK", 10), ("mM", 20), ("gG", 30)];
        let unit = units
            .iter()
            .find(|(unit, _)| text.ends_with(|c| unit.contains(c)));
        let (digits, shift) = match unit {
            Some((_, shift)) => (&text[..text.len() - 1], *shift),
            None => (text, 0),
        };
        integer(digits)
            .and_then(|number| number.checked_mul(1 << shift))
            .ok_or_else(|| String::from("takes a number of bytes, such as `65536` or `64M`"))
    }

    /// Seconds, or a number with a unit behind it.
    pub(crate) fn time(self) -> Result<Duration, String> {
        let text = self.text()?;
        let nanoseconds = [
            ("ns", 1),
            ("us", 1_000),
            ("μs", 1_000),
            ("ms", 1_000_000),
            ("s", 1_000_000_000),
            ("", 1_000_000_000),
        ];
        let read = nanoseconds.iter().find_map(|(unit, nanoseconds)| {
            let count = integer(text.strip_suffix(unit)?)?;
            count.checked_mul(*nanoseconds).map(Duration::from_nanos)
        });
        read.ok_or_else(|| String::from("takes a time, such as `2`, `2s` or `500ms`"))
    }
}

/// In decimal, or in hexadecimal behind `0x`; `_` separates digits.
fn integer(text: &str) -> Option<u64> {
    let digits = text.replace('_', "");
    let is_sign = digits.starts_with('+') || digits.starts_with("0x+");
    let number = match digits.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    number.ok().filter(|_| !is_sign)
}

/// `is `a`, `b` or `c``, as a message goes on behind the key.
pub(crate) fn one_of(words: &[&str]) -> String {
    format!("is one of {}", listed(words))
}

/// `a`, `b` or `c`.
pub(crate) fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match &*quoted {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let read = |text| Value(Some(text)).number().ok();
        for (text, number) in [("0", 0), ("1_000", 1000), ("0x1_f", 31), ("0xFF", 255)] {
            assert_eq!(read(text), Some(number), "{text}");
        }
        for text in [
            "",
            "_",
            "0x",
            "1.5",
            "-1",
            "+1",
            "0x+1",
            "0x10000000000000000",
            "1K",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        let bytes = |text| Value(Some(text)).bytes().ok();
        assert_eq!(bytes("0x10K"), Some(16 << 10));
        assert_eq!(bytes("2g"), Some(2 << 30));
        assert_eq!(bytes("99999999999G"), None);
        assert_eq!(bytes("K"), None);
    }

    #[test]
    fn times() {
        let read = |text| Value(Some(text)).time().ok();
        let milliseconds = Duration::from_millis;
        for (text, time) in [("2", 2000), ("2s", 2000), ("1_500ms", 1500), ("7000us", 7)] {
            assert_eq!(read(text), Some(milliseconds(time)), "{text}");
        }
        assert_eq!(read("2000000ns"), Some(milliseconds(2)));
        for text in ["", "s", "2 s", "1.5s", "2m", "-1s"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn what_nothing_reads_is_checked_too() {
        let check = |takes: Takes, text| takes.check(Value(text)).is_ok();
        assert!(check(Takes::FlagOr(&["auto"]), Some("auto")) && check(Takes::FlagOr(&[]), None));
        assert!(!check(Takes::FlagOr(&["auto"]), Some("often")));
        assert!(!check(Takes::Number, None) && !check(Takes::Flag, Some("")));
        assert!(!check(Takes::Text("FILE"), Some("")));
    }
}
