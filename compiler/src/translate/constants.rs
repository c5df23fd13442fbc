//! Integers of which the function has the value already. Code names the same few numbers over and over
//! (0, 1, the size of an element), and each would be an instruction that optimisation looks at and finds
//! to be an earlier one: a ninth of the instructions of C programs.
//!
//! They stand in the entry block, from where they are known everywhere. Machine code does not have them
//! there: optimisation has a constant made where it is used. Without it, each is an instruction.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{Function, InstBuilder, Type, Value};

/// So many are kept, each in the place that its number has.
const COUNT: usize = 64;

/// The integers of a function that were used last.
pub(super) struct KnownIntegers {
    known: [Option<(Type, i64, Value)>; COUNT],
}

impl Default for KnownIntegers {
    fn default() -> KnownIntegers {
        KnownIntegers {
            known: [None; COUNT],
        }
    }
}

impl KnownIntegers {
    fn place(number: i64) -> usize {
        // Small numbers, and addresses, which differ above their lowest bits.
        let mixed = number ^ number >> 6 ^ number >> 12;
        mixed.cast_unsigned() as usize % COUNT
    }

    /// An integer, sign-extended from its type, in a function whose entry block is there.
    pub(super) fn get(&mut self, func: &mut Function, ty: Type, number: i64) -> Value {
        let known = &mut self.known[Self::place(number)];
        if let Some((known_type, known, value)) = *known
            && (known_type, known) == (ty, number)
        {
            return value;
        }
        let entry = func.layout.entry_block().expect("it was begun first");
        let end = func.layout.last_inst(entry);
        let end = end.filter(|&last| func.dfg.insts[last].opcode().is_terminator());
        let cursor = FuncCursor::new(func);
        // In front of other instructions it would cost an order of them all.
        let mut cursor = match end {
            Some(end) => cursor.at_inst(end),
            None => cursor.at_bottom(entry),
        };
        let value = cursor.ins().iconst(ty, number);
        *known = Some((ty, number, value));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cranelift_codegen::ir::types;

    #[test]
    fn a_number_is_made_once_and_in_the_entry_block() {
        let mut func = Function::new();
        let [entry, next] = [(); 2].map(|()| func.dfg.make_block());
        let mut cursor = FuncCursor::new(&mut func);
        cursor.insert_block(entry);
        cursor.insert_block(next);
        let mut integers = KnownIntegers::default();
        let one = integers.get(&mut func, types::I32, 1);
        FuncCursor::new(&mut func)
            .at_bottom(entry)
            .ins()
            .jump(next, &[]);
        let far = integers.get(&mut func, types::I64, 0x1000);
        let wide = integers.get(&mut func, types::I64, 1);
        assert_ne!(one, wide);
        // Both have the place of another number now and then.
        assert_eq!(integers.get(&mut func, types::I64, 1), wide);
        assert_ne!(integers.get(&mut func, types::I32, 1), wide);
        let text = func.display().to_string();
        let places = [
            "iconst.i32 1",
            "iconst.i64 4096",
            "iconst.i64 1",
            "jump block1",
        ];
        let places = places.map(|part| text.find(part).expect(part));
        assert!(places.is_sorted(), "{text}");
        assert_eq!(func.dfg.value_type(far), types::I64);
        assert_eq!(func.layout.block_insts(next).count(), 0);
    }
}
