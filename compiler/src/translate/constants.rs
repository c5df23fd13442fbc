//! Integers of which the function has the value already. Code names the same few numbers over and over
//! (0, 1, the size of an element), and each would be an instruction that optimisation looks at and finds
//! to be an earlier one: a ninth of the instructions of C programs.
//!
//! They stand in the entry block, from where they are known everywhere. Machine code does not have them
//! there: optimisation has a constant made where it is used. Without it, each is an instruction, and one
//! that is used far away would be stored and loaded: then the function has it in the same block only.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{Block, Function, InstBuilder, Type, Value};

/// So many are kept, each in the place that its number has.
const COUNT: usize = 64;

/// The integers of a function that were used last.
pub(super) struct KnownIntegers {
    known: [Option<Known>; COUNT],
}

#[derive(Clone, Copy)]
struct Known {
    number: (Type, i64),
    /// Where it is known, if that is not everywhere.
    block: Option<Block>,
    value: Value,
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

    /// An integer, sign-extended from its type, for all of a function whose entry block is there, or for
    /// the end of a block.
    pub(super) fn get(
        &mut self,
        func: &mut Function,
        block: Option<Block>,
        ty: Type,
        number: i64,
    ) -> Value {
        let known = &mut self.known[Self::place(number)];
        if let Some(known) = *known
            && known.number == (ty, number)
            && known.block == block
        {
            return known.value;
        }
        let entry = func.layout.entry_block().expect("it was begun first");
        let at = block.unwrap_or(entry);
        let end = func.layout.last_inst(at);
        let end = end.filter(|&last| func.dfg.insts[last].opcode().is_terminator());
        let cursor = FuncCursor::new(func);
        // In front of other instructions it would cost an order of them all.
        let mut cursor = match end {
            Some(end) => cursor.at_inst(end),
            None => cursor.at_bottom(at),
        };
        let value = cursor.ins().iconst(ty, number);
        *known = Some(Known {
            number: (ty, number),
            block,
            value,
        });
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
        let one = integers.get(&mut func, None, types::I32, 1);
        FuncCursor::new(&mut func)
            .at_bottom(entry)
            .ins()
            .jump(next, &[]);
        let far = integers.get(&mut func, None, types::I64, 0x1000);
        let wide = integers.get(&mut func, None, types::I64, 1);
        assert_ne!(one, wide);
        // Both have the place of another number now and then.
        assert_eq!(integers.get(&mut func, None, types::I64, 1), wide);
        assert_ne!(integers.get(&mut func, None, types::I32, 1), wide);
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

    #[test]
    fn a_number_of_a_block_is_not_known_in_others() {
        let mut func = Function::new();
        let blocks = [(); 2].map(|()| func.dfg.make_block());
        let mut cursor = FuncCursor::new(&mut func);
        for block in blocks {
            cursor.insert_block(block);
        }
        let mut integers = KnownIntegers::default();
        let ones = blocks.map(|block| {
            let one = integers.get(&mut func, Some(block), types::I32, 1);
            assert_eq!(integers.get(&mut func, Some(block), types::I32, 1), one);
            one
        });
        assert_ne!(ones[0], ones[1]);
        for block in blocks {
            assert_eq!(func.layout.block_insts(block).count(), 1);
        }
    }
}
