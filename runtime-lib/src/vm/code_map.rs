//! What is known about an address of compiled code: the trap, the function, the wasm offset, the
//! exception handlers. Everything is a binary search in a table of the program, fit for signal
//! handlers.

use crate::vm::process::{items, program};
use wasmelt_abi::{CallSite, CodeMap, Handler, TrapCode};

/// The offset of `address` from the start of the wasm code, if it is inside.
pub(super) fn offset_of(code: &CodeMap, address: usize) -> Option<u32> {
    let offset = address.wrapping_sub(code.text_start as usize);
    if (offset as u64) < code.text_bytes {
        u32::try_from(offset).ok()
    } else {
        None
    }
}

/// The program's own map.
pub(super) fn of_program() -> &'static CodeMap {
    &program().code
}

/// The trap of the instruction at exactly this offset.
pub(super) fn trap_at(code: &'static CodeMap, offset: u32) -> Option<TrapCode> {
    let index = items(&code.trap_offsets).binary_search(&offset).ok()?;
    // SAFETY: `trap_codes` has as many items as `trap_offsets`, of which this is an index.
    TrapCode::from_u8(unsafe { *code.trap_codes.add(index) })
}

/// The name of the function that contains this offset; empty where backtraces leave it out.
pub(super) fn function_name(code: &'static CodeMap, offset: u32) -> &'static [u8] {
    let Some(index) = last_at_or_before(items(&code.function_offsets), offset) else {
        return &[];
    };
    // SAFETY: `name_offsets` has one item more than `function_offsets`.
    let (start, end) = unsafe {
        (
            *code.name_offsets.add(index),
            *code.name_offsets.add(index + 1),
        )
    };
    items(&code.names)
        .get(start as usize..end as usize)
        .unwrap_or(&[])
}

/// The offset in the wasm file of the instruction that this offset belongs to, where known.
pub(super) fn wasm_offset(code: &'static CodeMap, offset: u32) -> Option<u32> {
    let index = last_at_or_before(items(&code.line_offsets), offset)?;
    // SAFETY: `line_wasm_offsets` has as many items as `line_offsets`.
    Some(unsafe { *code.line_wasm_offsets.add(index) })
}

/// The call that returns to this offset, with its exception handlers, if it has any.
pub(super) fn call_site(
    code: &'static CodeMap,
    return_offset: u32,
) -> Option<(CallSite, &'static [Handler])> {
    let sites = items(&code.call_sites);
    let index = sites
        .binary_search_by_key(&return_offset, |site| site.return_offset)
        .ok()?;
    let site = sites.get(index)?;
    // SAFETY: one more site than `len` follows in the array, for the end of the last list.
    let next = unsafe { &*code.call_sites.start.add(index + 1) };
    let count = next.first_handler.saturating_sub(site.first_handler) as usize;
    // SAFETY: the compiler wrote the index of the first handler and of the one after the last.
    let handlers = unsafe {
        std::slice::from_raw_parts(code.handlers.add(site.first_handler as usize), count)
    };
    Some((*site, handlers))
}

/// The index of the last item that is not greater than `offset`.
fn last_at_or_before(offsets: &[u32], offset: u32) -> Option<usize> {
    offsets
        .partition_point(|&start| start <= offset)
        .checked_sub(1)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::ptr::null;
    use wasmelt_abi::Slice;

    fn leak<T: 'static>(values: Vec<T>) -> Slice<T> {
        let values: &'static [T] = values.leak();
        Slice {
            start: values.as_ptr(),
            len: values.len() as u64,
        }
    }

    /// 100 bytes of code from address 0x1000 with three functions, the second of them unnamed.
    pub(in crate::vm) fn example() -> &'static CodeMap {
        Box::leak(Box::new(CodeMap {
            text_start: std::ptr::without_provenance(0x1000),
            text_bytes: 100,
            trap_offsets: leak(vec![4, 10, 99]),
            trap_codes: leak(vec![2, 7, 1]).start,
            function_offsets: leak(vec![0, 20, 60]),
            name_offsets: leak(vec![0, 3, 3, 6]).start,
            names: leak(b"m!am!b".to_vec()),
            call_sites: Slice {
                len: 2,
                ..leak(vec![
                    CallSite {
                        return_offset: 30,
                        fp_to_sp_bytes: 32,
                        first_handler: 0,
                    },
                    CallSite {
                        return_offset: 40,
                        fp_to_sp_bytes: 48,
                        first_handler: 2,
                    },
                    CallSite {
                        return_offset: 0,
                        fp_to_sp_bytes: 0,
                        first_handler: 3,
                    },
                ])
            },
            handlers: leak(vec![
                Handler {
                    tag: 5,
                    landing_offset: 31,
                },
                Handler {
                    tag: 6,
                    landing_offset: 32,
                },
                Handler {
                    tag: u32::MAX,
                    landing_offset: 41,
                },
            ])
            .start,
            line_offsets: Slice {
                start: null(),
                len: 0,
            },
            line_wasm_offsets: null(),
        }))
    }

    #[test]
    fn offsets_are_of_the_text_alone() {
        let code = example();
        assert_eq!(offset_of(code, 0x1000), Some(0));
        assert_eq!(offset_of(code, 0x1063), Some(99));
        assert_eq!(offset_of(code, 0x1064), None);
        assert_eq!(offset_of(code, 0xfff), None);
    }

    #[test]
    fn traps_are_found_at_their_exact_offset() {
        let code = example();
        assert_eq!(trap_at(code, 4), Some(TrapCode::MemoryOutOfBounds));
        assert_eq!(trap_at(code, 5), None);
        assert_eq!(trap_at(code, 99), Some(TrapCode::Unreachable));
    }

    #[test]
    fn names() {
        let code = example();
        assert_eq!(function_name(code, 0), b"m!a");
        assert_eq!(function_name(code, 19), b"m!a");
        assert_eq!(function_name(code, 59), b"");
        assert_eq!(function_name(code, 60), b"m!b");
        assert_eq!(wasm_offset(code, 60), None);
    }

    #[test]
    fn call_sites_have_their_own_handlers() {
        let code = example();
        let tags = |offset| {
            call_site(code, offset).map(|(_, handlers)| {
                handlers
                    .iter()
                    .map(|handler| handler.tag)
                    .collect::<Vec<_>>()
            })
        };
        assert_eq!(tags(30), Some(vec![5, 6]));
        assert_eq!(tags(40), Some(vec![u32::MAX]));
        assert_eq!(tags(31), None);
        assert_eq!(tags(0), None);
    }
}
