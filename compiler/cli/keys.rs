//! The `key[=value]` lists of `-O`, `-C`, `-D`, `-W` and `-S`: one table a flag.
//!
//! Keys have the names and meanings that they have in `wasmtime`. A key that only an engine can
//! have is accepted with a note, so that a `wasmtime run` line keeps working; one that would limit
//! what a program may do, and that an executable cannot honour, is an error.

use wasmelt_compiler::{Gate, OptLevel, Options, TargetCpu};

/// What lists of keys decide.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) options: Options,
    pub(crate) strip: bool,
    /// Keys that were accepted and do nothing, as the user wrote them.
    pub(crate) ignored: Vec<String>,
}

/// What a key does.
enum Effect {
    Apply(fn(&mut Settings, Value<'_>) -> Result<(), String>),
    /// Part of every executable: only switching it off is worth a note.
    Always,
    /// Part of every executable, and cannot be taken from it; what would be.
    Kept(&'static str),
    /// Means something to an engine only.
    Engine,
    /// Cannot be honoured; why.
    Refused(&'static str),
}
use Effect::{Always, Apply, Engine, Kept, Refused};

/// A key, or the beginning of keys where it ends in `*`.
type Row = (&'static str, Effect);

/// Text after `=`, if any.
#[derive(Clone, Copy, Debug)]
struct Value<'a>(Option<&'a str>);

impl Value<'_> {
    /// Absent means yes, as in `-S inherit-env`.
    fn flag(self) -> Result<bool, String> {
        match self.0 {
            None | Some("y" | "yes" | "true") => Ok(true),
            Some("n" | "no" | "false") => Ok(false),
            Some(_) => Err(String::from("takes `y` or `n`")),
        }
    }

    fn text(&self) -> Result<&str, String> {
        match self.0 {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(String::from("needs a value")),
        }
    }

    /// Bytes, with an optional `K`, `M` or `G` of 1024.
    fn bytes(self) -> Result<u64, String> {
        let text = self.text()?;
        let (digits, shift) = match text.as_bytes()[text.len() - 1] {
            b'k' | b'K' => (&text[..text.len() - 1], 10),
            b'm' | b'M' => (&text[..text.len() - 1], 20),
            b'g' | b'G' => (&text[..text.len() - 1], 30),
            _ => (text, 0),
        };
        let number = digits.parse::<u64>().ok();
        number
            .and_then(|number| number.checked_mul(1 << shift))
            .ok_or_else(|| String::from("takes a number of bytes, such as `65536` or `64M`"))
    }
}

/// Compiled code needs this much to get anywhere.
const STACK_BYTES_MIN: u64 = 1 << 14;

static OPTIMIZE: &[Row] = &[
    ("opt-level", Apply(opt_level)),
    (
        "inline",
        Apply(|settings, value| {
            settings.options.inline_values_max = match value.0 {
                None | Some("y" | "yes" | "true") => Options::default().inline_values_max,
                Some("n" | "no" | "false") => 0,
                Some(number) => number.parse().map_err(|_| String::from("takes a number"))?,
            };
            Ok(())
        }),
    ),
    (
        "memory-reservation",
        Apply(|settings, value| {
            settings.options.memory_reservation_bytes = Some(value.bytes()?);
            Ok(())
        }),
    ),
    (
        "static-memory-maximum-size",
        Refused("it is called `-O memory-reservation`"),
    ),
    ("memory-init-cow", Always),
    ("memory-may-move", Engine),
    ("memory-reservation-for-growth", Engine),
    ("memory-guard-size", Engine),
    ("memory-guaranteed-dense-image-size", Engine),
    ("guard-before-linear-memory", Engine),
    ("table-lazy-init", Engine),
    ("signals-based-traps", Engine),
    ("regalloc-algorithm", Engine),
    ("dynamic-memory-*", Engine),
    ("static-memory-*", Engine),
    ("gc-*", Engine),
    ("pooling-*", Engine),
];

static CODEGEN: &[Row] = &[
    (
        "target-cpu",
        Apply(|settings, value| {
            settings.options.target_cpu = match value.text()? {
                "x86-64" | "x86-64-v1" => TargetCpu::X86_64V1,
                "x86-64-v2" => TargetCpu::X86_64V2,
                "x86-64-v3" => TargetCpu::X86_64V3,
                "native" => TargetCpu::Native,
                _ => return Err(one_of("`x86-64`, `x86-64-v2`, `x86-64-v3` or `native`")),
            };
            Ok(())
        }),
    ),
    (
        "strip",
        Apply(|settings, value| {
            settings.strip = match value.text()? {
                "none" => false,
                "symbols" => true,
                _ => return Err(one_of("`none` or `symbols`")),
            };
            Ok(())
        }),
    ),
    ("opt-level", Apply(opt_level)),
    (
        "inlining",
        Apply(|settings, value| {
            let inlines = value.flag().unwrap_or(true);
            settings.options.inline_values_max = if inlines {
                Options::default().inline_values_max
            } else {
                0
            };
            Ok(())
        }),
    ),
    (
        "cranelift-debug-verifier",
        Apply(|settings, value| {
            settings.options.verify = value.flag()?;
            Ok(())
        }),
    ),
    ("parallel-compilation", Always),
    ("compiler", Engine),
    ("collector", Engine),
    ("cache", Engine),
    ("cache-config", Engine),
    ("native-unwind-info", Engine),
    ("metadata-for-*", Engine),
    ("cranelift-*", Engine),
];

static DEBUG: &[Row] = &[
    (
        "debug-info",
        Apply(|settings, value| {
            settings.options.debug_info = value.flag()?;
            Ok(())
        }),
    ),
    ("address-map", Engine),
    ("symbols", Always),
    ("logging", Engine),
    ("log-to-files", Engine),
    ("coredump", Engine),
    ("guest-debug", Engine),
    ("debugger", Engine),
    ("arg", Engine),
    ("inherit-*", Engine),
    ("max-backtrace", Engine),
];

static WASM: &[Row] = &[
    (
        "max-memory-size",
        Apply(|settings, value| {
            settings.options.memory_bytes_max = Some(value.bytes()?);
            Ok(())
        }),
    ),
    (
        "max-wasm-stack",
        Apply(|settings, value| {
            let bytes = value.bytes()?;
            if bytes < STACK_BYTES_MIN {
                return Err(format!("is at least {STACK_BYTES_MIN}"));
            }
            settings.options.stack_bytes_max = Some(bytes);
            Ok(())
        }),
    ),
    (
        "unknown-imports-trap",
        Apply(|settings, value| {
            settings.options.unknown_imports_trap = value.flag()?;
            Ok(())
        }),
    ),
    ("unknown-exports-allow", Always),
    (
        "unknown-imports-default",
        Refused("imports can trap: `-W unknown-imports-trap`"),
    ),
    (
        "fuel",
        Refused("an executable counts no fuel; limit it from outside: `ulimit -t`"),
    ),
    (
        "timeout",
        Refused("an executable has no timeout; limit it from outside: `timeout 5s app`"),
    ),
    (
        "max-table-elements",
        Refused("only the size of memories can be limited"),
    ),
    (
        "max-instances",
        Refused("only the size of memories can be limited"),
    ),
    (
        "max-tables",
        Refused("only the size of memories can be limited"),
    ),
    (
        "max-memories",
        Refused("only the size of memories can be limited"),
    ),
    (
        "trap-on-grow-failure",
        Refused("`memory.grow` returns -1 when it fails"),
    ),
    (
        "nan-canonicalization",
        Refused("the bits of NaN results are those of the processor"),
    ),
    ("relaxed-simd-deterministic", Refused("it is not supported")),
    ("wmemcheck", Refused("it is not supported")),
    ("epoch-interruption", Engine),
    ("async-stack-*", Engine),
    ("gc-support", Engine),
    ("concurrency-support", Engine),
    ("all-proposals", Always),
    ("bulk-memory", Always),
    ("multi-memory", Always),
    ("multi-value", Always),
    ("reference-types", Always),
    ("simd", Always),
    ("relaxed-simd", Always),
    ("tail-call", Always),
    ("threads", Always),
    ("shared-memory", Always),
    ("shared-everything-threads", Always),
    ("memory64", Always),
    (
        "component-model-fixed-length-lists",
        Apply(|settings, value| gate(settings, value, Gate::FixedLengthLists)),
    ),
    (
        "component-model-async-stackful",
        Apply(|settings, value| gate(settings, value, Gate::AsyncStackful)),
    ),
    (
        "component-model-more-async-builtins",
        Apply(|settings, value| gate(settings, value, Gate::MoreAsyncBuiltins)),
    ),
    (
        "component-model-threading",
        Apply(|settings, value| gate(settings, value, Gate::Threading)),
    ),
    (
        "component-model-error-context",
        Apply(|settings, value| gate(settings, value, Gate::ErrorContext)),
    ),
    (
        "component-model-memory64",
        Apply(|settings, value| gate(settings, value, Gate::Memory64)),
    ),
    ("component-model*", Always),
    ("function-references", Always),
    ("stack-switching", Always),
    ("gc", Always),
    ("custom-page-sizes", Always),
    ("wide-arithmetic", Always),
    ("branch-hinting", Always),
    ("extended-const", Always),
    ("exceptions", Always),
];

static WASI: &[Row] = &[
    (
        "inherit-env",
        Apply(|settings, value| {
            settings.options.policy.inherit_env = value.flag()?;
            Ok(())
        }),
    ),
    (
        "inherit-network",
        Apply(|settings, value| {
            settings.options.policy.inherit_network = value.flag()?;
            Ok(())
        }),
    ),
    (
        "allow-ip-name-lookup",
        Apply(|settings, value| {
            settings.options.policy.allow_ip_name_lookup = value.flag()?;
            Ok(())
        }),
    ),
    (
        "clocks-timezone",
        Apply(|settings, value| {
            settings.options.clocks_timezone = value.flag()?;
            Ok(())
        }),
    ),
    ("inherit-stdin", Apply(standard_stream)),
    ("inherit-stdout", Apply(standard_stream)),
    ("inherit-stderr", Apply(standard_stream)),
    (
        "tcplisten",
        Refused("listening sockets cannot be passed in yet"),
    ),
    (
        "listenfd",
        Refused("listening sockets cannot be passed in yet"),
    ),
    ("cli", Always),
    ("common", Always),
    ("preview0", Always),
    ("preview2", Engine),
    (
        "tcp",
        Kept("the network is granted as a whole: leave out `-S inherit-network`"),
    ),
    (
        "udp",
        Kept("the network is granted as a whole: leave out `-S inherit-network`"),
    ),
    ("p3", Engine),
    ("http", Engine),
    ("tls", Engine),
    ("threads", Engine),
    ("nn", Engine),
    ("nn-graph", Engine),
    ("config", Engine),
    ("config-var", Engine),
    ("keyvalue", Engine),
    ("keyvalue-in-memory-data", Engine),
    ("cli-exit-with-code", Always),
    ("network-error-code", Always),
    ("http-outgoing-*", Engine),
    ("max-*", Engine),
    ("hostcall-fuel", Engine),
    (
        "cwd",
        Refused("the program starts in the directory where it is run"),
    ),
];

/// The lists of one command line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lists<'a> {
    pub(crate) optimize: &'a [String],
    pub(crate) codegen: &'a [String],
    pub(crate) debug: &'a [String],
    pub(crate) wasm: &'a [String],
    pub(crate) wasi: &'a [String],
}

/// Why a list is not understood, and what would be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct KeyError {
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

/// Applies all lists to `settings`; later keys win.
pub(crate) fn apply(settings: &mut Settings, lists: Lists<'_>) -> Result<(), KeyError> {
    for list in lists.optimize {
        // `-O2` is a level; `-O opt-level=2` and `-O inline` are keys.
        if !list.contains('=') && opt_level(settings, Value(Some(list))).is_ok() {
            continue;
        }
        apply_list(settings, 'O', OPTIMIZE, list)?;
    }
    let rest = [
        ('C', CODEGEN, lists.codegen),
        ('D', DEBUG, lists.debug),
        ('W', WASM, lists.wasm),
        ('S', WASI, lists.wasi),
    ];
    for (flag, rows, values) in rest {
        for list in values {
            apply_list(settings, flag, rows, list)?;
        }
    }
    Ok(())
}

fn apply_list(
    settings: &mut Settings,
    flag: char,
    rows: &[Row],
    list: &str,
) -> Result<(), KeyError> {
    for item in list.split(',').filter(|item| !item.is_empty()) {
        let (key, value) = match item.split_once('=') {
            Some((key, value)) => (key, Value(Some(value))),
            None => (item, Value(None)),
        };
        // `wasmtime` reads `_` as `-`.
        let name = key.replace('_', "-");
        let Some((_, effect)) = rows.iter().find(|(row, _)| matches(row, &name)) else {
            return Err(unknown_key(flag, rows, key));
        };
        let ignored = match effect {
            Apply(apply) => {
                apply(settings, value).map_err(|reason| KeyError {
                    message: format!("`-{flag} {item}`: `{name}` {reason}"),
                    help: None,
                })?;
                false
            }
            Always => value.0.is_some() && value.flag() != Ok(true),
            Kept(reason) if value.flag() != Ok(true) => {
                return Err(KeyError {
                    message: format!("`-{flag} {item}` cannot be honoured"),
                    help: Some((*reason).to_owned()),
                });
            }
            Kept(_) => false,
            Engine => value.flag() != Ok(false),
            Refused(reason) if value.flag() != Ok(false) => {
                return Err(KeyError {
                    message: format!("`-{flag} {item}` cannot be honoured"),
                    help: Some((*reason).to_owned()),
                });
            }
            Refused(_) => false,
        };
        if ignored {
            settings.ignored.push(format!("-{flag} {item}"));
        }
    }
    Ok(())
}

/// Whether `row` names the key, or its beginning.
fn matches(row: &str, key: &str) -> bool {
    match row.strip_suffix('*') {
        Some(beginning) => key.starts_with(beginning),
        None => row == key,
    }
}

fn unknown_key(flag: char, rows: &[Row], key: &str) -> KeyError {
    let known: Vec<String> = rows
        .iter()
        .filter(|(_, effect)| matches!(effect, Apply(_)))
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    KeyError {
        message: format!("unknown key `{key}` for `-{flag}`"),
        help: Some(format!("it takes {}", known.join(", "))),
    }
}

fn opt_level(settings: &mut Settings, value: Value<'_>) -> Result<(), String> {
    settings.options.opt_level = match value.text()? {
        "0" => OptLevel::None,
        "1" | "2" | "3" => OptLevel::Speed,
        "s" | "z" => OptLevel::SpeedAndSize,
        _ => return Err(one_of("`0`, `1`, `2`, `3` or `s`")),
    };
    Ok(())
}

fn gate(settings: &mut Settings, value: Value<'_>, gate: Gate) -> Result<(), String> {
    if value.flag()? {
        settings.options.gates.insert(gate);
    } else {
        settings.options.gates.remove(&gate);
    }
    Ok(())
}

fn standard_stream(_: &mut Settings, value: Value<'_>) -> Result<(), String> {
    if value.flag()? {
        return Ok(());
    }
    Err(String::from(
        "cannot be switched off; redirect the stream instead",
    ))
}

fn one_of(values: &str) -> String {
    format!("is one of {values}")
}
