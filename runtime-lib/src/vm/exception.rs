//! Exceptions: made and freed by compiled code, thrown by walking frame pointers to the first
//! call that has a matching handler. There are no landing pads in host functions.

use crate::vm::arch;
use crate::vm::backtrace::{Frame, Frames};
use crate::vm::code_map;
use crate::vm::exception_pool;
use crate::vm::trap::{self, TrapInfo, raise};
use wasmelt_abi::{CodeMap, Exception, Handler, TrapCode};

/// More values than any tag has: WebAssembly allows 1000 parameters.
const VALUES_MAX: u64 = 1000;

/// Makes an exception with `values` uninitialized values; compiled code fills them.
#[unsafe(export_name = "wasmelt_exception_new")]
pub(crate) extern "C" fn exception_new(tag: i32, values: i64) -> *mut u8 {
    let values = values as u64;
    if values > VALUES_MAX {
        raise(TrapCode::AllocationTooLarge);
    }
    let exception = exception_pool::allocate(values);
    if exception.is_null() {
        raise(TrapCode::AllocationTooLarge);
    }
    // SAFETY: the memory is new and has the layout of an exception.
    unsafe {
        exception.write(Exception {
            tag: tag as u32,
            shared: 0,
            values,
        })
    };
    exception.cast()
}

/// Frees an exception that a handler has caught for good. One that an `exnref` may refer to stays
/// until it is collected.
///
/// # Safety
/// `exception` comes from [`exception_new`], and unless it is shared nothing refers to it.
#[unsafe(export_name = "wasmelt_exception_free")]
pub(crate) unsafe extern "C" fn exception_free(exception: *mut u8) {
    let exception = exception.cast::<Exception>();
    // SAFETY: the caller vouches for it.
    if unsafe { (*exception).shared } == 0 {
        // SAFETY: the caller vouches for it.
        unsafe { exception_pool::free(exception) };
    }
}

/// What `throw` of `arch` calls: `return_address` and `fp` are those of its caller.
///
/// # Safety
/// The exception is a valid one.
pub(super) unsafe extern "C" fn throw_from(
    exception: *mut u8,
    return_address: usize,
    fp: usize,
    preserved: *const arch::Preserved,
) -> ! {
    let exception = exception.cast::<Exception>();
    // SAFETY: the caller vouches for it.
    let tag = unsafe { (*exception).tag };
    let thrower = Frame { return_address, fp };
    if let Some(landing) = find(code_map::of_program(), tag, thrower) {
        // SAFETY: the frame is live, and its call has a handler there.
        unsafe {
            arch::land(
                landing.address,
                landing.sp,
                landing.fp,
                exception,
                preserved,
            )
        }
    }
    // SAFETY: no handler will ever see it; one that is shared stays.
    unsafe { exception_free(exception.cast()) };
    trap::stop(
        TrapInfo::new(TrapCode::UncaughtException),
        return_address,
        Frames::new(fp, fp, return_address),
    )
}

/// Where an exception is handled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Landing {
    address: usize,
    sp: usize,
    fp: usize,
}

/// The first handler for `tag` in the frame that throws or in one of those that called it, as
/// long as they are compiled code.
fn find(code: &'static CodeMap, tag: u32, thrower: Frame) -> Option<Landing> {
    let callers = Frames::new(thrower.fp, thrower.fp, thrower.return_address);
    for frame in std::iter::once(thrower).chain(callers) {
        // A return address is after the call: it may be the end of the text, but not its start.
        let offset = code_map::offset_of(code, frame.return_address.wrapping_sub(1))? + 1;
        let Some((site, handlers)) = code_map::call_site(code, offset) else {
            continue;
        };
        if let Some(handler) = handlers.iter().find(|handler| handles(handler, tag)) {
            return Some(Landing {
                address: code.text_start as usize + handler.landing_offset as usize,
                sp: frame.fp - site.fp_to_sp_bytes as usize,
                fp: frame.fp,
            });
        }
    }
    None
}

fn handles(handler: &Handler, tag: u32) -> bool {
    handler.tag == tag || handler.tag == u32::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freed_exceptions_are_reused_unless_shared() {
        let first = exception_new(3, 1);
        // SAFETY: it was just made, and nothing else refers to it.
        unsafe { exception_free(first) };
        let second = exception_new(4, 2);
        assert_eq!(second, first);
        // SAFETY: as above.
        unsafe { (*second.cast::<Exception>()).shared = 1 };
        // SAFETY: as above.
        unsafe { exception_free(second) };
        let third = exception_new(4, 2);
        assert_ne!(third, second);
        // SAFETY: as above.
        let written = unsafe { &*third.cast::<Exception>() };
        assert_eq!((written.tag, written.shared, written.values), (4, 0, 2));
        // SAFETY: as above.
        unsafe { exception_free(third) };
    }

    #[test]
    fn large_exceptions_have_room() {
        let exception = exception_new(1, 1000);
        // SAFETY: it was made with room for that many values.
        unsafe { exception.add(16).write_bytes(0xff, 16 * 1000) };
        // SAFETY: nothing else refers to it.
        unsafe { exception_free(exception) };
    }

    #[test]
    fn the_first_matching_handler_wins() {
        let code = code_map::tests::example();
        let thrower = |offset: usize| Frame {
            return_address: 0x1000 + offset,
            fp: 0x9000,
        };
        let landing = |address, frame_bytes: usize| {
            Some(Landing {
                address,
                sp: 0x9000 - frame_bytes,
                fp: 0x9000,
            })
        };
        assert_eq!(find(code, 5, thrower(30)), landing(0x1000 + 31, 32));
        assert_eq!(find(code, 6, thrower(30)), landing(0x1000 + 32, 32));
        assert_eq!(find(code, 6, thrower(40)), landing(0x1000 + 41, 48));
        assert_eq!(find(code, 7, thrower(30)), None);
        assert_eq!(
            find(
                code,
                5,
                Frame {
                    return_address: 0x9999,
                    fp: 0x9000
                }
            ),
            None
        );
    }
}
