//! The static library of `numbers.wat`, in a Rust program, whose own panics unwind as ever.

use std::ffi::{CStr, c_char, c_void};
use std::ptr::{null, null_mut};

#[link(name = "numbers", kind = "static")]
unsafe extern "C" {
    fn numbers_new(config: *const c_void, app: *mut *mut c_void) -> i32;
    fn numbers_delete(app: *mut c_void);
    fn numbers_message(app: *const c_void) -> *const c_char;
    fn numbers_add(app: *mut c_void, a: i32, b: i32, sum: *mut i32) -> i32;
    fn numbers_fail(app: *mut c_void) -> i32;
}

fn main() {
    // SAFETY: the library's functions are called as its header says.
    unsafe {
        let (mut app, mut sum) = (null_mut(), 0);
        assert_eq!(numbers_new(null(), &mut app), 0);
        assert_eq!((numbers_add(app, 40, 2, &mut sum), sum), (0, 42));
        assert_eq!(numbers_fail(app), 1);
        let message = CStr::from_ptr(numbers_message(app))
            .to_string_lossy()
            .into_owned();
        assert!(message.contains("numbers!outer"), "{message}");
        numbers_delete(app);
    }
    let caught = std::panic::catch_unwind(|| panic!("of the program itself"));
    assert!(caught.is_err());
}
