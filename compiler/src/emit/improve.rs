//! What is done to CLIF between Cranelift's optimisation and its lowering. Comes in: optimised CLIF. Goes out: CLIF
//! that is to be lowered as it is. Which passes there are is up to the options and the target.

use super::survey::Survey;
use super::{branch_tables, byte_order, loops};
use crate::options::{OptLevel, Options};
use crate::target::Arch;
use cranelift_codegen::Context;

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

/// The processor, if loops that look for a byte are to look at several at a time.
fn byte_loops(options: &Options) -> Option<Arch> {
    let arch = options.target.arch;
    let is_on = options.byte_loops && options.opt_level == OptLevel::Speed;
    (is_on && arch != Arch::Riscv64).then_some(arch)
}

/// Whether numbers whose bytes are loaded one by one are to be loaded at once.
fn joins_bytes(options: &Options) -> bool {
    options.byte_order && options.target.arch != Arch::Riscv64
}
