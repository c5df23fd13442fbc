//! What an iteration of a loop runs through.

use super::super::back_edge;
use crate::facts::targets;
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::ir::{Block, Function, Opcode, Value};
use cranelift_codegen::loop_analysis::{Loop, LoopAnalysis};
use foldhash::{HashMap, HashMapExt};

/// An iteration has at most so many blocks, and so many instructions.
const BLOCKS_MAX: usize = 8;
const INSTS_MAX: usize = 48;

/// What an iteration runs through.
pub struct Path {
    /// From the header on.
    pub blocks: Vec<Block>,
    /// What the header's parameters are in the next iteration.
    pub next: Vec<Option<Value>>,
    /// What the parameters of the other blocks are.
    pub copies: HashMap<Value, Value>,
}

impl Path {
    pub fn header(&self) -> Block {
        self.blocks[0]
    }
}

/// What an iteration of a loop runs through, if that is always the same.
pub fn path(
    func: &Function,
    loops: &LoopAnalysis,
    domtree: &DominatorTree,
    lp: Loop,
) -> Option<Path> {
    let header = loops.loop_header(lp);
    let mut path = Path {
        blocks: vec![header],
        next: Vec::new(),
        copies: HashMap::new(),
    };
    let mut insts = 0;
    let mut block = header;
    loop {
        insts += func.layout.block_insts(block).take(INSTS_MAX + 1).count();
        let branch = func.layout.last_inst(block)?;
        let opcode = func.dfg.insts[branch].opcode();
        if insts > INSTS_MAX || !matches!(opcode, Opcode::Jump | Opcode::Brif) {
            return None;
        }
        let inside = |(_, target): &(usize, Block)| loops.is_in_loop(*target, lp);
        let mut stays = targets(func, branch).enumerate().filter(inside);
        let (position, target) = stays.next()?;
        if stays.next().is_some() {
            return None;
        }
        let args = back_edge::destination(func, branch, position);
        if target == header {
            let copied = |arg: Option<Value>| arg.map(|arg| *path.copies.get(&arg).unwrap_or(&arg));
            path.next = args.into_iter().map(copied).collect();
            return Some(path);
        }
        // Whatever leads to a block in the path comes from the path.
        if path.blocks.len() == BLOCKS_MAX || !domtree.block_dominates(block, target) {
            return None;
        }
        for (&param, arg) in func.dfg.block_params(target).iter().zip(args) {
            let arg = arg?;
            let arg = path.copies.get(&arg).copied().unwrap_or(arg);
            path.copies.insert(param, arg);
        }
        path.blocks.push(target);
        block = target;
    }
}
