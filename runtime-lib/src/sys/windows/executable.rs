//! The executable that runs: its arguments, its environment, and its end.

use std::ffi::{CString, OsStr, c_char};

use windows_sys::Win32::System::Threading::{GetCurrentProcess, TerminateProcess};

/// A part of the executable's file that the system has mapped for initial memory.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    pub start: usize,
    pub len: usize,
}

impl Segment {
    #[must_use]
    pub fn end(&self) -> usize {
        self.start + self.len
    }
}

/// Nothing: initial memory is copied.
pub fn segments() -> impl Iterator<Item = Segment> {
    std::iter::empty()
}

/// Ends the process without running anything else.
pub fn exit(code: i32) -> ! {
    loop {
        // SAFETY: ends this process at once.
        unsafe { TerminateProcess(GetCurrentProcess(), code.cast_unsigned()) };
    }
}

/// The arguments and the environment in UTF-8, as C has them: lists that end with null, and how many
/// arguments there are. They stay for as long as the process.
#[must_use]
pub fn strings() -> (usize, *mut *const c_char, *mut *const c_char) {
    let arguments: Vec<CString> = std::env::args_os().map(|it| text(&[&it])).collect();
    let count = arguments.len();
    let variables = std::env::vars_os();
    let variables = variables.map(|(name, value)| text(&[&name, OsStr::new("="), &value]));
    (count, list(arguments), list(variables.collect()))
}

/// What is not Unicode has other characters in its place.
fn text(parts: &[&OsStr]) -> CString {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(part.to_string_lossy().as_bytes());
    }
    // Windows has no text with zeros in it.
    CString::new(bytes).unwrap_or_default()
}

fn list(texts: Vec<CString>) -> *mut *const c_char {
    let texts = texts.into_iter().map(|it| it.into_raw().cast_const());
    let list: Vec<*const c_char> = texts.chain([std::ptr::null()]).collect();
    list.leak().as_mut_ptr()
}

/// The environment, in memory that is never given back.
pub fn environment() -> *mut *const c_char {
    strings().2
}
