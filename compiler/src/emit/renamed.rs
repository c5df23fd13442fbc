//! Values that have become others. Whoever uses them is told once for all, when all is done.

use crate::facts::each_use;
use cranelift_codegen::entity::EntityRef;
use cranelift_codegen::ir::{Function, Value};

#[derive(Default)]
pub struct Renamed {
    values: Vec<Value>,
}

impl Renamed {
    /// Makes a value, whose definition is gone, another name of the second.
    pub fn rename(&mut self, func: &mut Function, value: Value, to: Value) {
        func.dfg.change_to_alias(value, to);
        self.values.push(value);
    }

    /// Has all instructions use the values themselves. Linear, and quicker than Cranelift's own way, which also
    /// goes over what is not in the code any more.
    pub fn apply(self, func: &mut Function) {
        if self.values.is_empty() {
            return;
        }
        let mut renamed = vec![false; func.dfg.num_values()];
        for value in self.values {
            renamed[value.index()] = true;
        }
        let mut values = Vec::new();
        let mut next_block = func.layout.entry_block();
        while let Some(block) = next_block {
            let mut next_inst = func.layout.first_inst(block);
            while let Some(inst) = next_inst {
                let mut is_of_it = false;
                each_use(func, inst, |value| is_of_it |= renamed[value.index()]);
                if is_of_it {
                    values.extend(func.dfg.inst_values(inst));
                    let dfg = &func.dfg;
                    values
                        .iter_mut()
                        .for_each(|value| *value = dfg.resolve_aliases(*value));
                    func.dfg.overwrite_inst_values(inst, values.drain(..));
                }
                next_inst = func.layout.next_inst(inst);
            }
            next_block = func.layout.next_block(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cranelift_codegen::cursor::{Cursor, FuncCursor};
    use cranelift_codegen::ir::{InstBuilder, types};

    #[test]
    fn all_that_uses_a_value_uses_the_last_that_it_has_become() {
        let mut func = Function::new();
        let [block, last] = [(); 2].map(|()| func.dfg.make_block());
        let any = func.dfg.append_block_param(block, types::I32);
        func.dfg.append_block_param(last, types::I32);
        let mut cursor = FuncCursor::new(&mut func);
        cursor.insert_block(block);
        let [first, second] = [(); 2].map(|()| cursor.ins().iadd(any, any));
        let third = cursor.ins().imul(first, second);
        cursor.ins().jump(last, &[second.into()]);
        cursor.insert_block(last);
        cursor.ins().return_(&[third]);
        let mut renamed = Renamed::default();
        for (value, to) in [(second, first), (first, any)] {
            let inst = func.dfg.value_def(value).unwrap_inst();
            func.layout.remove_inst(inst);
            func.dfg.clear_results(inst);
            renamed.rename(&mut func, value, to);
        }
        renamed.apply(&mut func);
        let values = |inst| func.dfg.inst_values(inst).collect::<Vec<_>>();
        let inst = func.layout.first_inst(block).expect("it multiplies");
        assert_eq!(values(inst), [any, any]);
        let jump = func.layout.last_inst(block).expect("it ends");
        assert_eq!(values(jump), [any]);
        let result = func.layout.last_inst(last).expect("it returns");
        assert_eq!(values(result), [third]);
    }
}
