//! The process that a server is started as: it listens, starts workers, and ends with them.

use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::thread::available_parallelism;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Resource, getrlimit, setrlimit};

use super::accept::{forget, listen};
use super::offered::{ServerTls, load_tls};
use super::settings::{Address, Settings};
use super::worker::{Guests, serve};
use crate::host::clocks::{Clock, now_ns};
use crate::host::http::transport::after_ns;
use crate::host::net;
use crate::host::stat::NS_PER_S;
use crate::vm::children::{self, Child, Signal, Signals};
use crate::vm::process;

/// A worker that lives no longer has something wrong with it that the next one would have too.
const EARLY_NS: u64 = NS_PER_S;

/// Workers that have not ended by themselves so long after the grace period are ended.
const KILL_NS: u64 = 500_000_000;

/// So many early ends in a row end the server.
const EARLY_MAX: usize = 5;

/// Serves until a signal ends it; never returns. Each worker makes its guests.
pub fn run(settings: &Settings, guests: impl Fn() -> Rc<dyn Guests>) -> ! {
    raise_limit_of_files();
    let tls = settings
        .certificate
        .as_deref()
        .map(|certificate| load_tls(certificate).unwrap_or_else(|message| fail(&message)));
    let (listener, address) = match children::passed_listener() {
        Some(fd) => {
            let address = net::local_address(fd.as_fd());
            (fd, address.ok().map(Address::Tcp))
        }
        None => match listen(&settings.address) {
            Ok((fd, address)) => (fd, Some(address)),
            Err(error) => {
                let address = &settings.address;
                fail(&format!("cannot listen on {address}: {}", error.name()))
            }
        },
    };
    let Ok(signals) = Signals::new(tls.is_some()) else {
        fail("the system has no signal descriptors")
    };
    announce(address.as_ref(), tls.is_some());
    let count = settings.workers;
    let count = count.unwrap_or_else(|| available_parallelism().map_or(1, usize::from));
    let mut workers = Workers {
        all: Vec::new(),
        early: 0,
        tls,
    };
    for _ in 0..count {
        workers.start(&guests, &listener, settings);
    }
    // When workers that do not end are ended.
    let mut limit_ns = None;
    let mut code = 0;
    loop {
        if !wait(&signals, limit_ns) {
            code = 1;
            workers.all.iter().for_each(|(worker, _)| worker.kill());
        }
        while let Some(signal) = signals.next() {
            if signal == Signal::End && limit_ns.is_none() {
                let grace_ns = settings.grace_ns.saturating_add(KILL_NS);
                limit_ns = Some(after_ns(grace_ns));
                workers.all.iter().for_each(|(worker, _)| worker.end());
            }
            if signal == Signal::Reload {
                workers.reload(settings);
            }
        }
        for _ in 0..workers.reap() {
            if limit_ns.is_none() {
                workers.start(&guests, &listener, settings);
            }
        }
        if workers.all.is_empty() {
            address.iter().for_each(forget);
            process::exit(code)
        }
    }
}

struct Workers {
    /// With the time at which each began.
    all: Vec<(Child, u64)>,
    early: usize,
    tls: Option<Rc<dyn ServerTls>>,
}

impl Workers {
    fn start(
        &mut self,
        guests: &impl Fn() -> Rc<dyn Guests>,
        listener: &OwnedFd,
        settings: &Settings,
    ) {
        if self.early >= EARLY_MAX {
            fail("workers end as soon as they begin")
        }
        match children::fork() {
            Ok(Some(worker)) => self.all.push((worker, now_ns(Clock::Monotonic))),
            Ok(None) => {
                children::end_with_parent();
                let Ok(listener) = listener.try_clone() else {
                    process::exit(1)
                };
                let clean = serve(listener, guests(), settings, self.tls.clone());
                process::exit(if clean { 0 } else { 1 })
            }
            Err(error) => fail(&format!("cannot start a worker: {error}")),
        }
    }

    /// Has workers take the certificate that is in the files now, if it is one.
    fn reload(&mut self, settings: &Settings) {
        match settings.certificate.as_deref().map(load_tls) {
            Some(Ok(tls)) => {
                self.tls = Some(tls);
                self.all.iter().for_each(|(worker, _)| worker.reload());
            }
            Some(Err(message)) => {
                let _ = writeln!(
                    std::io::stderr(),
                    "error: {message}; the old certificate stays"
                );
            }
            None => {}
        }
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

/// The first line tells where the server is, also when the port was left to the system.
fn announce(address: Option<&Address>, is_secure: bool) {
    let mut to = std::io::stderr();
    let _ = match address {
        Some(Address::Tcp(address)) if is_secure => {
            writeln!(to, "Serving HTTP on https://{address}/")
        }
        Some(address) => writeln!(to, "Serving HTTP on {address}"),
        None => writeln!(to, "Serving HTTP on a socket of somebody else's"),
    };
}

/// Waits for a signal: whether that was before the limit.
fn wait(signals: &Signals, limit_ns: Option<u64>) -> bool {
    let left_ns = limit_ns.map(|at_ns| at_ns.saturating_sub(now_ns(Clock::Monotonic)));
    let timeout = left_ns.map(|ns| Timespec {
        tv_sec: (ns / NS_PER_S).cast_signed(),
        tv_nsec: (ns % NS_PER_S).cast_signed(),
    });
    let mut fds = [PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN)];
    // A signal that is not one of these ends the waiting, and nothing else.
    rustix::event::poll(&mut fds, timeout.as_ref()) != Ok(0)
}

/// Connections are files: the process may have as many as the system allows.
fn raise_limit_of_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // With fewer, connections wait.
    let _ = setrlimit(Resource::Nofile, limit);
}

fn fail(message: &str) -> ! {
    let _ = writeln!(std::io::stderr(), "error: {message}");
    process::exit(1)
}
