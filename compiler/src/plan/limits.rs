//! Sizes of memories and tables: what an import asks for, and what there is; and how many of them
//! a program may have.
//!
//! Specification: core, "Matching", limits.

use super::LinkPlan;
use crate::error::{Error, Result};
use crate::options::Counts;
use wasmparser::{MemoryType, TableType};

fn limits_fit(want: (u64, Option<u64>), have: (u64, Option<u64>)) -> bool {
    have.0 >= want.0
        && match (want.1, have.1) {
            (None, _) => true,
            (Some(want), Some(have)) => have <= want,
            (Some(_), None) => false,
        }
}

/// The type that a table has after growing to what an import asks for, if its maximum allows it.
pub(super) fn grown_table(have: TableType, want: &TableType) -> TableType {
    let initial = have
        .initial
        .max(want.initial)
        .min(have.maximum.unwrap_or(u64::MAX));
    TableType { initial, ..have }
}

pub(super) fn grown_memory(have: MemoryType, want: &MemoryType) -> MemoryType {
    let initial = have
        .initial
        .max(want.initial)
        .min(have.maximum.unwrap_or(u64::MAX));
    MemoryType { initial, ..have }
}

pub(super) fn table_fits(want: &TableType, have: &TableType) -> bool {
    want.element_type == have.element_type
        && want.table64 == have.table64
        && limits_fit((want.initial, want.maximum), (have.initial, have.maximum))
}

pub(super) fn memory_fits(want: &MemoryType, have: &MemoryType) -> bool {
    want.memory64 == have.memory64
        && want.shared == have.shared
        && want.page_size_log2 == have.page_size_log2
        && limits_fit((want.initial, want.maximum), (have.initial, have.maximum))
}

/// Whether a program has no more of some things than it may.
///
/// # Errors
/// `Usage` for the first that it has too many of.
pub(super) fn check_counts(plan: &LinkPlan<'_>, counts: Counts) -> Result<()> {
    let (instances, memories) = (plan.instances.len(), plan.memories.len());
    let rows = [
        (
            "core instances",
            instances,
            counts.instances,
            "max-instances",
        ),
        ("memories", memories, counts.memories, "max-memories"),
        ("tables", plan.tables.len(), counts.tables, "max-tables"),
    ];
    for (what, count, limit, key) in rows {
        if let Some(limit) = limit.filter(|limit| count as u64 > *limit) {
            return Err(Error::usage(format!(
                "number of {what}: {count}, more than `-W {key}={limit}` allows"
            )));
        }
    }
    Ok(())
}
