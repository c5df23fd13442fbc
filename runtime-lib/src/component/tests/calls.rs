//! Handles that pass between component instances: the runtime functions, as compiled code calls
//! them.

use super::guest::{Guest, trap_text};
use crate::component::runtime_fns::{
    borrow_lift, borrow_lower, own_lift, own_lower, resource_drop, resource_new, resource_rep,
    scope_enter, scope_exit, utf8_copy,
};

/// Two component instances.
const A: i32 = 1;
const B: i32 = 2;
/// Resource types.
const R: i32 = 300;
const S: i32 = 301;

/// A store, by one of its memories.
struct Instances(*mut u8);

/// Calls runtime functions with the memory before the other arguments.
macro_rules! methods {
    ($( $name:ident ( $($param:ident),* ) -> $result:ty; )*) => {
        impl Instances {
            $(
                fn $name(&self $(, $param: i32)*) -> $result {
                    // SAFETY: the memory is that of a store.
                    unsafe { $name(self.0 $(, $param)*) }
                }
            )*
        }
    };
}

methods! {
    resource_new(instance, resource, rep) -> i32;
    resource_rep(instance, resource, handle) -> i32;
    resource_drop(instance, resource, handle) -> i64;
    own_lift(instance, resource, handle) -> i32;
    own_lower(instance, resource, rep) -> i32;
    borrow_lift(instance, resource, handle) -> i32;
    borrow_lower(instance, resource, rep) -> i32;
    scope_enter() -> ();
    scope_exit() -> ();
}

#[test]
fn owned_handles_move() {
    let mut guest = Guest::new();
    let all = Instances(guest.memory().start());
    let handle = all.resource_new(A, R, -7);
    assert_eq!(handle, 1);
    assert_eq!(all.resource_rep(A, R, handle), -7);
    let rep = all.own_lift(A, R, handle);
    let moved = all.own_lower(B, R, rep);
    assert_eq!(moved, 1);
    assert_eq!(
        trap_text(|| _ = all.own_lift(A, R, handle)),
        "unknown handle index 1"
    );
    assert_eq!(all.resource_drop(B, R, moved), 0xffff_fff9);
    assert_eq!(
        trap_text(|| _ = all.resource_drop(B, R, moved)),
        "unknown handle index 1"
    );
}

#[test]
fn stores_are_apart() {
    let (mut one, mut other) = (Guest::new(), Guest::new());
    let one = Instances(one.memory().start());
    let other = Instances(other.memory().start());
    one.resource_new(A, R, 5);
    assert_eq!(other.resource_new(A, S, 6), 1);
    assert_eq!(one.resource_rep(A, R, 1), 5);
    assert_eq!(other.resource_rep(A, S, 1), 6);
}

#[test]
fn borrowed_handles_end_with_their_call() {
    let mut guest = Guest::new();
    let all = Instances(guest.memory().start());
    let handle = all.resource_new(A, R, 5);
    all.scope_enter();
    let borrowed = all.borrow_lower(B, R, all.borrow_lift(A, R, handle));
    assert_eq!(all.resource_rep(B, R, borrowed), 5);
    let lent = "cannot remove owned resource while borrowed";
    assert_eq!(trap_text(|| _ = all.resource_drop(A, R, handle)), lent);
    assert_eq!(trap_text(|| _ = all.own_lift(A, R, handle)), lent);
    assert_eq!(
        trap_text(|| _ = all.own_lift(B, R, borrowed)),
        "cannot lift own resource from a borrow"
    );
    assert_eq!(all.resource_drop(B, R, borrowed), -1);
    all.scope_exit();
    assert_eq!(all.resource_drop(A, R, handle), 5);
}

#[test]
fn a_call_does_not_end_with_borrowed_handles() {
    let mut guest = Guest::new();
    let all = Instances(guest.memory().start());
    let handle = all.resource_new(A, R, 5);
    all.scope_enter();
    let outer = all.borrow_lower(B, R, all.borrow_lift(A, R, handle));
    all.scope_enter();
    let inner = all.borrow_lower(A, R, all.borrow_lift(B, R, outer));
    assert_eq!(
        trap_text(|| all.scope_exit()),
        "borrow handles still remain at the end of the call"
    );
    // The trap has ended the inner call; its handle no longer counts for any.
    assert_eq!(all.resource_drop(A, R, inner), -1);
    assert_eq!(
        trap_text(|| all.scope_exit()),
        "borrow handles still remain at the end of the call"
    );
}

#[test]
fn calls_that_a_trap_has_ended_are_left() {
    let mut guest = Guest::new();
    let all = Instances(guest.memory().start());
    let handle = all.resource_new(A, R, 5);
    let depth = guest.call().depth();
    all.scope_enter();
    all.borrow_lift(A, R, handle);
    all.scope_enter();
    all.borrow_lift(A, R, handle);
    guest.call().unwind_to(depth);
    assert_eq!(guest.call().depth(), depth);
    assert_eq!(all.own_lift(A, R, handle), 5);
}

#[test]
fn strings_in_utf8_are_checked() {
    let copied = |bytes: &[u8]| {
        let mut copy = vec![0; bytes.len()];
        let (to, from) = (copy.as_mut_ptr(), bytes.as_ptr().cast_mut());
        // SAFETY: both ranges are as long as that.
        let trap = trap_text(|| unsafe { utf8_copy(to, from, bytes.len() as i64) });
        if trap == "no trap" {
            assert_eq!(copy, bytes);
        }
        trap
    };
    let long = "words of ASCII, ".repeat(5);
    for text in ["", "a", "é", "日本", &long, &format!("{long}日本{long}")] {
        assert_eq!(copied(text.as_bytes()), "no trap");
        let mut bytes = text.as_bytes().to_vec();
        bytes.push(0xe6);
        assert_eq!(copied(&bytes), "invalid utf-8 sequence");
        bytes.extend_from_slice(long.as_bytes());
        assert_eq!(copied(&bytes), "invalid utf-8 sequence");
    }
}
