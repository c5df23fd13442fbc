//! The register allocator that Cranelift calls: regalloc2, whose result whoever compiles may revise
//! before code is emitted from it.
//!
//! Cranelift allocates and emits in one call, which names regalloc2. So this package has that name and
//! that interface. What is not defined here is regalloc2's own.
//!
//! There is little in here, since all of Cranelift is compiled again when it changes. The allocator of
//! our own, and what is done to the result of either, are in `compiler/registers`.

#![forbid(unsafe_code)]

pub use allocator::*;

use std::mem;

/// What one thread reuses from function to function, and the result.
#[derive(Default)]
pub struct Ctx {
    /// What the last run has found.
    pub output: Output,
    /// Finds the results in place of regalloc2.
    pub own: Option<Box<dyn Allocate>>,
    /// Is given each result.
    pub reviser: Option<Box<dyn Revise>>,
    /// What `own` cannot do is an error, and not left to regalloc2: for tests.
    pub own_alone: bool,
    allocator: allocator::Ctx,
}

/// Another allocator.
pub trait Allocate {
    /// Allocates the registers of a function.
    ///
    /// # Errors
    /// When it cannot; the result is then of no meaning.
    fn allocate(
        &mut self,
        func: &dyn Function,
        env: &MachineEnv,
        output: &mut Output,
    ) -> Result<(), RegAllocError>;
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
    let own = ctx.own.as_mut();
    let done = own.map(|own| own.allocate(func, env, &mut ctx.output));
    match done {
        Some(Ok(())) => {}
        Some(Err(error)) if ctx.own_alone => return Err(error),
        _ => {
            // The memory of the last result is used again.
            mem::swap(&mut ctx.output, &mut ctx.allocator.output);
            allocator::run_with_ctx(func, env, options, &mut ctx.allocator)?;
            mem::swap(&mut ctx.output, &mut ctx.allocator.output);
        }
    }
    if let Some(reviser) = &mut ctx.reviser {
        reviser.revise(func, env, &mut ctx.output);
    }
    Ok(&ctx.output)
}
