//! What is done to CLIF before Cranelift's optimisation, and between that and its lowering. Comes in: CLIF as it was
//! translated, and optimised CLIF. Goes out: CLIF that is to be optimised, or to be lowered as it is. Which passes
//! there are is up to the options and the target.

use super::inlined::Inlined;
use super::survey::Survey;
use super::{branch_tables, byte_order, copies, jump_threading, loops, values};
use crate::options::{OptLevel, Options};
use crate::target::Arch;
use cranelift_codegen::entity::EntityRef;
use cranelift_codegen::ir::Value;
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::{CodegenResult, Context, settings};

/// Improves an optimised function.
pub fn improve(context: &mut Context, options: &Options) {
    let mut survey = Survey::of(&context.func);
    if joins_bytes(options) && byte_order::improve(&mut context.func, &survey) {
        survey = Survey::of(&context.func);
    }
    loops::improve(context, &mut survey, options.simplify, byte_loops(options));
    if options.branch_tables {
        branch_tables::improve(&mut context.func, &survey);
    }
}

/// Has states lead straight to what is done in them, before a function is optimised.
pub fn thread(context: &mut Context, options: &Options, inlined: &mut Inlined) {
    if options.jump_threading && options.opt_level == OptLevel::Speed {
        jump_threading::thread(context, inlined);
    }
}

/// The processor, if loops that look for a byte are to look at several at a time.
pub fn byte_loops(options: &Options) -> Option<Arch> {
    let arch = options.target.arch;
    let is_on = options.byte_loops && options.opt_level == OptLevel::Speed;
    (is_on && arch != Arch::Riscv64).then_some(arch)
}

/// Whether numbers whose bytes are loaded one by one are to be loaded at once.
fn joins_bytes(options: &Options) -> bool {
    options.byte_order && options.target.arch != Arch::Riscv64
}

/// What `Context::optimize` does at first, with `copies` in place of its own way to leave out parameters.
///
/// # Errors
/// What the verifier finds, if the settings ask for it.
pub fn prepare(
    context: &mut Context,
    isa: &dyn TargetIsa,
    inlined: &mut Inlined,
) -> CodegenResult<()> {
    if isa.flags().enable_nan_canonicalization() {
        context.canonicalize_nans(isa)?;
    }
    context.verify_if(isa)?;
    context.flowgraph();
    context.eliminate_unreachable_code(isa)?;
    // As it is translated, a function has next to none: most come of inlining.
    if isa.flags().opt_level() != settings::OptLevel::None {
        copies::leave_out(&mut context.func);
    }
    let dfg = &mut context.func.dfg;
    let mut values = (0..dfg.num_values()).map(Value::new);
    if values.any(|value| !dfg.value_is_real(value)) {
        values::resolve(&context.func, inlined);
        context.func.dfg.resolve_all_aliases();
    }
    Ok(())
}
