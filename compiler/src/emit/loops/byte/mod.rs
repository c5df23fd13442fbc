//! Loops that look for a byte, such as those of `strlen` and `memchr`, look at 32 bytes at a time; those
//! that compare two places, such as that of `memcmp`, at 16 of either.
//! Comes in: optimised CLIF. Goes out: CLIF that is to be lowered as it is.
//!
//! The loop stays as it is, and is entered further on. In front of it comes code that looks for the
//! iteration in which it is left, and gives it the loop-carried values of that iteration:
//!
//! ```text
//!     jump block1(v0)                         ;     v5 = iadd v8, v0              ; first byte
//! block1(v1: i64):                            ;     v6 = load.i8x16 v5
//!     v2 = iadd v8, v1                        ;     v7 = vhigh_bits (icmp eq v6, splat 0)
//!     v3 = uload8.i32 v2                      ;     brif v7, block3, block2       ; 16 more at a time
//!     v4 = iadd_imm v1, 1                     ; block3:
//!     brif v3, block1(v4), block9             ;     v9 = ctz v7
//!                                             ;     jump block1(iadd v0, v9)
//! ```
//!
//! Why the program cannot tell:
//!
//! - A loop qualifies if an iteration is one path with exits, its only effects are the exits, and its
//!   loop-carried values grow by constants (`path.rs`, `shape.rs`). So what iterations do that are left
//!   out is to find no exit and not to trap; and the values are known by how many there were.
//! - Exits are of three kinds: the byte has one of the values that are looked for, the bytes of both
//!   places differ, or a value that grows reaches a limit. From the last it is computed how many
//!   iterations there are before such an exit, at most: too few are no fault, as the loop goes on from
//!   where it is entered. Where an index would begin anew at zero is a limit, too (`linear.rs`).
//! - What is looked at are bytes of which one, in each part that is loaded, is a byte that the loop
//!   would load if it came so far, and it does come so far, as no exit is before it. A part lies within
//!   a page of memory, whose bytes are accessible together (a page has 4096 or a multiple).
//!   So a fault here is one that the loop would have had, with the same code, place and state: nothing has
//!   been written. Its address is that of the loop, too: the first part begins with the
//!   first byte, or that is loaded by itself before a part that begins in front of it, and all other parts
//!   that can fault first begin a page. What belongs to no iteration is not taken for an exit.
//! - Of two places, either part is in that position, as the loop loads both bytes before an exit looks at
//!   one. The parts are loaded in the order of the loop's loads, so the first that faults is that of the
//!   byte with which the loop would have, in the same place; what a part has in front of it, since parts
//!   are moved back to end with a page, was loaded before (`compare.rs`).
//! - Where another thread writes to the memory, a byte may be another one when the loop loads
//!   it again. It goes on then, as it would have if its own load of it, which nothing orders before
//!   others, had given that value.
//!
//! Linear: each loop's instructions are looked at a limited number of times, and loops that qualify have
//! no other in them.

mod build;
mod compare;
mod linear;
mod path;
mod shape;
mod vectors;

use crate::target::Arch;
use cranelift_codegen::Context;

/// Improves loops that look for a byte; whether there were any. The analysis of loops is there.
pub fn improve(context: &mut Context, arch: Arch) -> bool {
    let loops = shape::find(&context.func, &context.loop_analysis, &context.domtree);
    for found in &loops {
        build::skip_ahead(&mut context.func, found, arch);
    }
    !loops.is_empty()
}

#[cfg(test)]
mod tests;
