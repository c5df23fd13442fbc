//! Functions that the runtime or an embedder calls, which run once: what is inlined into them.

use crate::index::FuncId;
use crate::plan::{Callee, FuncKind, LinkPlan};
use cranelift_codegen::ir;

/// Whether an embedder's function calls one of the program with nothing between.
pub fn is_called_directly(plan: &LinkPlan<'_>, id: FuncId) -> bool {
    plan.library.is_direct && matches!(plan.funcs[id.index()].kind, FuncKind::LibraryCall { .. })
}

/// How many calls there are in a function.
pub fn calls(func: &ir::Function) -> usize {
    let instructions = func
        .layout
        .blocks()
        .flat_map(|block| func.layout.block_insts(block));
    let is_call = |inst: &ir::Inst| func.dfg.insts[*inst].opcode().is_call();
    instructions.filter(is_call).count()
}

pub fn is_entry(plan: &LinkPlan<'_>, id: FuncId) -> bool {
    let kind = &plan.funcs[id.index()].kind;
    if let FuncKind::LibraryCall {
        callee: Callee::Defined(callee),
        ..
    } = *kind
    {
        return !plan.only_computes(callee);
    }
    matches!(
        kind,
        FuncKind::EntryCommand { .. }
            | FuncKind::EntryRun(_)
            | FuncKind::ExportCall { .. }
            | FuncKind::LibraryCall { .. }
            | FuncKind::LibraryLift { .. }
            | FuncKind::LibraryStart { .. }
            | FuncKind::LibraryPoll
            | FuncKind::LibraryDrop { .. }
            | FuncKind::LibraryDestructor(_)
            | FuncKind::LibraryImportCall(_)
            | FuncKind::LiftCall(_)
            | FuncKind::LiftFinish(_)
            | FuncKind::TaskStart(_)
            | FuncKind::TaskCallback(_)
            | FuncKind::ThreadStart(_)
            | FuncKind::Instantiate(_)
            | FuncKind::InstantiateAgain(_)
    )
}
