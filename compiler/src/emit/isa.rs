//! Cranelift's settings, each with its reason.

use crate::options::{OptLevel, Options, RegisterAllocation};
use crate::plan::LinkPlan;
use crate::target::{Arch, System};
use cranelift_codegen::isa::{self, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use target_lexicon::Triple;

/// The code generator for the options' target.
///
/// # Panics
/// When Cranelift refuses a setting: a mistake in this file.
#[must_use]
pub fn target_isa(options: &Options) -> OwnedTargetIsa {
    isa(options, options.opt_level != OptLevel::None)
}

/// The same for code that a profile says is not run: not optimised, which is less work, and no more code if
/// registers are allocated as elsewhere.
///
/// # Panics
/// As for [`target_isa`].
#[must_use]
pub fn unused_isa(options: &Options) -> OwnedTargetIsa {
    if options.opt_level == OptLevel::SpeedAndSize {
        return isa(options, false);
    }
    let options = Options {
        opt_level: OptLevel::None,
        register_allocation: Some(options.registers()),
        ..options.clone()
    };
    isa(&options, false)
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
    // For developers who wait for the compiler: there is more code, and it is slower.
    if options.registers() == RegisterAllocation::SinglePass {
        set("regalloc_algorithm", "single_pass");
    }
    // Costs half of the compile time; tests switch it on.
    for checker in ["enable_verifier", "regalloc_checker"] {
        set(checker, if options.verify { "true" } else { "false" });
    }
    // Executables are static and not position independent.
    set("is_pic", "false");
    set("use_colocated_libcalls", "true");
    // Backtraces and exceptions walk frame pointers.
    set("preserve_frame_pointers", "true");
    set(
        "unwind_info",
        if options.debug_info.is_on() || options.follows_locals() {
            "true"
        } else {
            "false"
        },
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
    let target = options.target;
    let triple: Triple = target.triple.parse().expect("a known triple");
    let mut builder = isa::lookup(triple).expect("it is built in");
    let always: &[&str] = match target.arch {
        Arch::X86_64 | Arch::Aarch64 => &[],
        // Cranelift takes nothing of the target's name for granted.
        Arch::Riscv64 => &["has_zca", "has_zcd"],
    };
    let features = target.features(options.target_cpu, &options.target_features);
    for setting in features
        .iter()
        .map(|f| f.setting)
        .chain(always.iter().copied())
    {
        builder.enable(setting).expect("a feature of the target");
    }
    builder
        .finish(settings::Flags::new(flags))
        .expect("consistent settings")
}

/// Whether the object is one for other linkers, or for an executable that may be loaded anywhere. Those
/// for other systems than Linux take what others take.
#[must_use]
pub fn is_portable(options: &Options) -> bool {
    options.portable_object
        || options.position_independent
        || options.target.system != System::Linux
}

/// Whether the linker writes addresses into code, which lies below 2 GiB.
#[must_use]
pub fn holds_addresses(options: &Options, plan: &LinkPlan<'_>) -> bool {
    !is_portable(options) && !plan.is_library()
}

/// Whether values of 16 bytes are in registers of their own.
#[must_use]
pub fn has_vectors(options: &Options) -> bool {
    match options.target.arch {
        Arch::X86_64 | Arch::Aarch64 => true,
        Arch::Riscv64 => has(options, "v"),
    }
}

/// Whether there is an instruction that multiplies and adds.
#[must_use]
pub fn has_fma(options: &Options) -> bool {
    match options.target.arch {
        Arch::X86_64 => has(options, "fma"),
        Arch::Aarch64 | Arch::Riscv64 => true,
    }
}

fn has(options: &Options, name: &str) -> bool {
    let features = options
        .target
        .features(options.target_cpu, &options.target_features);
    features.iter().any(|feature| feature.name == name)
}
