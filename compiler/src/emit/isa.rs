//! Cranelift's settings, each with its reason.

use crate::options::{OptLevel, Options, TargetCpu};
use cranelift_codegen::isa::{self, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use target_lexicon::Triple;

/// The code generator for the options' target.
///
/// # Panics
/// When Cranelift refuses a setting: a mistake in this file.
#[must_use]
pub fn target_isa(options: &Options) -> OwnedTargetIsa {
    isa(options, true)
}

/// The same, without telling where blocks begin: for each edge of a jump table that has a block of
/// its own, Cranelift looks through all those before it again.
///
/// # Panics
/// As for [`target_isa`].
#[must_use]
pub fn jump_table_isa(options: &Options) -> OwnedTargetIsa {
    isa(options, false)
}

fn isa(options: &Options, block_starts: bool) -> OwnedTargetIsa {
    let mut flags = settings::builder();
    let mut set = |name, value| flags.set(name, value).expect("a setting of Cranelift");
    set(
        "opt_level",
        match options.opt_level {
            OptLevel::None => "none",
            OptLevel::Speed => "speed",
            OptLevel::SpeedAndSize => "speed_and_size",
        },
    );
    // Costs half of the compile time; tests switch it on.
    set(
        "enable_verifier",
        if options.verify { "true" } else { "false" },
    );
    // Executables are static and not position independent.
    set("is_pic", "false");
    set("use_colocated_libcalls", "true");
    // Backtraces and exceptions walk frame pointers.
    set("preserve_frame_pointers", "true");
    set(
        "unwind_info",
        if options.debug_info { "true" } else { "false" },
    );
    if options.nan_canonicalization {
        set("enable_nan_canonicalization", "true");
    }
    // A frame larger than the guard page must not step over it.
    set("enable_probestack", "true");
    set("probestack_strategy", "inline");
    // Functions may have more results than there are registers for them.
    set("enable_multi_ret_implicit_sret", "true");
    // Where blocks begin: `alignment` decides by it where functions do.
    set(
        "machine_code_cfg_info",
        if block_starts { "true" } else { "false" },
    );
    let triple: Triple = "x86_64-unknown-linux-musl".parse().expect("a known triple");
    let mut builder = isa::lookup(triple).expect("x86-64 is built in");
    for feature in features(options.target_cpu) {
        builder.enable(feature).expect("a feature of x86-64");
    }
    builder
        .finish(settings::Flags::new(flags))
        .expect("consistent settings")
}

/// What each level of the x86-64 psABI brings beyond the one before.
const V2: [&str; 6] = [
    "has_sse3",
    "has_ssse3",
    "has_sse41",
    "has_sse42",
    "has_popcnt",
    "has_cmpxchg16b",
];
const V3: [&str; 6] = [
    "has_avx",
    "has_avx2",
    "has_fma",
    "has_bmi1",
    "has_bmi2",
    "has_lzcnt",
];

fn features(cpu: TargetCpu) -> Vec<&'static str> {
    match cpu {
        TargetCpu::X86_64V1 => Vec::new(),
        TargetCpu::X86_64V2 => V2.to_vec(),
        TargetCpu::X86_64V3 => [V2, V3].concat(),
        TargetCpu::Native => native_features(),
    }
}

#[cfg(target_arch = "x86_64")]
fn native_features() -> Vec<&'static str> {
    macro_rules! detected {
        ($($name:tt => $feature:literal),* $(,)?) => {{
            let mut features = Vec::new();
            $( if std::arch::is_x86_feature_detected!($name) { features.push($feature); } )*
            features
        }};
    }
    detected! {
        "sse3" => "has_sse3",
        "ssse3" => "has_ssse3",
        "sse4.1" => "has_sse41",
        "sse4.2" => "has_sse42",
        "popcnt" => "has_popcnt",
        "cmpxchg16b" => "has_cmpxchg16b",
        "avx" => "has_avx",
        "avx2" => "has_avx2",
        "fma" => "has_fma",
        "bmi1" => "has_bmi1",
        "bmi2" => "has_bmi2",
        "lzcnt" => "has_lzcnt",
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn native_features() -> Vec<&'static str> {
    V2.to_vec()
}
