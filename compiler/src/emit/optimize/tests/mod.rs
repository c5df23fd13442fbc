//! Random functions are optimised and run by Cranelift's interpreter, before and after: they return the same and
//! leave the same in memory, or both trap. Others show what is made of one
//! thing.

mod random;
mod shapes;

use super::Optimizer;
use cranelift_codegen::Context;
use cranelift_codegen::data_value::DataValue;
use cranelift_codegen::ir::Function;
use cranelift_codegen::verify_function;
use cranelift_interpreter::environment::{FuncIndex, FunctionStore};
use cranelift_interpreter::interpreter::{Interpreter, InterpreterError, InterpreterState};
use cranelift_interpreter::step::ControlFlow;

/// The function as it is optimised, and valid.
fn optimized(func: &Function, optimizer: &mut Optimizer) -> Function {
    let isa = crate::emit::target_isa(&crate::Options::default());
    let mut context = Context::for_function(func.clone());
    context.flowgraph();
    let reached = context.eliminate_unreachable_code(&*isa);
    reached.expect("it was valid");
    context.func.dfg.resolve_all_aliases();
    optimizer.optimize(&mut context);
    if let Err(errors) = verify_function(&context.func, isa.flags()) {
        panic!("{errors}\n{func}\n{}", context.func);
    }
    let domtree = &context.domtree;
    let mut fresh = Context::for_function(context.func.clone());
    fresh.flowgraph();
    for block in context.func.layout.blocks() {
        assert_eq!(domtree.idom(block), fresh.domtree.idom(block), "{block}");
    }
    context.func
}

/// So many instructions, and no more, are executed.
const FUEL: u64 = 20_000;

/// What a function returns, unless it traps. None if it does not end in time.
fn outcome(func: &Function, arguments: &[DataValue], fuel: u64) -> Option<Result<Vec<u64>, ()>> {
    let store = FunctionStore::from(func);
    let state = InterpreterState::default().with_function_store(store);
    let mut interpreter = Interpreter::new(state).with_fuel(Some(fuel));
    match interpreter.call_by_index(FuncIndex::from_u32(0), arguments) {
        Ok(ControlFlow::Return(values)) => Some(Ok(values.iter().map(bits).collect())),
        Ok(ControlFlow::Trap(_)) => Some(Err(())),
        Err(InterpreterError::FuelExhausted) => None,
        other => panic!("{other:?}\n{func}"),
    }
}

fn bits(value: &DataValue) -> u64 {
    match value {
        DataValue::I8(v) => u64::from(v.cast_unsigned()),
        DataValue::I16(v) => u64::from(v.cast_unsigned()),
        DataValue::I32(v) => u64::from(v.cast_unsigned()),
        DataValue::I64(v) => v.cast_unsigned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn random_functions_do_what_they_did() {
    let count = std::env::var("WASMELT_OPTIMIZED").map_or(1500, |n| n.parse().expect("a number"));
    let mut optimizer = Optimizer::default();
    let mut ended = [0, 0];
    for seed in 0..count {
        let func = random::function(seed);
        let after = optimized(&func, &mut optimizer);
        for arguments in random::arguments(seed) {
            let Some(expected) = outcome(&func, &arguments, FUEL) else {
                continue;
            };
            ended[usize::from(expected.is_err())] += 1;
            // Numbers are made again in each block.
            let actual = outcome(&after, &arguments, FUEL * 3);
            assert_eq!(
                actual,
                Some(expected),
                "seed {seed}, {arguments:?}\n{func}\n{after}"
            );
        }
    }
    assert!(ended[0] > count * 3 && ended[1] > count / 20, "{ended:?}");
}
