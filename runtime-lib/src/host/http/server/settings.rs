//! How a server was asked to run: by its own command line, and by `WASMELT_ADDR` and `PORT`.
//!
//! The command line of a server is its own; the guest gets none of it.

use std::fmt::{Display, Formatter};
use std::net::SocketAddr;
use std::rc::Rc;

use wasmelt_abi::SERVER_OPTIONS;

use crate::host::http::fields::{is_forbidden, is_token, is_value};

/// Where a server listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    Tcp(SocketAddr),
    /// The path of a socket in the file system.
    Unix(String),
}

/// What a server can be told. Numbers are those of each worker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    pub address: Address,
    /// Processes that serve; one for each processor that may be used where nobody says.
    pub workers: Option<usize>,
    /// Requests that an instance serves.
    pub reuse: Option<u64>,
    /// Requests that an instance serves at the same time.
    pub at_once: Option<usize>,
    /// An instance waits as long for its next request.
    pub instance_idle_ns: u64,
    /// Requests that are answered at the same time.
    pub requests_max: usize,
    pub connections_max: usize,
    pub body_bytes_max: Option<u64>,
    /// A client that has begun a head is waited for as long.
    pub head_ns: u64,
    /// A client that says nothing in the middle of a body is waited for as long.
    pub body_ns: u64,
    /// A connection may wait as long for its next request.
    pub idle_ns: u64,
    /// A request that takes longer is given up.
    pub timeout_ns: Option<u64>,
    /// How long requests may take to end when the server does.
    pub grace_ns: u64,
    /// The server speaks TLS.
    pub certificate: Option<Rc<Certificate>>,
    /// The server ends when somebody connects there.
    pub shutdown: Option<SocketAddr>,
    /// Fields that each request has in the place of its own of that name.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Lines of what guests write begin with who has written them.
    pub labels: bool,
    /// What it writes about requests.
    pub access_log: Option<AccessLogSettings>,
}

/// How an access log is written, and where to.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct AccessLogSettings {
    pub format: LogFormat,
    /// Standard error if there is none.
    pub path: Option<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// The Common Log Format.
    #[default]
    Common,
    /// An object a line.
    Json,
}

/// The files that TLS needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate {
    /// The server's certificate, and those between it and an authority.
    pub chain: String,
    pub key: String,
}

/// What a command line asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Asked {
    Serve(Box<Settings>),
    Help,
}

pub const HELP: &str = "\
Serves HTTP.

Options:
  --addr ADDR:PORT        where to listen, or `unix:PATH`; by default WASMELT_ADDR, or 0.0.0.0 and
                          PORT, or 0.0.0.0:8080. A socket that systemd has opened comes first
  --workers N             processes that serve; by default one for each processor
  --reuse N               requests that an instance serves
  --at-once N             requests that an instance serves at the same time (WASI 0.3)
  --instance-idle TIME    how long an instance waits for its next request; by default 1s
  --timeout TIME          a request that takes longer is given up: 30s, 500ms
  --grace TIME            how long requests may take to end after SIGTERM; by default 10s
  --max-requests N        requests that a worker answers at the same time; by default 1000
  --max-connections N     connections of a worker; by default 16384
  --max-body BYTES        a request whose body is longer gets 413
  --head-timeout TIME     how long a request's head may take; by default 10s
  --body-timeout TIME     how long a client may be silent within a body; by default 30s
  --idle-timeout TIME     how long a connection may wait for its next request; by default 60s
  --tls-cert FILE         speak TLS with the certificates in this file (PEM), the server's first;
                          of servers that were built with `--tls`
  --tls-key FILE          the key of the first one; both files are read again at SIGHUP
  --access-log[=FORMAT]   write a line for each request, `common` or `json`, to standard error
  --access-log-file FILE  write them to the end of this file, which is opened again at SIGHUP
  --header 'NAME: VALUE'  a field that each request has in the place of its own
  --shutdown-addr ADDR    end when somebody connects there, as after SIGTERM
  --no-logging-prefix     do not write before each line of a guest which of them has written it
  --help                  this
";

const NS_PER_MS: u64 = 1_000_000;

/// More of anything is as good as that many.
const COUNT_MAX: u64 = 1 << 20;

impl Settings {
    /// The files that it names, each with whether the server writes or makes it.
    #[must_use]
    pub fn files(&self) -> Vec<(String, bool)> {
        let mut files = Vec::new();
        if let Address::Unix(path) = &self.address {
            files.push((path.clone(), true));
        }
        if let Some(certificate) = &self.certificate {
            files.push((certificate.chain.clone(), false));
            files.push((certificate.key.clone(), false));
        }
        let log = self.access_log.as_ref().and_then(|log| log.path.clone());
        files.extend(log.map(|path| (path, true)));
        files
    }

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
            at_once: None,
            instance_idle_ns: 1000 * NS_PER_MS,
            requests_max: 1000,
            connections_max: 16 * 1024,
            body_bytes_max: None,
            head_ns: 10_000 * NS_PER_MS,
            body_ns: 30_000 * NS_PER_MS,
            idle_ns: 60_000 * NS_PER_MS,
            timeout_ns: None,
            grace_ns: 10_000 * NS_PER_MS,
            certificate: None,
            shutdown: None,
            headers: Vec::new(),
            labels: true,
            access_log: None,
        };
        let (mut chain, mut key) = (None, None);
        let mut words = arguments.map(|word| String::from_utf8_lossy(word).into_owned());
        while let Some(word) = words.next() {
            if matches!(&*word, "--help" | "-h") {
                return Ok(Asked::Help);
            }
            let (flag, value) = match word.split_once('=') {
                Some((flag, value)) => (flag.to_owned(), Some(value.to_owned())),
                None => (word, None),
            };
            let option = flag.strip_prefix("--").unwrap_or_default();
            if !SERVER_OPTIONS.iter().any(|(known, _)| *known == option) {
                return Err(format!(
                    "`{flag}` is none of the server's options; see `--help`"
                ));
            }
            if flag == "--access-log" {
                let format = value.as_deref().unwrap_or("common");
                settings.access_log.get_or_insert_default().format = log_format(format)?;
                continue;
            }
            if flag == "--no-logging-prefix" {
                if value.is_some() {
                    return Err("`--no-logging-prefix` takes no value".to_owned());
                }
                settings.labels = false;
                continue;
            }
            let value = value.or_else(|| words.next());
            let value = value.ok_or_else(|| format!("`{flag}` needs a value"))?;
            match &*flag {
                "--tls-cert" => chain = Some(value),
                "--tls-key" => key = Some(value),
                _ => settings.set(&flag, &value)?,
            }
        }
        settings.certificate = certificate(chain, key)?;
        Ok(Asked::Serve(Box::new(settings)))
    }

    /// Whether it has files that are opened or read again when somebody says so.
    pub(super) fn has_files(&self) -> bool {
        let log = self.access_log.as_ref();
        self.certificate.is_some() || log.is_some_and(|log| log.path.is_some())
    }

    fn set(&mut self, flag: &str, value: &str) -> Result<(), String> {
        let wrong = |wanted: &str| format!("`{flag} {value}`: {wanted} is wanted");
        let number = || {
            let number = value.parse().ok().filter(|number: &u64| *number > 0);
            number.ok_or_else(|| wrong("a number from 1"))
        };
        let time = || duration_ns(value).ok_or_else(|| wrong("a time such as `30s`"));
        let count = || number().map(|number| number.min(COUNT_MAX) as usize);
        match flag {
            "--addr" => {
                let address = Address::parse(value);
                self.address =
                    address.ok_or_else(|| wrong("an address with a port, or `unix:PATH`,"))?;
            }
            "--workers" => {
                let number = count().ok().filter(|number| *number <= 1024);
                let number = number.ok_or_else(|| wrong("a number from 1 to 1024"))?;
                self.workers = Some(number);
            }
            "--reuse" => self.reuse = Some(number()?),
            "--at-once" => self.at_once = Some(count()?),
            "--instance-idle" => self.instance_idle_ns = time()?,
            "--max-requests" => self.requests_max = count()?,
            "--max-connections" => self.connections_max = count()?,
            "--max-body" => self.body_bytes_max = Some(number()?),
            "--head-timeout" => self.head_ns = time()?,
            "--body-timeout" => self.body_ns = time()?,
            "--idle-timeout" => self.idle_ns = time()?,
            "--timeout" => {
                let time = time().ok().filter(|time| *time > 0);
                self.timeout_ns = Some(time.ok_or_else(|| wrong("a time such as `30s`"))?);
            }
            "--header" => {
                let header = header(value);
                let header = header.ok_or_else(|| wrong("`NAME: VALUE` that guests may see"))?;
                self.headers.push(header);
            }
            "--shutdown-addr" => {
                let address = value.parse().ok();
                self.shutdown = Some(address.ok_or_else(|| wrong("an address with a port"))?);
            }
            "--access-log-file" => {
                let path = Some(value.to_owned()).filter(|path| !path.is_empty());
                let path = path.ok_or_else(|| wrong("a path"))?;
                self.access_log.get_or_insert_default().path = Some(path);
            }
            _ => self.grace_ns = time()?,
        }
        Ok(())
    }
}

fn certificate(
    chain: Option<String>,
    key: Option<String>,
) -> Result<Option<Rc<Certificate>>, String> {
    match (chain, key) {
        (Some(chain), Some(key)) => Ok(Some(Rc::new(Certificate { chain, key }))),
        (None, None) => Ok(None),
        (Some(_), None) => Err("`--tls-cert` needs `--tls-key` beside it".to_owned()),
        (None, Some(_)) => Err("`--tls-key` needs `--tls-cert` beside it".to_owned()),
    }
}

impl Address {
    fn parse(text: &str) -> Option<Address> {
        match text.strip_prefix("unix:") {
            Some("") => None,
            Some(path) => Some(Address::Unix(path.to_owned())),
            None => text.parse().ok().map(Address::Tcp),
        }
    }
}

impl Address {
    /// What clients call it.
    pub(super) fn name(&self, is_secure: bool) -> String {
        match self {
            Address::Tcp(address) if is_secure => format!("https://{address}/"),
            address => address.to_string(),
        }
    }
}

impl Display for Address {
    fn fmt(&self, to: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Address::Tcp(address) => write!(to, "http://{address}/"),
            Address::Unix(path) => write!(to, "unix:{path}"),
        }
    }
}

fn address(environment: &impl Fn(&str) -> Option<String>) -> Result<Address, String> {
    if let Some(text) = environment("WASMELT_ADDR") {
        let none = || format!("WASMELT_ADDR is `{text}`, which is no address with a port");
        return Address::parse(&text).ok_or_else(none);
    }
    let port = match environment("PORT") {
        Some(text) => {
            let port = text.parse();
            port.map_err(|_| format!("PORT is `{text}`, which is no port"))?
        }
        None => 8080,
    };
    Ok(Address::Tcp(SocketAddr::from(([0, 0, 0, 0], port))))
}

/// `NAME: VALUE`; no name that guests do not see.
fn header(text: &str) -> Option<(String, Vec<u8>)> {
    let (name, value) = text.split_once(':')?;
    let (name, value) = (name.to_ascii_lowercase(), value.trim_ascii().as_bytes());
    let is_one = is_token(name.as_bytes()) && is_value(value) && !is_forbidden(&name);
    is_one.then(|| (name, value.to_vec()))
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "common" => Ok(LogFormat::Common),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!(
            "`--access-log={text}`: `common` or `json` is wanted"
        )),
    }
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
            Ok(Asked::Serve(settings)) => *settings,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_line_comes_before_the_environment() {
        let address = |words: &[&str], variables: &[(&str, &str)]| {
            settings(words, variables).address.to_string()
        };
        assert_eq!(address(&[], &[]), "http://0.0.0.0:8080/");
        assert_eq!(address(&[], &[("PORT", "99")]), "http://0.0.0.0:99/");
        let both = [("PORT", "99"), ("WASMELT_ADDR", "[::1]:7")];
        assert_eq!(address(&[], &both), "http://[::1]:7/");
        assert_eq!(address(&["--addr=unix:/a/b"], &both), "unix:/a/b");
        let found = settings(&["--addr=127.0.0.1:0", "--workers", "3"], &both);
        assert_eq!(found.workers, Some(3));
        let found = settings(&["--reuse", "5", "--timeout=500ms", "--grace", "2m"], &[]);
        assert_eq!(
            (found.reuse, found.timeout_ns),
            (Some(5), Some(500_000_000))
        );
        assert_eq!(found.grace_ns, 120_000_000_000);
        let words = [
            "--at-once=2",
            "--instance-idle=1ms",
            "--max-requests=3",
            "--max-connections=4",
            "--max-body=5",
            "--head-timeout=2ms",
            "--body-timeout=3ms",
            "--idle-timeout=4ms",
        ];
        let found = settings(&words, &[]);
        assert_eq!((found.at_once, found.body_bytes_max), (Some(2), Some(5)));
        assert_eq!((found.requests_max, found.connections_max), (3, 4));
        let times = [
            found.instance_idle_ns,
            found.head_ns,
            found.body_ns,
            found.idle_ns,
        ];
        assert_eq!(times, [1, 2, 3, 4].map(|ms| ms * NS_PER_MS));
        let found = settings(&["--tls-cert", "a", "--tls-key=b"], &[]);
        let certificate = found.certificate.unwrap();
        assert_eq!((&*certificate.chain, &*certificate.key), ("a", "b"));
        assert_eq!(found.access_log, None);
        assert!(found.labels && found.shutdown.is_none());
        let words = ["--header", "A: b ", "--header=c:", "--no-logging-prefix"];
        let found = settings(&words, &[]);
        let field = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        assert_eq!(found.headers, [field("a", "b"), field("c", "")]);
        assert!(!found.labels);
        let log = |words: &[&str]| {
            let log = settings(words, &[]).access_log.unwrap();
            (log.format, log.path)
        };
        assert_eq!(log(&["--access-log"]), (LogFormat::Common, None));
        let path = Some("a".to_owned());
        let words = ["--access-log=json", "--access-log-file", "a"];
        assert_eq!(log(&words), (LogFormat::Json, path.clone()));
        assert_eq!(log(&["--access-log-file=a"]), (LogFormat::Common, path));
        assert_eq!(read(&["--workers", "2", "--help"], &[]), Ok(Asked::Help));
    }

    #[test]
    fn what_means_nothing_is_an_error() {
        for words in [
            &["--port", "1"][..],
            &["file"],
            &["--addr"],
            &["--addr", "localhost"],
            &["--addr", "unix:"],
            &["--max-body=0"],
            &["--workers", "0"],
            &["--workers", "many"],
            &["--reuse=-1"],
            &["--timeout", "0"],
            &["--timeout", "5h"],
            &["--tls-cert", "a"],
            &["--tls-key=a"],
            &["--access-log=xml"],
            &["--header=a"],
            &["--header", "a b: c"],
            &["--header", "host: a"],
            &["--shutdown-addr=unix:a"],
            &["--no-logging-prefix=n"],
            &["--access-log", "json"],
            &["--access-log-file="],
        ] {
            assert!(read(words, &[]).is_err(), "{words:?}");
        }
        assert!(read(&[], &[("PORT", "x")]).is_err());
        assert!(read(&[], &[("WASMELT_ADDR", "x")]).is_err());
    }
}
