//! In a library: where a call of an embedder continues when a trap ends it.
//!
//! The functions that embedders call are generated, and cost nothing but the call: they set no
//! recovery point. Their call of compiled code has a handler of [`TRAP_TAG`] instead, which is found
//! by walking frames, as that of an exception. Everything between it and the trap is compiled code
//! or ours, and has frame pointers.

use super::backtrace::Frames;
use super::code_map;
use wasmelt_abi::{CallSite, Handler, TRAP_TAG};

/// Where execution goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Landing {
    pub(super) sp: usize,
    pub(super) fp: usize,
    pub(super) pc: usize,
}

/// The handler for what has stopped at `pc` in a function that an embedder calls, with this frame
/// pointer: into it, the program's function has been inlined. The frames then end there.
///
/// No register of C's caller has been saved but those that the function itself restores, and nothing
/// that it calls has changed one.
pub(super) fn of_interrupted(pc: usize, frames: &mut Frames) -> Option<Landing> {
    let code = code_map::of_program();
    let offset = code_map::offset_of(code, pc)?;
    let handler = |(_, handlers): &(CallSite, &[Handler])| {
        handlers.iter().copied().find(|it| it.tag == TRAP_TAG)
    };
    let mut sites = code_map::call_sites_around(code, offset);
    let (site, handler) = sites.find_map(|site| Some((site.0, handler(&site)?)))?;
    let fp = frames.innermost_fp();
    frames.end_at(fp);
    Some(Landing {
        sp: fp - site.fp_to_sp_bytes as usize,
        fp,
        pc: code.text_start as usize + handler.landing_offset as usize,
    })
}

/// The handler that is nearest, below this address of the stack. The frames then end there.
pub(super) fn find(frames: &mut Frames, below: usize) -> Option<Landing> {
    let code = code_map::of_program();
    for frame in frames.clone() {
        if frame.fp > below {
            return None;
        }
        let Some(offset) = code_map::offset_of(code, frame.return_address.wrapping_sub(1)) else {
            continue;
        };
        let Some((site, handlers)) = code_map::call_site(code, offset + 1) else {
            continue;
        };
        if let Some(handler) = handlers.iter().find(|handler| handler.tag == TRAP_TAG) {
            frames.end_at(frame.fp);
            return Some(Landing {
                sp: frame.fp - site.fp_to_sp_bytes as usize,
                fp: frame.fp,
                pc: code.text_start as usize + handler.landing_offset as usize,
            });
        }
    }
    None
}
