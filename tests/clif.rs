//! Golden CLIF: the code made for each module in `tests/clif`, whose title says which idea it
//! shows. The text is in the file of the same name with the ending `.clif`; `BLESS=1` rewrites it.
//!
//! The export `run` is what is compiled for. With a line `;; -O0`, nothing is optimised.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use wasmelt_compiler::{Entry, OptLevel, Options, Progress, TextKind};

struct Silent;

impl Progress for Silent {
    fn functions(&self, _done: usize, _total: usize) {}
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clif");
    let trials = fs::read_dir(folder)
        .expect("the folder of the tests is there")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wat"))
        .map(|path| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            Trial::test(name.into_owned(), move || check(&path))
        });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn check(path: &PathBuf) -> Result<(), Failed> {
    let module = fs::read_to_string(path)?;
    let mut options = Options {
        entry: Entry::Invoke("run".to_owned()),
        emit_text: Some(TextKind::Clif),
        ..Options::default()
    };
    if module.lines().any(|line| line == ";; -O0") {
        options.opt_level = OptLevel::None;
    }
    let compiled = wasmelt_compiler::compile(module.as_bytes(), &options, &Silent, None)?;
    let actual = compiled.text.ok_or("no text was made")?;
    let golden = path.with_extension("clif");
    let expected = fs::read_to_string(&golden).unwrap_or_default();
    if expected == actual {
        return Ok(());
    }
    if std::env::var_os("BLESS").is_some() {
        fs::write(golden, actual)?;
        return Ok(());
    }
    Err(format!("expected:\n{expected}\nactual:\n{actual}\n(`BLESS=1` accepts it)").into())
}
