//! The keys of `-O`, `-C` and `-D`: how code is made.

use std::path::PathBuf;

use wasmelt_compiler::{DebugInfo, OptLevel, Options, RegisterAllocation, Target, TargetCpu};
use wasmelt_linker::Strip;

use super::row::{Flag, Row, Settings};
use super::value::{Takes, Value};

/// The levels of `-O`, which may also stand alone behind it.
pub(super) const LEVELS: &[&str] = &["0", "1", "2", "3", "s"];

/// Of all targets.
const PROCESSORS: &[&str] = &[
    "native",
    "x86-64",
    "x86-64-v2",
    "x86-64-v3",
    "armv8-a",
    "armv8.1-a",
    "armv8.4-a",
    "rv64gc",
    "rva22u64",
    "rva23u64",
];

const ALLOCATIONS: &[&str] = &["scan", "backtracking", "single-pass"];

/// `-O inline`, where it is no number.
const INLINE: &[&str] = &["N"];

pub(crate) static OPTIMIZE: Flag = Flag {
    short: 'O',
    long: "optimize",
    rows: &[
        Row::apply(
            "opt-level",
            Takes::OneOf(LEVELS),
            "how much to optimize; `-O2` is short for `-O opt-level=2`, which is the default",
            opt_level,
        ),
        Row::apply(
            "inline",
            Takes::FlagOr(INLINE),
            "largest callee that is inlined, in values of CLIF; 0 for none",
            |settings, value| {
                settings.options.inline_values_max = match value.flag() {
                    Ok(inlines) => inline_values_max(inlines),
                    Err(_) => u32::try_from(value.number()?)
                        .map_err(|_| String::from("takes a number below 4294967296"))?,
                };
                Ok(())
            },
        ),
        Row::apply(
            "regalloc-algorithm",
            Takes::OneOf(ALLOCATIONS),
            "how registers are allocated: by our own allocator, by regalloc2, or quickly by our own",
            |settings, value| {
                let allocation = match value.word(ALLOCATIONS)? {
                    "scan" => RegisterAllocation::Scan,
                    "backtracking" => RegisterAllocation::Backtracking,
                    _ => RegisterAllocation::SinglePass,
                };
                settings.options.register_allocation = Some(allocation);
                Ok(())
            },
        ),
        Row::apply(
            "spill-cleanup",
            Takes::Flag,
            "remove loads and stores of the stack that change nothing, as is done unless it says \
             `n`; to find out whether a fault comes from that",
            |settings, value| {
                settings.options.spill_cleanup = value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "short-encodings",
            Takes::Flag,
            "encode instructions of x86-64 in as few bytes as they can be, as is done unless it \
             says `n`; to find out whether a fault comes from that",
            |settings, value| {
                settings.options.short_encodings = value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "loop-padding",
            Takes::Flag,
            "put instructions that do nothing in front of small loops on x86-64, so that each lies \
             in one line of the cache, as is done unless it says `n`; never with `-Os`",
            |settings, value| {
                settings.options.loop_padding = value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "branch-tables",
            Takes::Flag,
            "jump through tables with fewer instructions than Cranelift does, as is done unless it \
             says `n`; to find out whether a fault comes from that",
            |settings, value| {
                settings.options.branch_tables = value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "constant-fields",
            Takes::Flag,
            "find out what fields of garbage-collected objects can hold in the whole program, as is \
             done unless it says `n`: one that holds one value takes no room, and calls by \
             references become calls by name",
            |settings, value| {
                settings.options.constant_fields = value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "byte-loops",
            Takes::Flag,
            "look at several bytes at a time in loops that look for a byte, on x86-64 and AArch64, \
             as is done unless it says `n`; never with `-Os`",
            |settings, value| {
                settings.options.byte_loops = value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "simplify",
            Takes::Flag,
            "optimise by wasmelt's own means and not by Cranelift's e-graph, and then simplify \
             conditions that a branch has decided, masks that take nothing away, values that are \
             carried where they do not change, loop-carried values that differ by a constant, and \
             what does not change in a loop, as is done unless it says `n`; to find out whether a \
             fault comes from that",
            |settings, value| {
                settings.options.simplify = value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "byte-order",
            Takes::Flag,
            "load numbers at once whose bytes are loaded one by one, as in files with the highest byte \
             first, on x86-64 and AArch64, as is done unless it says `n`; to find out whether a \
             fault comes from that",
            |settings, value| {
                settings.options.byte_order = value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "jump-threading",
            Takes::Flag,
            "go straight from where the state of a state machine is set to what is done in it, as is \
             done unless it says `n`; never with `-Os`",
            |settings, value| {
                settings.options.jump_threading = value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "memory-reservation",
            Takes::Bytes,
            "address space of each memory; with less than its indices reach, bounds are checked \
             in code and it never grows beyond it, so that the program runs where address space \
             is limited",
            |settings, value| {
                settings.options.memory_reservation_bytes = Some(value.bytes()?);
                Ok(())
            },
        ),
        Row::refused(
            "static-memory-maximum-size",
            Takes::Bytes,
            "it is called `-O memory-reservation`",
        ),
        Row::always("memory-init-cow"),
        Row::engine("memory-may-move", Takes::Flag),
        Row::engine("memory-reservation-for-growth", Takes::Bytes),
        Row::engine("memory-guard-size", Takes::Bytes),
        Row::engine("memory-guaranteed-dense-image-size", Takes::Bytes),
        Row::engine("guard-before-linear-memory", Takes::Flag),
        Row::engine("table-lazy-init", Takes::Flag),
        Row::engine("signals-based-traps", Takes::Flag),
        Row::engine("dynamic-memory-guard-size", Takes::Bytes),
        Row::engine("dynamic-memory-reserved-for-growth", Takes::Bytes),
        Row::engine("static-memory-guard-size", Takes::Bytes),
        Row::engine("static-memory-forced", Takes::Flag),
        Row::engine("gc-heap-may-move", Takes::Flag),
        Row::engine("gc-heap-*", Takes::Bytes),
        Row::engine("gc-zeal-alloc-counter", Takes::Number),
        Row::engine("pooling-allocator", Takes::Flag),
        Row::engine("pooling-memory-protection-keys", Takes::FlagOr(&["auto"])),
        Row::engine("pooling-pagemap-scan", Takes::FlagOr(&["auto"])),
        Row::engine("pooling-*", Takes::Bytes),
    ],
};

pub(crate) static CODEGEN: Flag = Flag {
    short: 'C',
    long: "codegen",
    rows: &[
        Row::apply(
            "target-cpu",
            Takes::OneOf(PROCESSORS),
            "the oldest processors that the code has to run on; `wasmelt targets` lists them",
            |settings, value| {
                settings.options.target_cpu = processor(settings.options.target, value)?;
                Ok(())
            },
        ),
        Row::apply(
            "target-feature",
            Takes::Text("+NAME|-NAME"),
            "something that the code may use or not, whatever `target-cpu` says; once for each",
            |settings, value| {
                let feature = feature(settings.options.target, value)?;
                settings.options.target_features.push(feature);
                Ok(())
            },
        ),
        Row::apply(
            "strip",
            Takes::OneOf(&["none", "symbols"]),
            "leave the symbols out of the executable, or have those of the runtime library in it too",
            |settings, value| {
                settings.strip = Some(match value.word(&["none", "symbols"])? {
                    "symbols" => Strip::Symbols,
                    _ => Strip::None,
                });
                Ok(())
            },
        ),
        Row::apply(
            "pie",
            Takes::Flag,
            "have an executable for Linux loaded at another address each time (ASLR), as those for other \
             systems are; it has a runtime pack of its own: `wasmelt targets`",
            |settings, value| {
                settings.options.position_independent = value.flag()?;
                Ok(())
            },
        ),
        Row::apply("opt-level", Takes::OneOf(LEVELS), "as `-O`", opt_level),
        Row::apply(
            "inlining",
            Takes::FlagOr(&["gc", "inter-module", "intrinsics"]),
            "whether small callees are inlined",
            |settings, value| {
                settings.options.inline_values_max =
                    inline_values_max(value.flag().unwrap_or(true));
                Ok(())
            },
        ),
        Row::apply(
            "cranelift-debug-verifier",
            Takes::Flag,
            "check the code between steps of its making",
            |settings, value| {
                settings.options.verify = value.flag()?;
                Ok(())
            },
        ),
        Row::always("parallel-compilation"),
        Row::engine("compiler", Takes::OneOf(&["cranelift", "winch"])),
        Row::engine("collector", Takes::OneOf(&["drc", "null", "copying"])),
        Row::engine("cache", Takes::Flag),
        Row::engine("cache-config", Takes::Text("FILE")),
        Row::engine("native-unwind-info", Takes::Flag),
        Row::engine("metadata-for-internal-asserts", Takes::Flag),
        Row::engine("metadata-for-gc-heap-corruption", Takes::Flag),
        Row::engine("cranelift-*", Takes::Text("VALUE")),
    ],
};

pub(crate) static DEBUG: Flag = Flag {
    short: 'D',
    long: "debug",
    rows: &[
        Row::apply(
            "debug-info",
            Takes::FlagOr(&["line-tables", "full"]),
            "as `-g`: backtraces with offsets and lines; DWARF for debuggers",
            |settings, value| {
                let words = &["line-tables", "full"];
                settings.options.debug_info = match value.word(words) {
                    Ok("line-tables") => DebugInfo::Lines,
                    Ok(_) => DebugInfo::Full,
                    Err(_) if value.flag()? => DebugInfo::Full,
                    Err(_) => DebugInfo::None,
                };
                Ok(())
            },
        ),
        Row::apply(
            "coredump",
            Takes::TextOrNone("FILE"),
            "write a core dump of WebAssembly when the program traps; by default to the output's name \
             with `.coredump`, in the working directory",
            |settings, value| {
                let path = match value.0 {
                    None => "",
                    Some(_) => value.text()?,
                };
                if path.contains(['%', '\0']) {
                    return Err(String::from(
                        "takes the path of a file as it is: patterns with `%` mean nothing",
                    ));
                }
                settings.options.on_trap.core_dump = Some(PathBuf::from(path));
                Ok(())
            },
        ),
        Row::apply(
            "abort",
            Takes::Flag,
            "end by the signal of an abort when the program traps, so that the system may write a core \
             dump of the process",
            |settings, value| {
                settings.options.on_trap.aborts = value.flag()?;
                Ok(())
            },
        ),
        Row::always("symbols"),
        Row::engine("address-map", Takes::Flag),
        Row::engine("logging", Takes::Flag),
        Row::engine("log-to-files", Takes::Flag),
        Row::engine("guest-debug", Takes::Flag),
        Row::engine("debugger", Takes::Text("FILE")),
        Row::engine("arg", Takes::Text("ARG")),
        Row::engine("inherit-stdin", Takes::Flag),
        Row::engine("inherit-stdout", Takes::Flag),
        Row::engine("inherit-stderr", Takes::Flag),
        Row::engine("max-backtrace", Takes::Number),
    ],
};

fn processor(target: &'static Target, value: Value<'_>) -> Result<TargetCpu, String> {
    let name = value.word(PROCESSORS)?;
    if name == "native" {
        return match target == Target::host() {
            true => Ok(TargetCpu::Native),
            false => Err(format!("means this machine, which is no {}", target.name)),
        };
    }
    if target.level(name).is_none() {
        let levels = target.levels.iter().map(|level| level.name);
        return Err(not_of(target, levels));
    }
    Ok(TargetCpu::Level(name))
}

fn feature(target: &'static Target, value: Value<'_>) -> Result<(&'static str, bool), String> {
    let text = value.text()?;
    let (name, is_on) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(name), _) => (name, true),
        (_, Some(name)) => (name, false),
        _ => return Err(String::from("takes `+NAME` or `-NAME`")),
    };
    match target.feature(name) {
        Some(feature) => Ok((feature.name, is_on)),
        None => Err(not_of(target, target.features.iter().map(|f| f.name))),
    }
}

fn not_of(target: &Target, known: impl Iterator<Item = &'static str>) -> String {
    let known: Vec<String> = known.map(|name| format!("`{name}`")).collect();
    format!("takes for {}: {}", target.name, known.join(", "))
}

pub(super) fn opt_level(settings: &mut Settings, value: Value<'_>) -> Result<(), String> {
    // `z` is the `s` of other compilers.
    let level = match value.0 {
        Some("z") => "s",
        _ => value.word(LEVELS)?,
    };
    settings.options.opt_level = match level {
        "0" => OptLevel::None,
        "s" => OptLevel::SpeedAndSize,
        _ => OptLevel::Speed,
    };
    Ok(())
}

fn inline_values_max(inlines: bool) -> u32 {
    match inlines {
        true => Options::default().inline_values_max,
        false => 0,
    }
}
