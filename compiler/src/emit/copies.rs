//! Parameters of blocks that are nothing but another value. Comes in: CLIF as it was translated. Goes out:
//! CLIF without these parameters.
//!
//! ```text
//!     jump block1(v0)                         ;     jump block1
//! block1(v1):                                 ; block1:
//!     brif v9, block2(v0), block3             ;     brif v9, block2, block3
//! block3:                                     ; block3:
//!     brif v8, block1(v1), block2(v1)         ;     brif v8, block1, block2
//! block2(v2):                                 ; block2:
//!     v3 = iadd v2, v0                        ;     v3 = iadd v0, v0
//! ```
//!
//! Such are results of functions that are inlined and return the same in several places, and locals that
//! loops within others set to what they are. What is in registers is moved to
//! such parameters by every branch, and nobody knows of it what is known of the value. Cranelift removes
//! a parameter that has one value only if that is none of another block's parameter with several.
//!
//! Why that is sound. A parameter goes whose block all branches pass one value to, or the parameter itself.
//! Of a path from the function's entry to the block, the first branch to it passes the value, as the
//! parameter is nowhere before; so the value's definition is on every path, which means that it dominates
//! the block. When the parameter is used, it is what the value is now: if the value was defined anew since, a
//! path led from there to the use without the parameter's block, which then would not dominate it.
//!
//! Where loops have one entry, which is so of all WebAssembly, a parameter that is left has two values
//! (Braun and others, Simple and Efficient Construction of Static Single Assignment Form, 2013).
//!
//! Linear: parameters are gone through a limited number of times. Names of values that have become others are
//! left to be resolved.

use crate::facts::destinations;
use cranelift_codegen::entity::{EntityRef, EntitySet, SecondaryMap};
use cranelift_codegen::ir::{Block, BlockArg, BlockCall, Function, Inst, Value};
use cranelift_codegen::packed_option::PackedOption;

/// So often parameters are gone through at most. It takes about as often as loops are around others, and
/// what has been found needs no looking at any more.
const ROUNDS_MAX: usize = 100;

/// The parameters of all blocks, each with a number: those of a block one behind the other.
struct Params {
    all: Vec<Value>,
    /// Where the numbers of each block begin.
    firsts: SecondaryMap<Block, u32>,
    /// What branches pass to each, nothing for results of calls: as many as `starts` says.
    passed: Vec<PackedOption<Value>>,
    /// Where what is passed to each begins, and the end of all.
    starts: Vec<u32>,
}

/// The value that each is, or a parameter that is that value, where it is not itself.
type Becomes = Vec<PackedOption<Value>>;

/// Leaves out parameters that are another value.
pub fn leave_out(func: &mut Function) {
    let branches = branches(func);
    let params = Params::read(func, &branches);
    let mut becomes: Becomes = vec![None.into(); func.dfg.num_values()];
    if !params.find(&mut becomes) {
        return;
    }
    // Whether some of a block's parameters go.
    let mut is_changed = EntitySet::new();
    let blocks: Vec<Block> = func.layout.blocks().collect();
    for block in blocks {
        let params = func.dfg.block_params(block);
        if params.iter().all(|param| becomes[param.index()].is_none()) {
            continue;
        }
        is_changed.insert(block);
        let params = params.to_vec();
        func.dfg.detach_block_params(block);
        for param in params {
            match last(&mut becomes, param) {
                value if value == param => func.dfg.attach_block_param(block, param),
                value => func.dfg.change_to_alias(param, value),
            }
        }
    }
    let mut kept = Vec::new();
    for branch in branches {
        let dfg = &mut func.dfg;
        let pool = &mut dfg.value_lists;
        let calls = dfg.insts[branch]
            .branch_destination_mut(&mut dfg.jump_tables, &mut dfg.exception_tables);
        for call in calls {
            let block = call.block(pool);
            if is_changed.contains(block) {
                let numbers = params.firsts[block] as usize..;
                let all = call.args(pool).zip(&params.all[numbers]);
                let stay = all.filter(|(_, param)| becomes[param.index()].is_none());
                kept.extend(stay.map(|(arg, _)| arg));
                *call = BlockCall::new(block, kept.drain(..), pool);
            }
        }
    }
}

/// The instructions at the ends of blocks.
fn branches(func: &Function) -> Vec<Inst> {
    let blocks = func.layout.blocks();
    blocks
        .filter_map(|block| func.layout.last_inst(block))
        .collect()
}

impl Params {
    fn read(func: &Function, branches: &[Inst]) -> Params {
        let dfg = &func.dfg;
        let mut params = Params {
            all: Vec::new(),
            firsts: SecondaryMap::with_capacity(dfg.num_blocks()),
            passed: Vec::new(),
            starts: Vec::new(),
        };
        for block in func.layout.blocks() {
            params.firsts[block] = params.all.len() as u32;
            params.all.extend_from_slice(dfg.block_params(block));
        }
        // How many are passed to each, and then where they end.
        params.starts.resize(params.all.len() + 1, 0);
        let (firsts, starts) = (&params.firsts, &mut params.starts);
        for call in branches
            .iter()
            .flat_map(|&branch| destinations(func, branch))
        {
            let first = firsts[call.block(&dfg.value_lists)] as usize;
            let passed = call.args(&dfg.value_lists).len();
            starts[first..][..passed]
                .iter_mut()
                .for_each(|count| *count += 1);
        }
        let mut end = 0;
        for start in starts.iter_mut() {
            end += *start;
            *start = end;
        }
        let passed = &mut params.passed;
        passed.resize(end as usize, None.into());
        each_passed(func, branches, firsts, |param, arg| {
            starts[param] -= 1;
            let value = arg.as_value().map(|value| dfg.resolve_aliases(value));
            passed[starts[param] as usize] = value.into();
        });
        params
    }

    /// Finds which parameters go, and for what: whether there are any.
    fn find(&self, becomes: &mut Becomes) -> bool {
        let mut open: Vec<u32> = (0..self.all.len() as u32).collect();
        for _ in 0..ROUNDS_MAX {
            let before = open.len();
            open.retain(|&number| {
                let value = self.only(number as usize, becomes);
                becomes[self.all[number as usize].index()] = value.into();
                value.is_none()
            });
            if open.len() == before {
                break;
            }
        }
        open.len() < self.all.len()
    }

    /// The one value that is passed to a parameter, besides itself.
    fn only(&self, number: usize, becomes: &mut Becomes) -> Option<Value> {
        let param = self.all[number];
        let mut only = None;
        let range = self.starts[number] as usize..self.starts[number + 1] as usize;
        for passed in &self.passed[range] {
            let value = last(becomes, passed.expand()?);
            if value != param && *only.get_or_insert(value) != value {
                return None;
            }
        }
        only
    }
}

/// Everything that is passed, with the number of its parameter.
fn each_passed(
    func: &Function,
    branches: &[Inst],
    firsts: &SecondaryMap<Block, u32>,
    mut take: impl FnMut(usize, BlockArg),
) {
    let pool = &func.dfg.value_lists;
    for call in branches
        .iter()
        .flat_map(|&branch| destinations(func, branch))
    {
        let first = firsts[call.block(pool)] as usize;
        for (number, arg) in call.args(pool).enumerate() {
            take(first + number, arg);
        }
    }
}

/// What a value is in the end. The way there is shorter the next time.
fn last(becomes: &mut Becomes, mut value: Value) -> Value {
    while let Some(next) = becomes[value.index()].expand() {
        if let Some(further) = becomes[next.index()].expand() {
            becomes[value.index()] = further.into();
        }
        value = next;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use cranelift_codegen::ir::{AbiParam, InstBuilder, Signature, UserFuncName, types};
    use cranelift_codegen::isa::CallConv;
    use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

    /// A function of two numbers with as many blocks behind its entry as asked for, with so many parameters.
    fn function<const N: usize>(
        params: [usize; N],
        build: impl FnOnce(&mut FunctionBuilder<'_>, [Block; N], [Value; 2]),
    ) -> Function {
        let mut signature = Signature::new(CallConv::SystemV);
        signature.params = vec![AbiParam::new(types::I32); 2];
        signature.returns = vec![AbiParam::new(types::I32)];
        let mut func = Function::with_name_signature(UserFuncName::default(), signature);
        let mut frontend = FunctionBuilderContext::new();
        let mut builder = FunctionBuilder::new(&mut func, &mut frontend);
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        let blocks = params.map(|params| {
            let block = builder.create_block();
            for _ in 0..params {
                builder.append_block_param(block, types::I32);
            }
            block
        });
        builder.switch_to_block(entry);
        let given = [0, 1].map(|at| builder.block_params(entry)[at]);
        build(&mut builder, blocks, given);
        builder.seal_all_blocks();
        let isa = crate::emit::target_isa(&crate::Options::default());
        builder.finalize(isa.frontend_config());
        leave_out(&mut func);
        func.dfg.resolve_all_aliases();
        cranelift_codegen::verify_function(&func, &*isa).expect("it is a function");
        func
    }

    fn param(builder: &FunctionBuilder<'_>, block: Block, at: usize) -> Value {
        builder.block_params(block)[at]
    }

    #[test]
    fn what_an_inner_loop_passes_on_is_what_the_outer_one_has() {
        let mut blocks = [Block::from_u32(0); 4];
        // Of the outer loop's parameters the first never changes, the second does.
        let func = function([2, 2, 2, 1], |builder, made, [one, two]| {
            blocks = made;
            let [outer, inner, end, out] = made;
            builder.ins().jump(outer, &[one.into(), two.into()]);
            builder.switch_to_block(outer);
            let both = [0, 1].map(|at| param(builder, outer, at).into());
            builder.ins().jump(inner, &both);
            builder.switch_to_block(inner);
            let [first, second] = [0, 1].map(|at| param(builder, inner, at));
            let both = [first.into(), second.into()];
            builder.ins().brif(first, inner, &both, end, &both);
            builder.switch_to_block(end);
            let [first, second] = [0, 1].map(|at| param(builder, end, at));
            let next = builder.ins().iadd(second, first);
            builder.ins().brif(
                next,
                outer,
                &[first.into(), next.into()],
                out,
                &[second.into()],
            );
            builder.switch_to_block(out);
            let result = param(builder, out, 0);
            builder.ins().return_(&[result]);
        });
        let [outer, inner, end, out] = blocks.map(|block| func.dfg.block_params(block));
        assert!(inner.is_empty() && end.is_empty() && out.is_empty());
        let &[changes] = outer else {
            panic!("{func}");
        };
        let entry = func.layout.entry_block().expect("it has blocks");
        let never = func.dfg.block_params(entry)[0];
        let last = |block| func.layout.last_inst(block).expect("it ends");
        assert_eq!(func.dfg.inst_args(last(blocks[3])), [changes]);
        let sum = func.layout.first_inst(blocks[2]).expect("it adds");
        assert_eq!(func.dfg.inst_args(sum), [changes, never]);
        assert_eq!(func.dfg.inst_args(last(blocks[1])), [never]);
    }

    #[test]
    fn what_changes_places_stays() {
        let mut header = Block::from_u32(0);
        let func = function([2, 0], |builder, [block, out], [one, two]| {
            header = block;
            builder.ins().jump(block, &[one.into(), two.into()]);
            builder.switch_to_block(block);
            let [first, second] = [0, 1].map(|at| param(builder, block, at));
            builder
                .ins()
                .brif(first, block, &[second.into(), first.into()], out, &[]);
            builder.switch_to_block(out);
            builder.ins().return_(&[second]);
        });
        assert_eq!(func.dfg.num_block_params(header), 2);
    }

    #[test]
    fn what_is_one_of_two_values_stays() {
        let mut join = Block::from_u32(0);
        let func = function([0, 1, 1], |builder, [other, middle, last], [one, two]| {
            join = middle;
            builder.ins().brif(one, other, &[], middle, &[one.into()]);
            builder.switch_to_block(other);
            builder.ins().jump(middle, &[two.into()]);
            builder.switch_to_block(middle);
            let value = param(builder, middle, 0);
            builder.ins().jump(last, &[value.into()]);
            builder.switch_to_block(last);
            let value = param(builder, last, 0);
            builder.ins().return_(&[value]);
        });
        let params = func.dfg.block_params(join);
        let last = func.layout.last_block().expect("it has blocks");
        let result = func.layout.last_inst(last).expect("it ends");
        assert_eq!(func.dfg.inst_args(result), params);
        assert_eq!(func.dfg.num_block_params(last), 0);
    }
}
