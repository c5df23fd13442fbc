//! What functions are compiled to, as text.

use super::code::{Worker, check_vectors, codegen_error, reachable, translate_and_inline};
use super::inline::{Candidates, Choice};
use super::inlined::Inlined;
use crate::error::Result;
use crate::translate::Translation;
use std::fmt::Write;

/// CLIF text of every reachable function, as it is compiled.
///
/// # Errors
/// As for `compile_all`.
pub fn clif(translation: Translation<'_>) -> Result<String> {
    let candidates = Candidates::translate(translation, &Choice::new(translation))?;
    let mut worker = Worker::new(translation);
    let mut text = String::new();
    for id in reachable(translation.plan) {
        translate_and_inline(translation, &candidates, id, &mut worker)?;
        if !translation.options.debug_info.is_on() {
            worker.context.func.srclocs.clear();
        }
        let name = &translation.plan.funcs[id.index()].name;
        let _ = writeln!(
            text,
            "; {}\n{}",
            if name.is_empty() { "generated" } else { name },
            worker.context.func.display()
        );
    }
    Ok(text)
}

/// Assembly text of every reachable function.
///
/// # Errors
/// As for `compile_all`.
pub fn assembly(translation: Translation<'_>) -> Result<String> {
    let candidates = Candidates::translate(translation, &Choice::new(translation))?;
    let mut worker = Worker::new(translation);
    let mut text = String::new();
    for id in reachable(translation.plan) {
        let translation = translation.of(id);
        translate_and_inline(translation, &candidates, id, &mut worker)?;
        worker.context.set_disasm(true);
        let name = &translation.plan.funcs[id.index()].name;
        check_vectors(translation, id, &worker.context.func)?;
        let code = worker
            .machine_code(translation, &mut Inlined::default())
            .map_err(|error| codegen_error(&error, name))?;
        let assembly = code.vcode.as_deref().unwrap_or_default();
        let _ = writeln!(
            text,
            "; {}\n{assembly}",
            if name.is_empty() { "generated" } else { name }
        );
    }
    Ok(text)
}
