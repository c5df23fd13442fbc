//! Bytes of hello world.

use std::fs;
use std::path::Path;

use crate::figures::Figures;
use crate::options::{Options, Result};
use crate::tools::{Tools, kernels_dir};

pub fn run(tools: &Tools, _options: &Options, figures: &mut Figures) -> Result<()> {
    let wasm = kernels_dir().join("hello.wasm");
    let mut rows = vec![
        ("wasm", wasm.clone()),
        ("wasmelt", tools.wasmelt(&wasm)?),
        (
            "static C",
            tools.native_static(&kernels_dir().join("hello.c"))?,
        ),
    ];
    if tools.wasmtime(&wasm)?.is_some() {
        rows.push((
            "wasmtime precompiled, without the engine",
            tools.path("hello.cwasm"),
        ));
    }
    for (name, path) in rows {
        let bytes = bytes_of(&path)?;
        figures.add("size", name, "bytes", bytes as f64);
        println!("{name:42} {bytes:9} bytes");
    }
    Ok(())
}

fn bytes_of(path: &Path) -> Result<u64> {
    let metadata = fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(metadata.len())
}
