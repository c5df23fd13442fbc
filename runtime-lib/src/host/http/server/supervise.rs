//! The process that a server is started as: it listens, starts workers, and ends with them.

use std::io::Write;
use std::net::SocketAddr;
use std::rc::Rc;

use super::accept::{Accepted, accept, forget, listen, listen_tcp, name_of};
use super::access_log;
use super::offered::{ServerTls, load_tls};
use super::processors;
use super::settings::{Address, Settings};
use super::worker::{Guests, serve};
use crate::host::clocks::{Clock, now_ns};
use crate::host::http::transport::after_ns;
use crate::host::stat::NS_PER_S;
use crate::sys::event::{PollFd, PollFlags, Timespec};
use crate::sys::fd::{AsFd, OwnedFd};
use crate::sys::process::raise_limit_of_files;
use crate::vm::children::{self, Child, Signal, Signals};
use crate::vm::process;

/// A worker that lives no longer has something wrong with it that the next one would have too.
const EARLY_NS: u64 = NS_PER_S;

/// Workers that have not ended by themselves so long after the grace period have their guests
/// stopped.
const STOP_NS: u64 = 500_000_000;

/// They are ended if that does not help within this time.
const KILL_NS: u64 = 5 * NS_PER_S;

/// So many early ends in a row end the server.
const EARLY_MAX: usize = 5;

/// Serves until a signal ends it; never returns. Each worker makes its guests, and has a number.
pub fn run(settings: &Settings, guests: impl Fn(usize) -> Rc<dyn Guests>) -> ! {
    // Connections are files.
    raise_limit_of_files();
    let is_one = !cfg!(target_os = "linux");
    if is_one && (settings.shutdown.is_some() || settings.workers.is_some_and(|n| n > 1)) {
        let message = match cfg!(windows) {
            true => "a server for Windows is one process: no `--workers` and no `--shutdown-addr`",
            false => "a server for macOS is one process: no `--workers` and no `--shutdown-addr`",
        };
        fail(message)
    }
    let tls = settings
        .certificate
        .as_deref()
        .map(|certificate| load_tls(certificate).unwrap_or_else(|message| fail(&message)));
    if let Some(message) = log_failure(settings) {
        fail(&message)
    }
    let Open {
        mut listeners,
        names,
        own,
    } = open(settings, tls.is_some());
    let Ok(signals) = Signals::new(settings.has_files()) else {
        fail("the system has no signal descriptors")
    };
    let shutdown = settings.shutdown.map(listen_for_shutdown);
    announce(&names);
    let mut workers = Workers {
        all: Vec::new(),
        count: 0,
        early: 0,
        tls,
        shutdown,
    };
    // One can answer already while it is found out how many there are to be.
    workers.start(&guests, &mut listeners, settings);
    for _ in 1..settings.workers.unwrap_or_else(processors::count) {
        workers.start(&guests, &mut listeners, settings);
    }
    // When workers that do not end are stopped or ended.
    let mut limit_ns = None;
    let mut code = 0;
    loop {
        if !wait(&signals, workers.shutdown.as_ref(), limit_ns) {
            let are_stopped = code == 1;
            code = 1;
            limit_ns = Some(after_ns(KILL_NS));
            workers
                .all
                .iter()
                .for_each(|(worker, _)| match are_stopped {
                    true => worker.kill(),
                    false => worker.stop(),
                });
        }
        let shutdown = workers.shutdown.as_ref();
        let visited = shutdown.is_some_and(|it| matches!(accept(it), Accepted::Connection(_)));
        if visited {
            workers.shutdown = None;
        }
        let visited = visited.then_some(Signal::End);
        for signal in visited
            .into_iter()
            .chain(std::iter::from_fn(|| signals.next()))
        {
            if signal == Signal::End && limit_ns.is_none() {
                let grace_ns = settings.grace_ns.saturating_add(STOP_NS);
                limit_ns = Some(after_ns(grace_ns));
                // Who connects from now on is refused, and not left waiting for nobody.
                listeners.clear();
                own.iter().for_each(forget);
                workers.all.iter().for_each(|(worker, _)| worker.end());
            }
            if signal == Signal::Reload {
                workers.reload(settings);
            }
        }
        for _ in 0..workers.reap() {
            if limit_ns.is_none() {
                workers.start(&guests, &mut listeners, settings);
            }
        }
        if workers.all.is_empty() {
            process::exit(code)
        }
    }
}

/// What is listened to, with its names.
struct Open {
    listeners: Vec<OwnedFd>,
    names: Vec<String>,
    /// The address that this server has taken itself.
    own: Option<Address>,
}

fn open(settings: &Settings, is_secure: bool) -> Open {
    let passed = children::passed_listeners();
    let passed = passed.unwrap_or_else(|fd| {
        fail(&format!(
            "descriptor {fd} is to be a socket (LISTEN_FDS), and is not open"
        ))
    });
    if !passed.is_empty() {
        let names = passed
            .iter()
            .map(name_of)
            .map(|address| address.name(is_secure))
            .collect();
        return Open {
            listeners: passed,
            names,
            own: None,
        };
    }
    match listen(&settings.address) {
        Ok((fd, address)) => Open {
            listeners: vec![fd],
            names: vec![address.name(is_secure)],
            own: Some(address),
        },
        Err(error) => {
            let address = &settings.address;
            fail(&format!("cannot listen on {address}: {}", error.name()))
        }
    }
}

struct Workers {
    /// With the time at which each began.
    all: Vec<(Child, u64)>,
    /// Of all that there have been.
    count: usize,
    early: usize,
    tls: Option<Rc<dyn ServerTls>>,
    /// Who connects there ends the server.
    shutdown: Option<OwnedFd>,
}

impl Workers {
    fn start(
        &mut self,
        guests: &impl Fn(usize) -> Rc<dyn Guests>,
        listeners: &mut Vec<OwnedFd>,
        settings: &Settings,
    ) {
        if self.early >= EARLY_MAX {
            fail("workers end as soon as they begin")
        }
        match children::fork() {
            Ok(Some(worker)) => {
                self.all.push((worker, now_ns(Clock::Monotonic)));
                self.count += 1;
            }
            Ok(None) => {
                children::end_with_parent();
                self.shutdown = None;
                let listeners = std::mem::take(listeners);
                let clean = serve(listeners, guests(self.count), settings, self.tls.clone());
                process::exit(if clean { 0 } else { 1 })
            }
            Err(error) => fail(&format!("cannot start a worker: {error}")),
        }
    }

    /// Has workers take the certificate that is in the files now, if it is one, and the file that
    /// the log is to go to.
    fn reload(&mut self, settings: &Settings) {
        match settings.certificate.as_deref().map(load_tls) {
            Some(Ok(tls)) => self.tls = Some(tls),
            Some(Err(message)) => warn(&format!("{message}; the old certificate stays")),
            None => {}
        }
        if let Some(message) = log_failure(settings) {
            warn(&format!("{message}; the old file stays"));
        }
        self.all.iter().for_each(|(worker, _)| worker.reload());
    }

    /// Takes out the workers that have ended: how many.
    fn reap(&mut self) -> usize {
        let before = self.all.len();
        let now = now_ns(Clock::Monotonic);
        let mut early = 0;
        self.all.retain(|(worker, since_ns)| {
            let ended = worker.has_ended();
            early += usize::from(ended && now.saturating_sub(*since_ns) < EARLY_NS);
            !ended
        });
        let ended = before - self.all.len();
        self.early = if early > 0 { self.early + early } else { 0 };
        ended
    }
}

/// The first line tells where that is.
fn listen_for_shutdown(address: SocketAddr) -> OwnedFd {
    match listen_tcp(address) {
        Ok((fd, address)) => {
            let line = format!("Listening for shutdown on tcp://{address}/\n");
            let _ = std::io::stderr().write_all(line.as_bytes());
            fd
        }
        Err(error) => fail(&format!("cannot listen on {address}: {}", error.name())),
    }
}

/// The first lines tell where the server is, also when a port was left to the system.
fn announce(names: &[String]) {
    let lines: String = names
        .iter()
        .map(|name| format!("Serving HTTP on {name}\n"))
        .collect();
    let _ = std::io::stderr().write_all(lines.as_bytes());
}

/// Waits for a signal, or for a connection: whether that was before the limit.
fn wait(signals: &Signals, shutdown: Option<&OwnedFd>, limit_ns: Option<u64>) -> bool {
    let left_ns = limit_ns.map(|at_ns| at_ns.saturating_sub(now_ns(Clock::Monotonic)));
    let timeout = left_ns.map(|ns| Timespec {
        tv_sec: (ns / NS_PER_S).cast_signed(),
        tv_nsec: (ns % NS_PER_S).cast_signed(),
    });
    let signals = signals.as_fd();
    let shutdown = shutdown.map_or(signals, AsFd::as_fd);
    let mut fds = [signals, shutdown].map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
    // A signal that is not one of these ends the waiting, and nothing else.
    crate::sys::event::poll(&mut fds, timeout.as_ref()) != Ok(0)
}

/// Why there can be no log.
fn log_failure(settings: &Settings) -> Option<String> {
    let log = settings.access_log.as_ref()?;
    let error = access_log::open(log).err()?;
    let path = log.path.as_deref().unwrap_or_default();
    Some(format!("cannot write to `{path}`: {}", error.name()))
}

fn warn(message: &str) {
    // Nothing is left to be done when standard error is closed.
    let _ = writeln!(std::io::stderr(), "error: {message}");
}

fn fail(message: &str) -> ! {
    warn(message);
    process::exit(1)
}
