//! What an executable may do, as text in a section of it that nothing loads.
//!
//! The section is for people and for `inspect`; what the program is really held to is data that
//! the compiler writes from the same options.

use std::fmt::Write;

use object::{Object, ObjectSection};
use wasmelt_compiler::{
    Entry, Externs, LogLevel, OptLevel, Options, POLICY_SECTION, Policy, Protocols, TargetCpu,
};
use wasmelt_linker::PE_NOTE_SECTION;

/// The text for an executable made with `options`: a word and its value a line, texts quoted. Made
/// of a component, it also has what that imports and exports.
pub(crate) fn text(options: &Options, component: Option<&Externs>) -> String {
    let mut text = format!("wasmelt {}\n", env!("CARGO_PKG_VERSION"));
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<14} {value}");
    };
    line("program", &quoted(&options.name));
    line(
        "entry",
        &match &options.entry {
            Entry::Command | Entry::CommandOrLibrary | Entry::Serve => match handler(component) {
                Some(name) => name.to_owned(),
                None => command(component).to_owned(),
            },
            Entry::Run => command(component).to_owned(),
            Entry::Library => "none".to_owned(),
            Entry::Invoke(name) => quoted(name),
        },
    );
    match options.protocols {
        Protocols { tls: true, .. } => line("protocols", "HTTP/1.1, HTTP/2, TLS"),
        Protocols { http2: true, .. } => line("protocols", "HTTP/1.1, HTTP/2"),
        _ => {}
    }
    for option in &options.server {
        line("server", option);
    }
    line(
        "processor",
        match options.target_cpu {
            TargetCpu::Default => options.target.default_level().name,
            TargetCpu::Level(name) => name,
            TargetCpu::Native => "that of the machine it was built on",
        },
    );
    for &(name, is_on) in &options.target_features {
        line(
            "feature",
            &format!("{}{name}", if is_on { '+' } else { '-' }),
        );
    }
    line(
        "optimized for",
        match options.opt_level {
            OptLevel::None => "nothing",
            OptLevel::Speed => "speed",
            OptLevel::SpeedAndSize => "speed and size",
        },
    );
    if let Some(bytes) = options.memory_bytes_max {
        line("memory", &format!("at most {bytes} bytes"));
    }
    if let Some(bytes) = options.stack_bytes_max {
        line("stack", &format!("at most {bytes} bytes"));
    }
    if let Some(path) = &options.on_trap.core_dump {
        line("core dump", &quoted(&path.to_string_lossy()));
    }
    if options.on_trap.aborts {
        line("traps", "abort the process");
    }
    grants(options, &mut line);
    if let Some(component) = component {
        for name in &component.exports {
            line("export", &quoted(name));
        }
        for name in &component.imports {
            line("import", &quoted(name));
        }
    }
    text
}

/// Whether the executable is a server.
pub(crate) fn is_server(options: &Options, component: Option<&Externs>) -> bool {
    let may_be = match options.entry {
        Entry::Command | Entry::CommandOrLibrary | Entry::Serve => true,
        Entry::Run | Entry::Library | Entry::Invoke(_) => false,
    };
    may_be && handler(component).is_some()
}

/// What a server is entered by, if it is one.
fn handler(component: Option<&Externs>) -> Option<&str> {
    const HANDLERS: [&str; 2] = ["wasi:http/handler@0.3.", "wasi:http/incoming-handler@0.2."];
    let exports = &component?.exports;
    let found = HANDLERS.iter().find_map(|handler| {
        let is_handler = |name: &&String| name.starts_with(handler);
        exports.iter().find(is_handler)
    });
    found.map(|name| &**name)
}

/// What a command is entered by.
fn command(component: Option<&Externs>) -> &str {
    const RUN: &str = "wasi:cli/run";
    let Some(component) = component else {
        return "_start";
    };
    let is_run = |name: &&String| name.split('@').next() == Some(RUN);
    component
        .exports
        .iter()
        .find(is_run)
        .map_or(RUN, |name| name)
}

fn grants(options: &Options, line: &mut impl FnMut(&str, &str)) {
    let policy = &options.policy;
    if let Some(name) = &policy.argv0 {
        line("argv[0]", &quoted(name));
    }
    for argument in &policy.args {
        line("argument", &quoted(argument));
    }
    for dir in &policy.dirs {
        let mut value = quoted(&dir.host.to_string_lossy());
        if dir.host.as_os_str() != dir.guest.as_str() {
            let _ = write!(value, " as {}", quoted(&dir.guest));
        }
        if dir.read_only {
            value.push_str(", for reading");
        }
        if dir.optional {
            value.push_str(", if it exists");
        }
        line("directory", &value);
    }
    if policy.dirs.is_empty() {
        line("directory", "none");
    }
    for embedded in &policy.embedded {
        let (files, bytes) = embedded.tree.count();
        let files = match files {
            1 => String::from("1 file"),
            files => format!("{files} files"),
        };
        let value = format!("{}, {files}, {bytes} bytes", quoted(&embedded.guest));
        line("embedded", &value);
    }
    if policy.compress_embedded {
        line("embedded", "compressed");
    }
    if policy.inherit_env {
        line("environment", "everything");
    }
    for variable in &policy.env {
        match &variable.value {
            Some(value) => line(
                "environment",
                &format!("{}={}", variable.name, quoted(value)),
            ),
            None => line("environment", &variable.name),
        }
    }
    if !policy.inherit_env && policy.env.is_empty() {
        line("environment", "none");
    }
    let sockets = match (policy.no_tcp, policy.no_udp) {
        (false, false) => "everything",
        (false, true) => "TCP",
        (true, false) => "UDP",
        (true, true) => "no sockets",
    };
    let network = match (policy.inherit_network, policy.allow_ip_name_lookup) {
        (true, true) => format!("{sockets}, with names"),
        (true, false) => format!("{sockets}, without names"),
        (false, true) => String::from("names"),
        (false, false) => String::from("none"),
    };
    line("network", &network);
    if !policy.http_hosts.is_empty() {
        line("http", &format!("to {}", policy.http_hosts.join(", ")));
    } else if policy.http {
        line("http", "to anybody");
    }
    if options.tls {
        line("unstable", "wasi:tls");
    }
    drafts(policy, line);
    restrictions(policy, line);
}

/// What drafts of WASI give.
fn drafts(policy: &Policy, line: &mut impl FnMut(&str, &str)) {
    let variables = policy.config.iter().map(|variable| ("config", variable));
    let pairs = policy.keyvalue.pairs.iter().map(|pair| ("pair", pair));
    for (name, variable) in variables.chain(pairs) {
        match &variable.value {
            Some(value) => line(name, &format!("{}={}", variable.name, quoted(value))),
            None => line(name, &variable.name),
        }
    }
    for bucket in &policy.keyvalue.buckets {
        line("bucket", &quoted(bucket));
    }
    if let Some(file) = &policy.keyvalue.file {
        line("keyvalue", &format!("in {}", quoted(file)));
    }
    if let Some(dir) = &policy.blobstore_dir {
        line("blobstore", &format!("in {}", quoted(dir)));
    }
    if policy.log.level != LogLevel::default() {
        let level = format!("{:?}", policy.log.level).to_lowercase();
        line("logging", &format!("from {level} on"));
    }
    if policy.log.is_json {
        line("log lines", "JSON");
    }
}

/// What few programs have.
fn restrictions(policy: &Policy, line: &mut impl FnMut(&str, &str)) {
    let withheld = policy.withheld_streams;
    let streams = [
        ("input", withheld.stdin),
        ("output", withheld.stdout),
        ("error output", withheld.stderr),
    ];
    for (name, is_withheld) in streams {
        if is_withheld {
            line(name, "none");
        }
    }
    if policy.is_hardened {
        line("hardened", "by the kernel, where it can");
    }
    if let Some(timeout) = policy.timeout {
        line("time", &format!("at most {timeout:?}"));
    }
    if let Some(bytes) = policy.random_bytes_max {
        line("random", &format!("at most {bytes} bytes at once"));
    }
    if let Some(cwd) = &policy.cwd {
        line("working in", &quoted(cwd));
    }
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}

/// The text in an executable made by wasmelt; none when it is no such thing.
pub(crate) fn of_executable(bytes: &[u8]) -> Option<String> {
    let file = object::File::parse(bytes).ok()?;
    // Sections of executables for Windows and macOS have short names.
    let section = file.section_by_name(POLICY_SECTION);
    let section = section.or_else(|| file.section_by_name(PE_NOTE_SECTION))?;
    let data = section.data().ok()?;
    Some(String::from_utf8_lossy(data).into_owned())
}
