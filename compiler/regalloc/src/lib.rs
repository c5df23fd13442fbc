//! The register allocator that Cranelift calls: regalloc2, whose result whoever compiles may revise
//! before code is emitted from it.
//!
//! Cranelift allocates and emits in one call, which names regalloc2. So this package has that name and
//! that interface. What is not defined here is regalloc2's own.
//!
//! There is little in here, since all of Cranelift is compiled again when it changes. What is done to
//! the result is in the compiler (`emit/spills`).

#![forbid(unsafe_code)]

pub use allocator::*;

use std::mem;

/// What one thread reuses from function to function, and the result.
#[derive(Default)]
pub struct Ctx {
    /// What the last run has found.
    pub output: Output,
    /// Is given each result.
    pub reviser: Option<Box<dyn Revise>>,
    allocator: allocator::Ctx,
}

/// Makes a better result out of one that is right.
pub trait Revise {
    /// Changes what the allocator has found for a function. It has to stay right for it.
    fn revise(&mut self, func: &dyn Function, env: &MachineEnv, output: &mut Output);
}

/// Allocates the registers of a function.
///
/// # Errors
/// When registers cannot be allocated for such a function.
pub fn run_with_ctx<'a, F: Function>(
    func: &F,
    env: &MachineEnv,
    options: &RegallocOptions,
    ctx: &'a mut Ctx,
) -> Result<&'a Output, RegAllocError> {
    // The memory of the last result is used again.
    mem::swap(&mut ctx.output, &mut ctx.allocator.output);
    allocator::run_with_ctx(func, env, options, &mut ctx.allocator)?;
    mem::swap(&mut ctx.output, &mut ctx.allocator.output);
    // Who asks for the other algorithm would rather have the code soon.
    if let (Some(reviser), Algorithm::Ion) = (&mut ctx.reviser, options.algorithm) {
        reviser.revise(func, env, &mut ctx.output);
    }
    Ok(&ctx.output)
}
