//! Values with several definitions: what was defined in a region is defined in each of its copies. Where these come
//! together, a parameter is what the way there has defined (static single assignment).

use super::copy::Copies;
use crate::facts::each_use;
use cranelift_codegen::entity::EntitySet;
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::ir::{Block, BlockArg, Function, Inst, Value};
use foldhash::{HashMap, HashMapExt};

/// What one value is at the beginnings and the ends of blocks.
struct Known {
    /// Where it is needed from the beginning.
    needed: Vec<Block>,
    begins: HashMap<Block, Value>,
    /// Its definitions.
    ends: HashMap<Block, Value>,
}

/// Has all uses of values of a region use their copies. Gives the parameters that were added, with the values that
/// they stand for. Nothing if a value is not defined on a way to its use.
pub(super) fn repair(
    func: &mut Function,
    cfg: &ControlFlowGraph,
    copies: &Copies,
) -> Option<Vec<(Value, Value)>> {
    let mut uses: HashMap<Value, Vec<Block>> = HashMap::new();
    let mut insts: Vec<(Block, Inst)> = Vec::new();
    let is_copied = |value| {
        copies
            .values
            .binary_search_by_key(&value, |known| known.0)
            .is_ok()
    };
    for block in func.layout.blocks() {
        for inst in func.layout.block_insts(block) {
            let mut is_of_it = false;
            each_use(func, inst, |value| {
                if is_copied(value) {
                    uses.entry(value).or_default().push(block);
                    is_of_it = true;
                }
            });
            if is_of_it {
                insts.push((block, inst));
            }
        }
    }
    let mut params = Vec::new();
    let mut all: HashMap<Value, Known> = HashMap::new();
    for (value, definitions) in &copies.values {
        if let Some(blocks) = uses.get(value) {
            let mut known = Known::new(func, cfg, definitions, blocks)?;
            known.add_params(func, cfg, *value, &mut params);
            known.pass(func, cfg);
            all.insert(*value, known);
        }
    }
    for (block, inst) in insts {
        func.dfg
            .map_inst_values(inst, |value| match all.get(&value) {
                Some(known) => known.begins[&block],
                None => value,
            });
    }
    Some(params)
}

impl Known {
    fn new(
        func: &Function,
        cfg: &ControlFlowGraph,
        definitions: &[(Block, Value)],
        uses: &[Block],
    ) -> Option<Known> {
        let ends: HashMap<Block, Value> = definitions.iter().copied().collect();
        let mut seen: EntitySet<Block> = EntitySet::new();
        let mut needed = Vec::new();
        let mut open = uses.to_vec();
        while let Some(block) = open.pop() {
            if !seen.insert(block) {
                continue;
            }
            if func.layout.entry_block() == Some(block) {
                return None;
            }
            needed.push(block);
            let preds = cfg.pred_iter(block).map(|pred| pred.block);
            open.extend(preds.filter(|pred| !ends.contains_key(pred)));
        }
        Some(Known {
            needed,
            begins: HashMap::new(),
            ends,
        })
    }

    /// Finds what the value is where each block begins that needs it: a parameter if several lead there.
    fn add_params(
        &mut self,
        func: &mut Function,
        cfg: &ControlFlowGraph,
        value: Value,
        params: &mut Vec<(Value, Value)>,
    ) {
        let ty = func.dfg.value_type(value);
        for &block in &self.needed {
            if cfg.pred_iter(block).nth(1).is_some() {
                let param = func.dfg.append_block_param(block, ty);
                self.begins.insert(block, param);
                params.push((value, param));
            }
        }
        for &block in &self.needed {
            let mut path = Vec::new();
            let mut at = block;
            let begin = loop {
                if let Some(&known) = self.begins.get(&at) {
                    break known;
                }
                path.push(at);
                let pred = cfg.pred_iter(at).next().expect("it can be reached");
                if let Some(&known) = self.ends.get(&pred.block) {
                    break known;
                }
                at = pred.block;
            };
            self.begins
                .extend(path.into_iter().map(|block| (block, begin)));
        }
    }

    /// Passes the value to all parameters that stand for it: each is the last of its block.
    fn pass(&self, func: &mut Function, cfg: &ControlFlowGraph) {
        for &block in &self.needed {
            if cfg.pred_iter(block).nth(1).is_none() {
                continue;
            }
            for pred in cfg.pred_iter(block) {
                let end = self.ends.get(&pred.block);
                let end = *end.unwrap_or_else(|| &self.begins[&pred.block]);
                let dfg = &mut func.dfg;
                let pool = &mut dfg.value_lists;
                let calls = dfg.insts[pred.inst]
                    .branch_destination_mut(&mut dfg.jump_tables, &mut dfg.exception_tables);
                for call in calls {
                    if call.block(pool) == block {
                        call.append_argument(BlockArg::Value(end), pool);
                    }
                }
            }
        }
    }
}
