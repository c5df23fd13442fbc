//! What a fault that the processor reports is: a trap of compiled code, or a crash. It allocates
//! nothing and locks nothing, for handlers.

use crate::vm::code_map;
use crate::vm::message::Message;
use crate::vm::space::PROCESS;
use crate::vm::spaces;
use crate::vm::trap::TrapInfo;
use wasmelt_abi::TrapCode;

/// How far below the stack pointer an access that runs out of stack may be: stack probes touch
/// each page in turn, so only what the system leaves free below a stack counts.
const BELOW_SP_MAX: usize = 1 << 20;
/// How far above it: the stack pointer of a large frame has moved before its first access.
const ABOVE_SP_MAX: usize = 64 << 10;

/// Addresses below this are null with an offset: accesses to a field of nothing.
const NULL_ADDRESS_MAX: usize = 64 << 10;

/// What the processor reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Report {
    /// An instruction that traps, or is none.
    Instruction,
    /// An access to this address.
    Access(usize),
}

/// The trap that this is, or `None` if it is a crash.
pub(super) fn classify(report: Report, pc: usize, sp: usize) -> Option<TrapInfo> {
    let code = code_map::of_program();
    let in_code = code_map::offset_of(code, pc);
    if cfg!(feature = "library") && in_code.is_none() {
        return None;
    }
    let trap = in_code.and_then(|offset| code_map::trap_at(code, offset));
    let address = match report {
        Report::Instruction => return trap.map(TrapInfo::new),
        Report::Access(address) => address,
    };
    if let Some((store, offset)) = spaces::containing(address) {
        // An address inside the memory's length is no trap: the system failed to provide it.
        let access = PROCESS.access_out_of_bounds(store, offset)?;
        // Only the guest's own code accesses memory without a look at its length.
        return in_code.is_some().then_some(TrapInfo {
            access: Some(access),
            ..TrapInfo::new(TrapCode::MemoryOutOfBounds)
        });
    }
    match trap {
        Some(trap) if address < NULL_ADDRESS_MAX => Some(TrapInfo::new(trap)),
        _ if address >= sp.saturating_sub(BELOW_SP_MAX)
            && address < sp.saturating_add(ABOVE_SP_MAX) =>
        {
            Some(TrapInfo::new(TrapCode::StackOverflow))
        }
        _ => None,
    }
}

/// Says why an instruction that is none may be there.
pub(super) fn say_lacking() {
    let mut message = Message::new();
    message.text("error: this processor lacks an instruction that the executable uses\n");
    message.text("help: build it for an older processor, or run it on the one it is for\n");
}
