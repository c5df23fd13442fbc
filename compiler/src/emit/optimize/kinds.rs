//! What an instruction is to the optimiser, by its opcode. Comes in: nothing. Goes out: a table.

use cranelift_codegen::ir::Opcode;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Makes one value of others, and does nothing else: it may stand anywhere.
    Pure,
    Load,
    Store,
    /// What is in memory may be different afterwards, or may be looked at by others.
    Fence,
    /// May trap; if it has not, it does not when it is executed again.
    Check,
    /// May end the block, or do what the optimiser does not know.
    Other,
}

/// The kinds of all opcodes.
pub(super) struct Kinds([Kind; 256]);

impl Kinds {
    pub(super) fn new() -> Kinds {
        let mut kinds = [Kind::Other; 256];
        for &opcode in Opcode::all() {
            kinds[opcode as usize] = kind(opcode);
        }
        Kinds(kinds)
    }

    pub(super) fn of(&self, opcode: Opcode) -> Kind {
        self.0[opcode as usize]
    }
}

fn kind(opcode: Opcode) -> Kind {
    let is_ordered = matches!(
        opcode,
        Opcode::AtomicRmw
            | Opcode::AtomicCas
            | Opcode::AtomicLoad
            | Opcode::AtomicStore
            | Opcode::Fence
            | Opcode::Debugtrap
            | Opcode::SequencePoint
    );
    let has_one_result = opcode.constraints().num_fixed_results() == 1;
    if is_ordered || opcode.is_call() {
        Kind::Fence
    } else if opcode.can_store() {
        Kind::Store
    } else if opcode.can_load() {
        Kind::Load
    } else if opcode.is_terminator() || opcode.is_branch() || opcode.is_return() {
        Kind::Other
    } else if opcode.can_trap() || opcode.other_side_effects() {
        let is_check =
            opcode.side_effects_idempotent() && opcode.constraints().num_fixed_results() <= 1;
        match is_check {
            true => Kind::Check,
            false => Kind::Other,
        }
    } else if has_one_result {
        Kind::Pure
    } else {
        Kind::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_those_of_what_opcodes_do() {
        let kinds = Kinds::new();
        let expected = [
            (Opcode::Iadd, Kind::Pure),
            (Opcode::Iconst, Kind::Pure),
            (Opcode::Icmp, Kind::Pure),
            (Opcode::Uload8, Kind::Load),
            (Opcode::Store, Kind::Store),
            (Opcode::Istore8, Kind::Store),
            (Opcode::Call, Kind::Fence),
            (Opcode::TryCall, Kind::Fence),
            (Opcode::ReturnCall, Kind::Fence),
            (Opcode::AtomicLoad, Kind::Fence),
            (Opcode::Sdiv, Kind::Check),
            (Opcode::Trapnz, Kind::Check),
            (Opcode::Trap, Kind::Other),
            (Opcode::Brif, Kind::Other),
            (Opcode::Return, Kind::Other),
            (Opcode::UaddOverflow, Kind::Other),
            (Opcode::Nop, Kind::Other),
        ];
        for (opcode, kind) in expected {
            assert_eq!(kinds.of(opcode), kind, "{opcode}");
        }
    }
}
