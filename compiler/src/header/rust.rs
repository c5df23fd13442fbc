//! A Rust crate over a library: safe, and with nothing but the standard library. Here is that of a core
//! module.

mod component;
mod templates;
mod types;

use super::names::RUST_KEYWORDS;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{LibraryFn, LibraryItem, LinkPlan, library_prefix};
use std::fmt::Write;
use wasmparser::ValType;

/// The source of the crate.
///
/// # Errors
/// `Unsupported` for modules that import what the embedder would provide, and for components with types
/// that Rust or C cannot have.
pub(crate) fn source(plan: &LinkPlan<'_>, program: &str, wasm: &[u8]) -> Result<String> {
    let unsupported = |what: &str| Err(Error::new(ErrorKind::Unsupported, what.to_owned()));
    if plan.linked.has_components {
        return component::source(plan, program, wasm);
    }
    if !plan.library.imports.is_empty() {
        return unsupported("a module that imports functions of its embedder as a Rust crate");
    }
    let prefix = library_prefix(program);
    let mut declarations = String::new();
    let mut methods = String::new();
    for of_library in &plan.library.fns {
        let name = method(of_library, &prefix);
        declare(plan, of_library, &mut declarations);
        define(plan, of_library, &name, &mut methods);
    }
    Ok(SOURCE
        .replace("@declarations", &declarations)
        .replace("@methods", &methods)
        .replace("@app", &prefix))
}

/// The name of the export's method: that in C, without the prefix.
fn method(of_library: &LibraryFn, prefix: &str) -> String {
    let name = of_library.symbol.strip_prefix(prefix).unwrap_or_default();
    let name = name.strip_prefix('_').unwrap_or(name);
    let is_word = name.starts_with(|c: char| c.is_ascii_alphabetic());
    match (is_word, RUST_KEYWORDS.contains(&name)) {
        (false, _) => format!("call_{name}"),
        (true, true) => format!("{name}_"),
        (true, false) => name.to_owned(),
    }
}

fn rust_type(ty: ValType) -> &'static str {
    match ty {
        ValType::I32 => "i32",
        ValType::I64 => "i64",
        ValType::F32 => "f32",
        ValType::F64 => "f64",
        ValType::V128 => "[u8; 16]",
        ValType::Ref(_) => unreachable!("exports with references are left out"),
    }
}

fn declare(plan: &LinkPlan<'_>, of_library: &LibraryFn, text: &mut String) {
    let symbol = &of_library.symbol;
    let _ = write!(text, "        pub fn {symbol}(app: *mut c_void");
    let _ = match &of_library.item {
        LibraryItem::Func { params, results } => {
            for (position, ty) in params.iter().enumerate() {
                let address = if *ty == ValType::V128 { "*const " } else { "" };
                let _ = write!(text, ", p{position}: {address}{}", rust_type(*ty));
            }
            for (position, ty) in results.iter().enumerate() {
                let _ = write!(text, ", r{position}: *mut {}", rust_type(*ty));
            }
            writeln!(text, ") -> i32;")
        }
        LibraryItem::Memory => writeln!(text, ", bytes: *mut u64) -> *mut u8;"),
        LibraryItem::Global(global) => {
            let ty = rust_type(plan.globals[global.index()].ty);
            writeln!(text, ", value: *mut {ty});")
        }
        LibraryItem::Lift | LibraryItem::Start | LibraryItem::Poll | LibraryItem::Drop => {
            unreachable!("components are refused")
        }
    };
}

fn define(plan: &LinkPlan<'_>, of_library: &LibraryFn, name: &str, text: &mut String) {
    let (symbol, export) = (&of_library.symbol, of_library.name.escape_debug());
    let _ = writeln!(text, "\n    /// `{export}`");
    let _ = match &of_library.item {
        LibraryItem::Func { params, results } => function(symbol, name, params, results, text),
        LibraryItem::Memory => write!(
            text,
            "    pub fn {name}(&mut self) -> &mut [u8] {{
        let mut bytes = 0;
        // SAFETY: the handle is that of an instance that nobody else uses.
        let start = unsafe {{ sys::{symbol}(self.handle.as_ptr(), &mut bytes) }};
        // SAFETY: so many bytes lie there, and the instance does not run while they are borrowed.
        unsafe {{ std::slice::from_raw_parts_mut(start, bytes as usize) }}
    }}\n"
        ),
        LibraryItem::Global(global) => {
            let ty = rust_type(plan.globals[global.index()].ty);
            write!(
                text,
                "    pub fn {name}(&self) -> {ty} {{
        let mut value: {ty} = Default::default();
        // SAFETY: the handle is that of an instance, and nothing of it runs.
        unsafe {{ sys::{symbol}(self.handle.as_ptr(), &mut value) }};
        value
    }}\n"
            )
        }
        LibraryItem::Lift | LibraryItem::Start | LibraryItem::Poll | LibraryItem::Drop => {
            unreachable!("components are refused")
        }
    };
}

fn function(
    symbol: &str,
    name: &str,
    params: &[ValType],
    results: &[ValType],
    text: &mut String,
) -> std::fmt::Result {
    let list: String = (params.iter().enumerate())
        .map(|(position, ty)| format!(", p{position}: {}", rust_type(*ty)))
        .collect();
    let types: Vec<&str> = results.iter().map(|ty| rust_type(*ty)).collect();
    let given = match &types[..] {
        [one] => (*one).to_owned(),
        types => format!("({})", types.join(", ")),
    };
    writeln!(
        text,
        "    pub fn {name}(&mut self{list}) -> Result<{given}, Error> {{"
    )?;
    for (position, ty) in types.iter().enumerate() {
        writeln!(
            text,
            "        let mut r{position}: {ty} = Default::default();"
        )?;
    }
    let args = params.iter().enumerate().map(|(position, ty)| match ty {
        ValType::V128 => format!(", &p{position}"),
        _ => format!(", p{position}"),
    });
    let outs = (0..types.len()).map(|position| format!(", &mut r{position}"));
    let args: String = args.chain(outs).collect();
    let values: Vec<String> = (0..types.len())
        .map(|position| format!("r{position}"))
        .collect();
    let values = match &values[..] {
        [one] => one.clone(),
        values => format!("({})", values.join(", ")),
    };
    write!(
        text,
        "        // SAFETY: the handle is that of an instance that nobody else uses.
        let status = unsafe {{ sys::{symbol}(self.handle.as_ptr(){args}) }};
        self.result(status).map(|()| {values})
    }}\n"
    )
}

/// What every crate has; `@` stands before what is put in.
const SOURCE: &str = r#"//! What @app exports. Made by wasmelt.

use std::ffi::{CStr, c_char, c_void};
use std::fmt;
use std::ptr::{NonNull, null, null_mut};

mod sys {
    use super::{c_char, c_void};

    #[repr(C)]
    pub struct Config {
        pub memory_bytes_max: u64,
        pub stack_bytes: u64,
        pub imports: *const c_void,
    }

    #[allow(clippy::too_many_arguments)]
    unsafe extern "C" {
        pub fn @app_new(config: *const Config, app: *mut *mut c_void) -> i32;
        pub fn @app_delete(app: *mut c_void);
        pub fn @app_message(app: *mut c_void) -> *const c_char;
        pub fn @app_exit_code(app: *mut c_void) -> i32;
@declarations    }
}

/// Why a call has given no result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Error {
    /// A trap has ended the instance; which and where.
    Trap(String),
    /// The program has exited with this code, which ends the instance.
    Exit(i32),
    /// An earlier call has ended the instance.
    Ended,
    /// There is no memory for an instance; why.
    NoMemory(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Trap(text) | Error::NoMemory(text) => f.write_str(text),
            Error::Exit(code) => write!(f, "the program has exited with code {code}"),
            Error::Ended => f.write_str("the instance has been ended by an earlier call"),
        }
    }
}

impl std::error::Error for Error {}

/// What may be said about a new instance; by default nothing.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Config {
    /// No memory gets larger; 0 for what the program says.
    pub memory_bytes_max: u64,
    /// How much of the calling thread's stack may be used; 0 for what the library was built with.
    pub stack_bytes: u64,
}

/// An instance of the program.
#[derive(Debug)]
pub struct Instance {
    handle: NonNull<c_void>,
}

// SAFETY: one thread at a time uses an instance, any one.
unsafe impl Send for Instance {}

impl Instance {
    /// # Errors
    /// When there is no memory for it, or its start ends with a trap or an exit.
    pub fn new(config: &Config) -> Result<Instance, Error> {
        let mut handle = null_mut();
        let config = sys::Config {
            memory_bytes_max: config.memory_bytes_max,
            stack_bytes: config.stack_bytes,
            imports: null(),
        };
        // SAFETY: both are valid.
        let status = unsafe { sys::@app_new(&config, &mut handle) };
        match NonNull::new(handle) {
            Some(handle) => Ok(Instance { handle }),
            None => Err(error(status, null_mut())),
        }
    }

    fn result(&self, status: i32) -> Result<(), Error> {
        match status {
            0 => Ok(()),
            _ => Err(error(status, self.handle.as_ptr())),
        }
    }
@methods}

impl Drop for Instance {
    fn drop(&mut self) {
        // SAFETY: the handle is that of an instance, and is not used any more.
        unsafe { sys::@app_delete(self.handle.as_ptr()) }
    }
}

/// What a status means, of an instance or of the last one that could not be made.
#[cold]
fn error(status: i32, handle: *mut c_void) -> Error {
    // SAFETY: the handle is null or that of an instance.
    let text = unsafe { CStr::from_ptr(sys::@app_message(handle)) };
    let text = text.to_string_lossy().into_owned();
    match status {
        1 => Error::Trap(text),
        // SAFETY: as above.
        2 => Error::Exit(unsafe { sys::@app_exit_code(handle) }),
        3 => Error::Ended,
        _ => Error::NoMemory(text),
    }
}
"#;
