//! How a server was asked to run: by its own command line, and by `WASMELT_ADDR` and `PORT`.
//!
//! The command line of a server is its own; the guest gets none of it.

use std::net::SocketAddr;

/// What a server can be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    pub address: SocketAddr,
    /// Processes that serve; one for each processor that may be used where nobody says.
    pub workers: Option<usize>,
    /// Requests that an instance serves, one after the other.
    pub reuse: Option<u64>,
    /// A request that takes longer is given up.
    pub timeout_ns: Option<u64>,
    /// How long requests may take to end when the server does.
    pub grace_ns: u64,
}

/// What a command line asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Asked {
    Serve(Settings),
    Help,
}

pub const HELP: &str = "\
Serves HTTP.

Options:
  --addr ADDR:PORT  where to listen; by default WASMELT_ADDR, or 0.0.0.0 and PORT, or 0.0.0.0:8080
  --workers N       processes that serve; by default one for each processor
  --reuse N         requests that an instance serves, one after the other
  --timeout TIME    a request that takes longer is given up: 30s, 500ms
  --grace TIME      how long requests may take to end after SIGTERM; by default 10s
  --help            this
";

const NS_PER_MS: u64 = 1_000_000;

impl Settings {
    /// Reads a command line, and the environment where it is silent.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn read<'a>(
        arguments: impl Iterator<Item = &'a [u8]>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Asked, String> {
        let mut settings = Settings {
            address: address(&environment)?,
            workers: None,
            reuse: None,
            timeout_ns: None,
            grace_ns: 10_000 * NS_PER_MS,
        };
        let mut words = arguments.map(|word| String::from_utf8_lossy(word).into_owned());
        while let Some(word) = words.next() {
            if matches!(&*word, "--help" | "-h") {
                return Ok(Asked::Help);
            }
            let (flag, value) = match word.split_once('=') {
                Some((flag, value)) => (flag.to_owned(), Some(value.to_owned())),
                None => (word, None),
            };
            if !["--addr", "--workers", "--reuse", "--timeout", "--grace"].contains(&&*flag) {
                return Err(format!(
                    "`{flag}` is none of the server's options; see `--help`"
                ));
            }
            let value = value.or_else(|| words.next());
            let value = value.ok_or_else(|| format!("`{flag}` needs a value"))?;
            settings.set(&flag, &value)?;
        }
        Ok(Asked::Serve(settings))
    }

    fn set(&mut self, flag: &str, value: &str) -> Result<(), String> {
        let wrong = |wanted: &str| format!("`{flag} {value}`: {wanted} is wanted");
        let number = || value.parse().ok().filter(|number: &u64| *number > 0);
        match flag {
            "--addr" => {
                let address = value.parse();
                self.address = address.map_err(|_| wrong("an address with a port"))?;
            }
            "--workers" => {
                let number = number().filter(|number| *number <= 1024);
                let number = number.ok_or_else(|| wrong("a number from 1 to 1024"))?;
                self.workers = Some(number as usize);
            }
            "--reuse" => self.reuse = Some(number().ok_or_else(|| wrong("a number from 1"))?),
            "--timeout" => {
                let time = duration_ns(value).filter(|time| *time > 0);
                self.timeout_ns = Some(time.ok_or_else(|| wrong("a time such as `30s`"))?);
            }
            _ => {
                let time = duration_ns(value);
                self.grace_ns = time.ok_or_else(|| wrong("a time such as `10s`"))?;
            }
        }
        Ok(())
    }
}

fn address(environment: &impl Fn(&str) -> Option<String>) -> Result<SocketAddr, String> {
    if let Some(text) = environment("WASMELT_ADDR") {
        let address = text.parse();
        return address
            .map_err(|_| format!("WASMELT_ADDR is `{text}`, which is no address with a port"));
    }
    let port = match environment("PORT") {
        Some(text) => {
            let port = text.parse();
            port.map_err(|_| format!("PORT is `{text}`, which is no port"))?
        }
        None => 8080,
    };
    Ok(SocketAddr::from(([0, 0, 0, 0], port)))
}

/// `10s`, `500ms`, `2m`; seconds without a unit.
fn duration_ns(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit_ms = match text.get(digits.len()..)? {
        "ms" => 1,
        "" | "s" => 1000,
        "m" => 60_000,
        _ => return None,
    };
    digits
        .parse::<u64>()
        .ok()?
        .checked_mul(unit_ms)?
        .checked_mul(NS_PER_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str], variables: &[(&str, &str)]) -> Result<Asked, String> {
        let find = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Settings::read(words.iter().map(|word| word.as_bytes()), find)
    }

    fn settings(words: &[&str], variables: &[(&str, &str)]) -> Settings {
        match read(words, variables) {
            Ok(Asked::Serve(settings)) => settings,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_line_comes_before_the_environment() {
        assert_eq!(settings(&[], &[]).address.to_string(), "0.0.0.0:8080");
        assert_eq!(
            settings(&[], &[("PORT", "99")]).address.to_string(),
            "0.0.0.0:99"
        );
        let both = [("PORT", "99"), ("WASMELT_ADDR", "[::1]:7")];
        assert_eq!(settings(&[], &both).address.to_string(), "[::1]:7");
        let found = settings(&["--addr=127.0.0.1:0", "--workers", "3"], &both);
        assert_eq!((found.address.port(), found.workers), (0, Some(3)));
        let found = settings(&["--reuse", "5", "--timeout=500ms", "--grace", "2m"], &[]);
        assert_eq!(
            (found.reuse, found.timeout_ns),
            (Some(5), Some(500_000_000))
        );
        assert_eq!(found.grace_ns, 120_000_000_000);
        assert_eq!(read(&["--workers", "2", "--help"], &[]), Ok(Asked::Help));
    }

    #[test]
    fn what_means_nothing_is_an_error() {
        for words in [
            &["--port", "1"][..],
            &["file"],
            &["--addr"],
            &["--addr", "localhost"],
            &["--workers", "0"],
            &["--workers", "many"],
            &["--reuse=-1"],
            &["--timeout", "0"],
            &["--timeout", "5h"],
        ] {
            assert!(read(words, &[]).is_err(), "{words:?}");
        }
        assert!(read(&[], &[("PORT", "x")]).is_err());
        assert!(read(&[], &[("WASMELT_ADDR", "x")]).is_err());
    }
}
