//! Sizes of memories and tables: what an import asks for, and what there is.
//!
//! Specification: core, "Matching", limits.

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
