//! The module that scripts import as `spectest`, as far as the compiler takes it.

use wasmelt_compiler::{Options, ScriptItem, ScriptModule};

use crate::executables;

/// What needs a feature that the compiler may not have yet.
const TABLE64: &str = r#"(table (export "table64") i64 10 20 funcref)"#;

#[derive(Debug)]
pub struct Spectest {
    pub wasm: Vec<u8>,
    /// An export that had to be left out, and why.
    pub missing: Option<(&'static str, String)>,
}

impl Spectest {
    /// Assembles the module with everything that compiles.
    ///
    /// # Panics
    /// When even the rest does not compile.
    #[must_use]
    pub fn assemble() -> Spectest {
        let base = include_str!("spectest.wat");
        let whole = base.replace("(;table64;)", TABLE64);
        let wasm = wat::parse_str(whole).expect("it is a module");
        let Err(error) = compile(&wasm) else {
            return Spectest {
                wasm,
                missing: None,
            };
        };
        let wasm = wat::parse_str(base).expect("it is a module");
        compile(&wasm).unwrap_or_else(|error| panic!("`spectest` does not compile: {error}"));
        Spectest {
            wasm,
            missing: Some(("table64", error.message)),
        }
    }
}

fn compile(wasm: &[u8]) -> wasmelt_compiler::Result<()> {
    let module = ScriptItem::Module(ScriptModule {
        wasm,
        name: "spectest".to_owned(),
        providers: std::collections::HashMap::new(),
    });
    executables::compile(&[module], &Options::default()).map(|_| ())
}
