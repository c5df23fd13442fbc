//! A server under what the open internet sends: each case of `tests/http/*.txt` is bytes on a
//! connection of their own, and what has to come back.
//!
//! ```text
//! name of the case
//! > GET / HTTP/1.1\r\nHost: a\r\n\r\n
//! < 200 open
//! = Method::Get Some(Scheme::Http) Some("a") []
//! ```
//!
//! Behind `>` stand the bytes, with the escapes of Rust's byte strings and `\{COUNT*TEXT}`; behind
//! `<` the statuses of the responses and what becomes of the connection: `open` takes another
//! request, `closed` has ended after the last response, `cut` was reset, and for `ended` the client
//! has ended its side after what it sent. Several such lines are alternatives. Behind `=` stands
//! the body of the last response: what the guest saw of the request. `#` begins a heading.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;
use std::{fs, thread};

use libtest_mimic::{Arguments, Failed, Trial};

/// Nothing of this takes long, but the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asked for where the connection has to be open.
const PROBE: &[u8] = b"GET / HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n";

fn main() {
    let arguments = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder of the tests is there")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    let mut trials = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).expect("it can be read");
        for case in cases(&text) {
            let case = case.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            trials.push(Trial::test(case.name.clone(), move || run(&case)));
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    stop();
    conclusion.exit();
}

#[derive(Clone, Default)]
struct Case {
    name: String,
    bytes: Vec<u8>,
    /// One of these.
    ends: Vec<(Vec<u16>, End)>,
    body: Option<String>,
}

/// What becomes of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Open,
    Closed,
    Cut,
    /// Closed after the client has ended its side.
    Ended,
}

fn cases(text: &str) -> impl Iterator<Item = Result<Case, String>> {
    let blocks = text.split("\n\n").map(|block| {
        let lines = block.lines().filter(|line| !line.starts_with('#'));
        lines.map(str::to_owned).collect::<Vec<String>>()
    });
    blocks
        .filter(|lines| !lines.is_empty())
        .map(|lines| case(&lines).ok_or_else(|| format!("no case: {lines:?}")))
}

fn case(lines: &[String]) -> Option<Case> {
    let (name, lines) = lines.split_first()?;
    let mut case = Case {
        name: name.clone(),
        ..Case::default()
    };
    for line in lines {
        match line.split_once(' ')? {
            (">", text) => case.bytes.extend(unescaped(text)?),
            ("<", text) => {
                let (statuses, end) = text.rsplit_once(' ').unwrap_or(("", text));
                let statuses = statuses.split_whitespace().map(str::parse);
                let end = match end {
                    "open" => End::Open,
                    "closed" => End::Closed,
                    "cut" => End::Cut,
                    "ended" => End::Ended,
                    _ => return None,
                };
                let statuses = statuses.collect::<Result<_, _>>().ok()?;
                case.ends.push((statuses, end));
            }
            ("=", text) => case.body = Some(text.to_owned()),
            _ => return None,
        }
    }
    (!case.ends.is_empty() && !case.bytes.is_empty()).then_some(case)
}

fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('\\') {
        bytes.extend(before.bytes());
        let escape = behind.chars().next()?;
        rest = behind.get(escape.len_utf8()..)?;
        match escape {
            'r' => bytes.push(b'\r'),
            'n' => bytes.push(b'\n'),
            't' => bytes.push(b'\t'),
            '0' => bytes.push(0),
            '\\' => bytes.push(b'\\'),
            'x' => {
                bytes.push(u8::from_str_radix(rest.get(..2)?, 16).ok()?);
                rest = rest.get(2..)?;
            }
            '{' => {
                let (inside, behind) = rest.split_once('}')?;
                let (count, text) = inside.split_once('*')?;
                bytes.extend(unescaped(text)?.repeat(count.parse().ok()?));
                rest = behind;
            }
            _ => return None,
        }
    }
    bytes.extend(rest.bytes());
    Some(bytes)
}

fn run(case: &Case) -> Result<(), Failed> {
    let server = SERVER.get_or_init(Server::start);
    let mut stream = TcpStream::connect(server.address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let expects = |end: End| case.ends.iter().any(|(_, other)| *other == end);
    let mut bytes = case.bytes.clone();
    if expects(End::Open) {
        bytes.extend_from_slice(PROBE);
    }
    // A server that has refused what it saw of it may have closed already.
    let _ = stream.write_all(&bytes);
    if expects(End::Ended) {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let is_head = case.bytes.starts_with(b"HEAD ");
    let (mut statuses, mut bodies) = (Vec::new(), Vec::new());
    let mut end = loop {
        match response(&mut reader, is_head) {
            Ok(Some((status, body))) => {
                statuses.push(status);
                bodies.push(String::from_utf8_lossy(&body).into_owned());
            }
            Ok(None) if expects(End::Ended) => break End::Ended,
            Ok(None) => break End::Closed,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(format!("silence after {statuses:?}").into());
            }
            Err(_) => break End::Cut,
        }
    };
    if expects(End::Open) && bodies.last().is_some_and(|body| body.contains("probe")) {
        statuses.pop();
        bodies.pop();
        end = End::Open;
    }
    let got = (statuses, end);
    if !case.ends.contains(&got) {
        return Err(format!("{got:?}, not {:?}", case.ends).into());
    }
    match (&case.body, bodies.last()) {
        (Some(expected), body) if body != Some(expected) => {
            Err(format!("the guest saw {body:?}").into())
        }
        _ => Ok(()),
    }
}

/// Reads a response: its status and body. Nothing at the end of the connection.
fn response(
    reader: &mut BufReader<TcpStream>,
    is_head: bool,
) -> io::Result<Option<(u16, Vec<u8>)>> {
    let bad = |text: &str| io::Error::other(text.to_owned());
    let Some(first) = line(reader)? else {
        return Ok(None);
    };
    let status = first
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3)?.parse::<u16>().ok());
    let status = status.ok_or_else(|| bad(&first))?;
    let (mut length, mut is_chunked) = (None, false);
    loop {
        let field = line(reader)?.ok_or_else(|| bad("a head without an end"))?;
        if field.is_empty() {
            break;
        }
        let (name, value) = field.split_once(": ").ok_or_else(|| bad(&field))?;
        match &*name.to_ascii_lowercase() {
            "content-length" => length = value.parse::<usize>().ok(),
            "transfer-encoding" => is_chunked = value == "chunked",
            _ => {}
        }
    }
    let mut body = Vec::new();
    if is_head || status < 200 || status == 204 {
        return Ok(Some((status, body)));
    }
    if is_chunked {
        loop {
            let size = line(reader)?.ok_or_else(|| bad("no chunk"))?;
            let size = usize::from_str_radix(&size, 16).map_err(|_| bad(&size))?;
            if size == 0 {
                while !line(reader)?.ok_or_else(|| bad("no end"))?.is_empty() {}
                return Ok(Some((status, body)));
            }
            let start = body.len();
            body.resize(start + size, 0);
            reader.read_exact(&mut body[start..])?;
            line(reader)?;
        }
    }
    body.resize(length.ok_or_else(|| bad("a body without an end"))?, 0);
    reader.read_exact(&mut body)?;
    Ok(Some((status, body)))
}

/// A line without the CRLF that ends it.
fn line(reader: &mut BufReader<TcpStream>) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    if reader.read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    match bytes.strip_suffix(b"\r\n") {
        Some(line) => Ok(Some(String::from_utf8_lossy(line).into_owned())),
        None => Err(io::Error::other("a line without an end")),
    }
}

static SERVER: OnceLock<Server> = OnceLock::new();

/// The server of all cases.
struct Server {
    process: Mutex<Child>,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Server {
        let folder = tempfile::tempdir().expect("there is room for files");
        let program = folder.path().join("server");
        let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests/p2-server.wasm");
        let built = Command::new(env!("CARGO_BIN_EXE_wasmelt"))
            .arg(guest)
            .arg("-o")
            .arg(&program)
            .status();
        assert!(built.expect("the command starts").success());
        let mut process = Command::new(program)
            .args(["--addr", "127.0.0.1:0", "--workers", "1"])
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut said = BufReader::new(process.stderr.take().expect("it is piped"));
        let mut first = String::new();
        said.read_line(&mut first).expect("it says where it serves");
        let address = first
            .trim_end()
            .strip_prefix("Serving HTTP on http://")
            .and_then(|rest| rest.strip_suffix('/')?.parse().ok());
        // What it says about requests is read, so that it need not wait.
        thread::spawn(move || io::copy(&mut said, &mut io::sink()));
        Server {
            process: Mutex::new(process),
            address: address.expect("it says an address"),
            _folder: folder,
        }
    }
}

/// Ends the server, which has to go on until then.
fn stop() {
    let Some(server) = SERVER.get() else {
        return;
    };
    let mut process = server.process.lock().expect("nobody else has it");
    let ended = process.try_wait().expect("it is our own");
    assert!(ended.is_none(), "the server has ended: {ended:?}");
    let asked = Command::new("kill").arg(process.id().to_string()).status();
    assert!(asked.expect("there is `kill`").success());
    let status = process.wait().expect("it is our own");
    assert!(status.success(), "{status}");
}
