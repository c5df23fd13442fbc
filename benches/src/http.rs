//! Servers of HTTP under load: what a request costs the server, and how soon it answers.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::figures::Figures;
use crate::measure::{Invocation, middle};
use crate::options::{Options, Result};
use crate::tools::Tools;

const ROUNDS: usize = 3;
/// How long each load lasts.
const LOAD: Duration = Duration::from_secs(2);
/// Connections of each load, each with one request at a time.
const CONNECTIONS: [usize; 2] = [1, 16];
/// The kernel counts CPU time in `/proc` by this unit, on all processors.
const TICK: Duration = Duration::from_millis(10);

/// A component, what is asked of it, and how many requests an instance serves.
struct Case {
    name: String,
    wasm: PathBuf,
    target: &'static str,
    reuse: Option<&'static str>,
}

pub fn run(tools: &Tools, options: &Options, figures: &mut Figures) -> Result<()> {
    println!(
        "{:34} {:>4} {:>10} {:>10} {:>6} {:>9} {:>9} {:>7} {:>7}",
        "CPU us a request",
        "conn",
        "wasmelt",
        "wasmtime",
        "ratio",
        "req/s",
        "req/s",
        "faults",
        "faults"
    );
    let rounds = options.rounds.unwrap_or(ROUNDS);
    let cases: Vec<Case> = cases()
        .into_iter()
        .filter(|case| options.wants(&case.name))
        .collect();
    for case in &cases {
        loads(tools, case, rounds, figures)?;
    }
    println!(
        "\n{:34} {:>10} {:>10} {:>10} {:>10}",
        "first response, ms after exec", "wasmelt", "wasmtime", "RSS KiB", "RSS KiB"
    );
    for case in &cases {
        starts(tools, case, rounds, figures)?;
    }
    println!(
        "medians of {rounds} interleaved rounds of {} s; RSS is of all processes, when idle",
        LOAD.as_secs()
    );
    Ok(())
}

fn cases() -> Vec<Case> {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests");
    let case = |name: &str, wasm: PathBuf, target, reuse| Case {
        name: name.to_owned(),
        wasm,
        target,
        reuse,
    };
    let mut all = vec![
        case(
            "Rust 0.2, 1 an instance",
            guests.join("p2-server.wasm"),
            "/",
            Some("1"),
        ),
        case(
            "Rust 0.2, 128 an instance",
            guests.join("p2-server.wasm"),
            "/",
            Some("128"),
        ),
        case("Rust 0.3", guests.join("p3-server.wasm"), "/", None),
    ];
    let more = std::env::var("WASMELT_BENCH_SERVERS").unwrap_or_default();
    for path in more.split(':').filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        all.push(case(&name, path.clone(), "/", None));
    }
    all
}

/// The servers of a case: wasmelt's, and wasmtime's if it is there.
fn servers(tools: &Tools, case: &Case) -> Result<Vec<Invocation>> {
    let mut flags = vec!["--addr", "127.0.0.1:0"];
    flags.extend(case.reuse.iter().flat_map(|count| ["--reuse", count]));
    let ours = tools.wasmelt_with(&case.wasm, &["-Shttp"])?;
    let mut all = vec![Invocation::new(ours, &flags)];
    if let Some(mut theirs) = tools.wasmtime(&case.wasm)? {
        let last = theirs.args.pop();
        theirs.args[0] = "serve".to_owned();
        let flags = [
            "--addr",
            "127.0.0.1:0",
            "-Scli=y",
            "-Sp3=y",
            "-Wcomponent-model-async=y",
        ];
        theirs.args.extend(flags.map(str::to_owned));
        if let Some(count) = case.reuse {
            theirs
                .args
                .extend(["--max-instance-reuse-count", count].map(str::to_owned));
        }
        theirs.args.extend(last);
        all.push(theirs);
    }
    Ok(all)
}

/// CPU time, page faults and rate at each number of connections.
fn loads(tools: &Tools, case: &Case, rounds: usize, figures: &mut Figures) -> Result<()> {
    let invocations = servers(tools, case)?;
    for connections in CONNECTIONS {
        let mut cpu = vec![Vec::new(); invocations.len()];
        let mut rates = vec![Vec::new(); invocations.len()];
        let mut faults = vec![Vec::new(); invocations.len()];
        for _ in 0..rounds {
            for (who, invocation) in invocations.iter().enumerate() {
                let server = Server::start(invocation)?;
                load(server.address, case.target, 1, LOAD / 20)?;
                let before = server.usage()?;
                let started = Instant::now();
                let served = load(server.address, case.target, connections, LOAD)?;
                let seconds = started.elapsed().as_secs_f64();
                let after = server.usage()?;
                let each = |value: f64| value / served as f64;
                cpu[who].push(each((after.cpu - before.cpu).as_secs_f64() * 1e6));
                faults[who].push(each((after.faults - before.faults) as f64));
                rates[who].push(served as f64 / seconds);
            }
        }
        let [cpu, rates, faults] = [cpu, rates, faults].map(|all| {
            let middles = all.into_iter().map(middle);
            middles.collect::<Vec<f64>>()
        });
        let row = format!("{}, {connections} connections", case.name);
        figures.add("http", &row, "wasmelt", cpu[0]);
        print!("{:34} {connections:4} {:10.1}", case.name, cpu[0]);
        if invocations.len() > 1 {
            figures.add("http", &row, "wasmtime", cpu[1]);
            println!(
                " {:10.1} {:6.2} {:9.0} {:9.0} {:7.2} {:7.2}",
                cpu[1],
                cpu[0] / cpu[1],
                rates[0],
                rates[1],
                faults[0],
                faults[1]
            );
        } else {
            println!(
                " {:10} {:6} {:9.0} {:9} {:7.2}",
                "", "", rates[0], "", faults[0]
            );
        }
    }
    Ok(())
}

/// From exec to the end of the first response, and memory afterwards.
fn starts(tools: &Tools, case: &Case, rounds: usize, figures: &mut Figures) -> Result<()> {
    let invocations = servers(tools, case)?;
    let mut millis = vec![Vec::new(); invocations.len()];
    let mut memory = vec![Vec::new(); invocations.len()];
    for _ in 0..rounds * 5 {
        for (who, invocation) in invocations.iter().enumerate() {
            let started = Instant::now();
            let server = Server::start(invocation)?;
            load(server.address, case.target, 1, Duration::ZERO)?;
            millis[who].push(started.elapsed().as_secs_f64() * 1e3);
            memory[who].push(server.usage()?.rss_kib as f64);
        }
    }
    let millis: Vec<f64> = millis.into_iter().map(middle).collect();
    let memory: Vec<f64> = memory.into_iter().map(middle).collect();
    print!("{:34} {:10.1}", case.name, millis[0]);
    figures.add("http-start", &case.name, "wasmelt", millis[0]);
    if invocations.len() > 1 {
        figures.add("http-start", &case.name, "wasmtime", millis[1]);
        println!(" {:10.1} {:10.0} {:10.0}", millis[1], memory[0], memory[1]);
    } else {
        println!(" {:10} {:10.0}", "", memory[0]);
    }
    Ok(())
}

/// A server that runs, and ends when this is dropped.
struct Server {
    child: Child,
    address: SocketAddr,
}

/// What a server's processes have taken so far.
struct Usage {
    cpu: Duration,
    faults: u64,
    rss_kib: u64,
}

impl Server {
    /// Returns when it has said where it listens.
    fn start(invocation: &Invocation) -> Result<Server> {
        let mut child = Command::new(&invocation.program)
            .args(&invocation.args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", invocation.program))?;
        let mut lines = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut said = String::new();
        let address = loop {
            let mut line = String::new();
            if !lines.read_line(&mut line).is_ok_and(|count| count > 0) {
                let _ = child.wait();
                return Err(format!("{} serves nothing: {said}", invocation.program));
            }
            let address = line
                .split_once("http://")
                .and_then(|(_, rest)| rest.trim_end().trim_end_matches('/').parse().ok());
            if let Some(address) = address {
                break address;
            }
            said.push_str(&line);
        };
        // What it logs is read, so that it need not wait.
        thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Ok(Server { child, address })
    }

    /// Of the process, those it has started, and those of them that have ended.
    fn usage(&self) -> Result<Usage> {
        let mut usage = Usage {
            cpu: Duration::ZERO,
            faults: 0,
            rss_kib: 0,
        };
        let mut waiting = vec![self.child.id()];
        while let Some(id) = waiting.pop() {
            let stat = fs::read_to_string(format!("/proc/{id}/stat"))
                .map_err(|error| format!("the server has ended: {error}"))?;
            // Behind the name, which may hold anything: the state is field 0 here, field 3 in proc(5).
            let behind = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
            let fields: Vec<&str> = behind.split_whitespace().collect();
            let field = |number: usize| {
                let text = fields.get(number - 3);
                text.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0)
            };
            usage.faults += field(10) + field(11);
            let ticks: u64 = (14..=17).map(field).sum();
            usage.cpu += TICK * u32::try_from(ticks).unwrap_or(u32::MAX);
            let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
            let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let rss = rss.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
            usage.rss_kib += rss.unwrap_or(0);
            let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
            let children = children.unwrap_or_default();
            waiting.extend(
                children
                    .split_whitespace()
                    .filter_map(|id| id.parse::<u32>().ok()),
            );
        }
        Ok(usage)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        let deadline = Instant::now() + Duration::from_secs(2);
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks on each connection, again and again for a time, at least once. Returns how many responses
/// have come, all of them 200.
fn load(address: SocketAddr, target: &str, connections: usize, time: Duration) -> Result<u64> {
    let request = format!("GET {target} HTTP/1.1\r\nhost: {address}\r\n\r\n");
    let client = || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut bytes = Vec::new();
        let deadline = Instant::now() + time;
        let mut count = 0;
        while count == 0 || Instant::now() < deadline {
            stream.write_all(request.as_bytes())?;
            read_response(&mut stream, &mut bytes)?;
            count += 1;
        }
        Ok(count)
    };
    let counts: Vec<std::io::Result<u64>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..connections).map(|_| scope.spawn(client)).collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined
            .map(|count| count.expect("it does not panic"))
            .collect()
    });
    let mut sum = 0;
    for count in counts {
        sum += count.map_err(|error| format!("a request to {target} failed: {error}"))?;
    }
    Ok(sum)
}

/// Reads one response, of a length that is given or in chunks.
fn read_response(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    let bad = |text: &str| std::io::Error::other(text.to_owned());
    bytes.clear();
    let mut buffer = [0; 16 << 10];
    let mut end = None;
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Err(bad("the response is cut short"));
        }
        bytes.extend_from_slice(&buffer[..count]);
        if end.is_none()
            && let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n")
        {
            if !bytes.starts_with(b"HTTP/1.1 200") {
                let line = bytes
                    .split(|&byte| byte == b'\r')
                    .next()
                    .unwrap_or_default();
                return Err(bad(&String::from_utf8_lossy(line)));
            }
            let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
            let length = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"));
            end = Some(match length {
                Some(length) => {
                    let length = length.trim().parse::<usize>();
                    Some(head + 4 + length.map_err(|_| bad("a bad length"))?)
                }
                None => None,
            });
        }
        match end {
            Some(Some(end)) if bytes.len() >= end => return Ok(()),
            Some(None) if bytes.ends_with(b"\r\n0\r\n\r\n") => return Ok(()),
            _ => {}
        }
    }
}
