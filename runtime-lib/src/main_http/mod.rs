//! A server: the component exports a handler of `wasi:http`, which is called for each request.

mod guest;
mod inbox;
mod instances;
mod labels;
mod running;

use std::io::Write;
use std::rc::Rc;

use crate::host::environment::variable;
use crate::host::http::server::run;
use crate::host::http::server::settings::{Asked, HELP, Settings};
use crate::host::process::{Leaving, before_exit};
use crate::vm::space::PROCESS;
use crate::vm::trap::{Piece, TrapInfo, raise_with};
use crate::vm::worker::Worker;
use crate::vm::{children, process, start, timeout, trap};
use crate::wasi::p2::poll;
use inbox::Limits;
use instances::{Body, Instances, Shared};
use running::complain;
use wasmelt_abi::{Program, TrapCode};

/// Requests that an instance serves where nobody says, and how many of them at the same time:
/// Wasmtime's numbers.
const REUSE_P2: u64 = 1;
const REUSE_P3: u64 = 128;
const AT_ONCE_P2: usize = 1;
const AT_ONCE_P3: usize = 16;

/// Instances of a worker.
const INSTANCES_MAX: usize = 1000;

/// Stores that a worker keeps ready.
const IDLE_STORES_MAX: usize = 64;

#[unsafe(no_mangle)]
extern "C" fn wasmelt_main_http_p2(program: &'static Program) -> ! {
    let slots = start::start_server(program, INSTANCES_MAX);
    serve(program, slots, guest::run_p2, (REUSE_P2, AT_ONCE_P2))
}

#[unsafe(no_mangle)]
extern "C" fn wasmelt_main_http_p2_tasks(program: &'static Program) -> ! {
    let slots = start::start_server(program, INSTANCES_MAX);
    let limits = (REUSE_P2, AT_ONCE_P2);
    serve(program, slots, guest::run_p2_tasks, limits)
}

#[unsafe(no_mangle)]
extern "C" fn wasmelt_main_http_p3(program: &'static Program) -> ! {
    let slots = start::start_server(program, INSTANCES_MAX);
    serve(program, slots, guest::run_p3, (REUSE_P3, AT_ONCE_P3))
}

fn serve(program: &'static Program, slots: usize, body: Body, (reuse, at_once): (u64, usize)) -> ! {
    trap::know_components();
    let settings = settings();
    if let Some(restrict) = process::hardening(program).and_then(|it| it.restrict) {
        process::name_files(settings.files());
        restrict(program);
    }
    let policy = process::http_policy();
    let offers = [policy.offer_http2, policy.offer_tls];
    offers.into_iter().flatten().for_each(|offer| offer());
    // What a program may take in all, each request of a server may.
    timeout::stop();
    let limit_ns = process::rare(program).map_or(0, |rare| rare.timeout_ns);
    let limits = Limits {
        requests: settings.reuse.unwrap_or(reuse),
        at_once: settings.at_once.filter(|_| at_once > 1).unwrap_or(at_once),
        idle_ns: settings.instance_idle_ns,
        request_ns: settings.timeout_ns.or((limit_ns > 0).then_some(limit_ns)),
        instances: slots.min(settings.requests_max),
    };
    before_exit(Leaving::First, exit);
    poll::drive();
    run(&settings, |number| {
        if settings.labels {
            labels::label_output(number);
        }
        let worker = Worker::new(&PROCESS, IDLE_STORES_MAX);
        Rc::new(Shared(Instances::new(worker, body, limits)))
    })
}

/// A guest that wants to exit ends itself, and not the server.
fn exit() {
    let text = [Piece::Text("the guest has called `exit`")];
    raise_with(TrapInfo::with_text(TrapCode::Interrupted, &text))
}

/// What the command line says; from then on it is empty.
fn settings() -> Settings {
    let baked = process::items(&process::http_policy().server_options);
    let baked = baked.iter().map(process::items);
    let words = baked.chain(process::args().skip(1));
    let asked = Settings::read(words, |name| {
        let value = variable(name.as_bytes())?;
        Some(String::from_utf8_lossy(value).into_owned())
    });
    match asked {
        Ok(Asked::Serve(settings)) => {
            process::forget_args();
            children::close_input();
            *settings
        }
        Ok(Asked::Help) => {
            let written = std::io::stdout().write_all(HELP.as_bytes());
            process::exit(if written.is_ok() { 0 } else { 1 })
        }
        Err(message) => {
            complain(&message);
            process::exit(2)
        }
    }
}
