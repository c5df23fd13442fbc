//! The keys of `-W`: limits, imports, and what of WebAssembly is allowed.

use wasmelt_compiler::{Gate, Proposal, UnknownImports};

use super::row::{Flag, Row, Settings};
use super::value::{Takes, Value};

/// Compiled code needs this much to get anywhere.
const STACK_BYTES_MIN: u64 = 1 << 14;

pub(crate) static WASM: Flag = Flag {
    short: 'W',
    long: "wasm",
    rows: &[
        Row::apply(
            "max-memory-size",
            Takes::Bytes,
            "no memory becomes larger",
            |settings, value| {
                settings.options.memory_bytes_max = Some(value.bytes()?);
                Ok(())
            },
        ),
        Row::apply(
            "max-gc-heap-size",
            Takes::Bytes,
            "garbage-collected objects take no more; by default 2G",
            |settings, value| {
                settings.options.gc_heap_bytes_max = Some(value.bytes()?);
                Ok(())
            },
        ),
        Row::apply(
            "max-wasm-stack",
            Takes::Bytes,
            "the stack of compiled code; by default the system's limit",
            |settings, value| {
                let bytes = value.bytes()?;
                if bytes < STACK_BYTES_MIN {
                    return Err(format!("is at least {STACK_BYTES_MIN}"));
                }
                settings.options.stack_bytes_max = Some(bytes);
                Ok(())
            },
        ),
        Row::apply(
            "max-table-elements",
            Takes::Number,
            "no table becomes larger",
            |settings, value| {
                settings.options.counts.table_elements = Some(value.number()?);
                Ok(())
            },
        ),
        Row::apply(
            "max-instances",
            Takes::Number,
            "a program with more core instances is refused",
            |settings, value| {
                settings.options.counts.instances = Some(value.number()?);
                Ok(())
            },
        ),
        Row::apply(
            "max-memories",
            Takes::Number,
            "a program with more memories is refused",
            |settings, value| {
                settings.options.counts.memories = Some(value.number()?);
                Ok(())
            },
        ),
        Row::apply(
            "max-tables",
            Takes::Number,
            "a program with more tables is refused",
            |settings, value| {
                settings.options.counts.tables = Some(value.number()?);
                Ok(())
            },
        ),
        Row::apply(
            "max-threads",
            Takes::Number,
            "so many threads run at once, besides the first; by default 1000",
            |settings, value| {
                settings.options.threads_max = Some(value.number()?);
                Ok(())
            },
        ),
        Row::apply(
            "unknown-imports-trap",
            Takes::Flag,
            "functions that nothing provides trap when they are called",
            |settings, value| unknown_imports(settings, value, UnknownImports::Trap),
        ),
        Row::apply(
            "unknown-imports-default",
            Takes::Flag,
            "of a module, functions that nothing provides give zeros",
            |settings, value| unknown_imports(settings, value, UnknownImports::Default),
        ),
        Row::apply(
            "nan-canonicalization",
            Takes::Flag,
            "NaN results have the same bits on every processor; slower",
            |settings, value| {
                settings.options.nan_canonicalization = value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "relaxed-simd-deterministic",
            Takes::Flag,
            "relaxed SIMD has the same results on every processor; slower",
            |settings, value| {
                settings.options.relaxed_simd_deterministic = value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "trap-on-grow-failure",
            Takes::Flag,
            "a memory or table that cannot grow is a trap",
            |settings, value| {
                settings.options.trap_on_grow_failure = value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "timeout",
            Takes::Time,
            "the program ends with a trap after this time: `2`, `2s`, `500ms`",
            |settings, value| {
                settings.options.policy.timeout = Some(value.time()?);
                Ok(())
            },
        ),
        Row::always("unknown-exports-allow"),
        Row::refused(
            "fuel",
            Takes::Number,
            "an executable counts no fuel; limit it from outside: `ulimit -t`",
        ),
        Row::refused(
            "wmemcheck",
            Takes::Flag,
            "memory accesses are not checked for it",
        ),
        Row::engine("epoch-interruption", Takes::Flag),
        Row::engine("async-stack-size", Takes::Bytes),
        Row::engine("async-stack-zeroing", Takes::Flag),
        Row::engine("gc-support", Takes::Flag),
        Row::engine("concurrency-support", Takes::Flag),
        Row::always("branch-hinting"),
        Row::apply(
            "all-proposals",
            Takes::Flag,
            "all of the following that are not named themselves",
            |settings, value| {
                settings.all_proposals = Some(value.flag()?);
                Ok(())
            },
        ),
        Row::gate("component-model-fixed-length-lists", Gate::FixedLengthLists),
        Row::gate("component-model-async-stackful", Gate::AsyncStackful),
        Row::gate(
            "component-model-more-async-builtins",
            Gate::MoreAsyncBuiltins,
        ),
        Row::gate("component-model-threading", Gate::Threading),
        Row::gate("shared-everything-threads", Gate::SharedEverything),
        Row::gate("component-model-error-context", Gate::ErrorContext),
        Row::gate("component-model-memory64", Gate::Memory64),
        Row::proposal("bulk-memory", Proposal::BulkMemory),
        Row::proposal("multi-value", Proposal::MultiValue),
        Row::proposal("reference-types", Proposal::ReferenceTypes),
        Row::proposal("simd", Proposal::Simd),
        Row::proposal("multi-memory", Proposal::MultiMemory),
        Row::proposal("memory64", Proposal::Memory64),
        Row::proposal("tail-call", Proposal::TailCall),
        Row::proposal("extended-const", Proposal::ExtendedConst),
        Row::proposal("exceptions", Proposal::Exceptions),
        Row::proposal("legacy-exceptions", Proposal::LegacyExceptions),
        Row::proposal("function-references", Proposal::FunctionReferences),
        Row::proposal("threads", Proposal::Threads),
        Row::proposal("wide-arithmetic", Proposal::WideArithmetic),
        Row::proposal("component-model", Proposal::ComponentModel),
        Row::proposal("component-model-async", Proposal::ComponentModelAsync),
        Row::proposal("component-model-map", Proposal::ComponentModelMap),
        Row::proposal(
            "component-model-implements",
            Proposal::ComponentModelImplements,
        ),
        Row::proposal("component-model-gc", Proposal::ComponentModelGc),
        Row::proposal("gc", Proposal::Gc),
        Row::proposal("relaxed-simd", Proposal::RelaxedSimd),
        Row::proposal("shared-memory", Proposal::SharedMemory),
        Row::proposal("stack-switching", Proposal::StackSwitching),
        Row::proposal("custom-page-sizes", Proposal::CustomPageSizes),
    ],
};

fn unknown_imports(
    settings: &mut Settings,
    value: Value<'_>,
    wanted: UnknownImports,
) -> Result<(), String> {
    let unknown = &mut settings.options.unknown_imports;
    if value.flag()? {
        *unknown = wanted;
    } else if *unknown == wanted {
        *unknown = UnknownImports::Refuse;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::row::Effect;

    #[test]
    fn every_gate_and_proposal_has_its_row() {
        for gate in Gate::ALL {
            let has = |row: &Row| matches!(row.effect, Effect::Gate(of) if of == gate);
            let row = WASM.rows.iter().find(|row| has(row)).unwrap();
            assert_eq!(row.key, gate.key());
        }
        for proposal in Proposal::ALL {
            let has = |row: &Row| matches!(row.effect, Effect::Proposal(of) if of == *proposal);
            let row = WASM.rows.iter().find(|row| has(row)).unwrap();
            assert_eq!(row.key, proposal.key());
        }
    }
}
