//! What is known about an address of compiled code: the trap, the function, the wasm offset, the
//! exception handlers. Everything is a binary search in a table of the program, fit for signal
//! handlers.

use crate::vm::process::{items, program};
use wasmelt_abi::places::Frame;
use wasmelt_abi::{CallSite, CodeMap, FindFrame, Handler, TrapCode};

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

/// The function that contains this offset: its number, and where it begins.
pub(super) fn function_at(code: &'static CodeMap, offset: u32) -> Option<(usize, u32)> {
    let starts = items(&code.function_offsets);
    let index = starts
        .partition_point(|&start| start <= offset)
        .checked_sub(1)?;
    Some((index, *starts.get(index)?))
}

/// The name of the function that contains this offset; empty where backtraces leave it out.
pub(super) fn function_name(code: &'static CodeMap, offset: u32) -> &'static [u8] {
    function_at(code, offset).map_or(&[], |(index, _)| name(code, index))
}

/// The name of the function with this number.
#[inline(never)]
pub(super) fn name(code: &'static CodeMap, index: usize) -> &'static [u8] {
    // SAFETY: `name_offsets` has one item more than `function_offsets`, of which this is an index.
    let [start, end] = [index, index + 1].map(|index| unsafe { *code.name_offsets.add(index) });
    items(&code.names)
        .get(start as usize..end as usize)
        .unwrap_or(&[])
}

/// The frame with this number that the instruction at an offset is in; an inlined function comes
/// before that which it is inlined in. It has no name if backtraces leave it out.
pub(super) fn frame(code: &'static CodeMap, offset: u32, number: usize) -> Option<Frame> {
    let mut frame = Frame::default();
    // SAFETY: where it is not null, the compiler wrote it.
    if let Some(places) = unsafe { code.places.as_ref() } {
        // SAFETY: the compiler wrote the address of a function of this type there.
        let find = unsafe { std::mem::transmute::<*const u8, FindFrame>(places.frame) };
        return find(code, offset, number, &mut frame).then_some(frame);
    }
    frame.name = function_name(code, offset);
    (number == 0).then_some(frame)
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
    site(code, index)
}

/// Those of the function that this offset is in, as far as they have handlers.
pub(super) fn call_sites_around(
    code: &'static CodeMap,
    offset: u32,
) -> impl Iterator<Item = (CallSite, &'static [Handler])> {
    let (index, start) = function_at(code, offset).unwrap_or((0, 0));
    let end = items(&code.function_offsets).get(index + 1);
    let end = end.copied().unwrap_or(u32::MAX);
    let sites = items(&code.call_sites);
    // What a call returns to may be the end of its function.
    let behind = |offset| sites.partition_point(|site| site.return_offset <= offset);
    (behind(start)..behind(end)).filter_map(move |index| site(code, index))
}

/// The call site with this number.
fn site(code: &'static CodeMap, index: usize) -> Option<(CallSite, &'static [Handler])> {
    let site = items(&code.call_sites).get(index)?;
    // SAFETY: one more site than `len` follows in the array, for the end of the last list.
    let next = unsafe { &*code.call_sites.start.add(index + 1) };
    let count = next.first_handler.saturating_sub(site.first_handler) as usize;
    // SAFETY: the compiler wrote the index of the first handler and of the one after the last.
    let handlers = unsafe {
        std::slice::from_raw_parts(code.handlers.add(site.first_handler as usize), count)
    };
    Some((*site, handlers))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::vm::places;
    use wasmelt_abi::Slice;
    use wasmelt_abi::places::{Flags, Places};

    fn leak<T: 'static>(values: Vec<T>) -> Slice<T> {
        let values: &'static [T] = values.leak();
        Slice {
            start: values.as_ptr(),
            len: values.len() as u64,
        }
    }

    /// In the first function, which begins at 100 in the input, `m!b` is inlined from offset 2 to
    /// 10; the third begins at 400.
    const PLACES: &[u8] = &[
        0, 14, 100, 1, 1, 21, 4, 0, 1, 3, 2, 2, 13, 8, 1, 8, //
        2, 6, 0x90, 3, 0, 0, 1, 1,
    ];

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
            places: Box::leak(Box::new(Places {
                frame: places::wasmelt_frame as *const u8,
                flags: Flags::OFFSETS,
                records: leak(PLACES.to_vec()),
                groups: leak(vec![0, PLACES.len() as u32]).start,
                sources: std::ptr::null(),
            })),
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
    }

    #[test]
    fn inlined_functions_come_first() {
        let at = |offset| {
            let frames = (0..).map_while(|number| frame(example(), offset, number));
            let frames = frames.map(|frame| (frame.name, frame.wasm_offset));
            frames.collect::<Vec<_>>()
        };
        assert_eq!(at(1), [(&b"m!a"[..], Some(101))]);
        let inlined = [(&b"m!b"[..], Some(407)), (&b"m!a"[..], Some(110))];
        assert_eq!(at(2), inlined);
        assert_eq!(at(9), inlined);
        assert_eq!(at(10), [(&b"m!a"[..], Some(103))]);
        assert_eq!(at(20), [(&b""[..], None)]);
        assert_eq!(at(60), [(&b"m!b"[..], Some(400))]);
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
        let around = |offset| {
            call_sites_around(code, offset)
                .map(|(site, _)| site.return_offset)
                .collect::<Vec<_>>()
        };
        assert_eq!(around(20), [30, 40]);
        assert_eq!(around(59), [30, 40]);
        assert!(around(60).is_empty() && around(19).is_empty());
    }
}
