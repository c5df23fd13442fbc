//! `wasmelt run --invoke NAME`: calls one export with the arguments of the command line, read by
//! the types of its parameters, and prints its results one a line.
//!
//! The arguments of a component's function are WAVE texts, one each, or all of them in one that is
//! a list in parentheses. Its result is printed as WAVE text, `()` where there is none.

use std::io::Write;

use crate::component;
use crate::component::dynamic::{self, Value};

use crate::vm::store::Store;
use crate::vm::{process, start, trap};
use wasmelt_abi::{ComponentExport, Export, Program, ValueType};

#[unsafe(no_mangle)]
extern "C" fn wasmelt_main_invoke(program: &'static Program) -> ! {
    trap::know_components();
    let store = start::start(program);
    let text = match process::items(&program.component_exports) {
        [] => invoke(program, store),
        exports => invoke_component(program, store, exports),
    };
    let written = std::io::stdout().write_all(text.as_bytes());
    process::exit(if written.is_ok() { 0 } else { 1 })
}

/// The results' text.
fn invoke(program: &'static Program, store: &'static Store) -> String {
    let export = process::items(&program.exports)
        .first()
        .expect("the compiler wrote one export");
    let mut slots = arguments(export).unwrap_or_else(|message| refuse(&message));
    start::instantiate_all(program, store);
    // SAFETY: compiled code for a store of this program; there are slots enough.
    unsafe { (export.call)(store.base(), slots.as_mut_ptr()) };
    let mut text = String::new();
    for (kind, value) in types(&export.results).zip(&slots) {
        text.push_str(&shown(kind, *value));
        text.push('\n');
    }
    text
}

/// The result's text.
fn invoke_component(
    program: &'static Program,
    store: &'static Store,
    exports: &'static [ComponentExport],
) -> String {
    let export = exports.first().expect("the compiler wrote one export");
    let arguments = component_arguments(export).unwrap_or_else(|message| refuse(&message));
    start::instantiate_all(program, store);
    match dynamic::call(export, store, &arguments) {
        Some((ty, value)) => dynamic::show(ty, &value) + "\n",
        None => "()\n".to_owned(),
    }
}

fn refuse(message: &str) -> ! {
    // Nothing is left to be done when standard error is closed.
    let _ = writeln!(std::io::stderr(), "error: {message}");
    process::exit(1)
}

fn component_arguments(export: &'static ComponentExport) -> Result<Vec<Value>, String> {
    let params = dynamic::params(export);
    let mut texts = Vec::new();
    for text in process::args().skip(1) {
        texts.push(std::str::from_utf8(text).map_err(|_| "an argument is not UTF-8")?);
    }
    let name = component::text(process::items(&export.name));
    let of_call = |why| format!("arguments of `{name}`: {why}");
    if let [text] = texts.as_slice()
        && text.starts_with('(')
    {
        // It may also be a tuple that is the only parameter.
        if let [param] = params.as_slice()
            && let Ok(value) = dynamic::value(*param, text)
        {
            return Ok(vec![value]);
        }
        return dynamic::list(&params, text).map_err(of_call);
    }
    if texts.len() > params.len() {
        return Err(wrong_count(name.as_bytes(), params.len(), texts.len()));
    }
    let names = process::items(&export.param_names);
    let mut values = Vec::with_capacity(params.len());
    for (position, (ty, text)) in params.iter().zip(texts).enumerate() {
        let name = names
            .get(position)
            .map_or("", |name| component::text(process::items(name)));
        let value = dynamic::value(*ty, text);
        values.push(value.map_err(|why| format!("argument `{name}`: {why}"))?);
    }
    dynamic::complete(&params, values).map_err(of_call)
}

fn wrong_count(name: &[u8], expected: usize, given: usize) -> String {
    format!(
        "`{}` takes {expected} argument{}, but {given} {} given",
        String::from_utf8_lossy(name),
        if expected == 1 { "" } else { "s" },
        if given == 1 { "was" } else { "were" },
    )
}

/// The types that a list of bytes stands for.
pub(crate) fn types(bytes: &'static wasmelt_abi::Slice<u8>) -> impl Iterator<Item = ValueType> {
    process::items(bytes).iter().map(|byte| match byte {
        0 => ValueType::I32,
        1 => ValueType::I64,
        2 => ValueType::F32,
        3 => ValueType::F64,
        4 => ValueType::V128,
        5 => ValueType::FuncRef,
        6 => ValueType::ExternRef,
        7 => ValueType::ExnRef,
        _ => ValueType::AnyRef,
    })
}

/// The slots of a call: the arguments after `argv[0]`, and room for the results.
fn arguments(export: &'static Export) -> Result<Vec<u128>, String> {
    let texts: Vec<&[u8]> = process::args().skip(1).collect();
    let count = process::items(&export.params).len();
    if texts.len() != count {
        return Err(wrong_count(
            process::items(&export.name),
            count,
            texts.len(),
        ));
    }
    let mut slots = vec![0; count.max(process::items(&export.results).len())];
    for ((slot, kind), text) in slots.iter_mut().zip(types(&export.params)).zip(texts) {
        *slot = std::str::from_utf8(text)
            .ok()
            .and_then(|text| parse(kind, text))
            .ok_or_else(|| {
                format!(
                    "`{}` is not {}",
                    String::from_utf8_lossy(text),
                    expected(kind)
                )
            })?;
    }
    Ok(slots)
}

fn expected(kind: ValueType) -> &'static str {
    match kind {
        ValueType::I32 => "an integer of 32 bits",
        ValueType::I64 => "an integer of 64 bits",
        ValueType::F32 | ValueType::F64 => "a number",
        ValueType::V128 => "an integer of 128 bits",
        ValueType::FuncRef | ValueType::ExternRef | ValueType::ExnRef | ValueType::AnyRef => {
            "a reference: those cannot be given on the command line"
        }
    }
}

/// The bits of a value: integers in decimal or hexadecimal, signed or unsigned.
fn parse(kind: ValueType, text: &str) -> Option<u128> {
    match kind {
        ValueType::I32 => {
            let value = integer(text)?;
            let fits = (i128::from(i32::MIN)..=i128::from(u32::MAX)).contains(&value);
            fits.then_some(u128::from(value as u32))
        }
        ValueType::I64 => {
            let value = integer(text)?;
            let fits = (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&value);
            fits.then_some(u128::from(value as u64))
        }
        ValueType::F32 => text.parse::<f32>().ok().map(|value| value.to_bits().into()),
        ValueType::F64 => text.parse::<f64>().ok().map(|value| value.to_bits().into()),
        ValueType::V128 => match text.strip_prefix("0x") {
            Some(digits) => u128::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        },
        ValueType::FuncRef | ValueType::ExternRef | ValueType::ExnRef | ValueType::AnyRef => None,
    }
}

fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let value = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => digits.parse::<u64>(),
    };
    let value = i128::from(value.ok()?);
    // A second sign is one that `parse` accepts, but no number has.
    let sign = digits.starts_with('+') || digits.starts_with('-');
    (!sign).then_some(if negative { -value } else { value })
}

fn shown(kind: ValueType, value: u128) -> String {
    match kind {
        ValueType::I32 => (value as i32).to_string(),
        ValueType::I64 => (value as i64).to_string(),
        ValueType::F32 => f32::from_bits(value as u32).to_string(),
        ValueType::F64 => f64::from_bits(value as u64).to_string(),
        ValueType::V128 => value.to_string(),
        ValueType::FuncRef => reference(value, "funcref"),
        ValueType::ExternRef => reference(value, "externref"),
        ValueType::ExnRef => reference(value, "exnref"),
        ValueType::AnyRef => reference(value, "anyref"),
    }
}

fn reference(value: u128, name: &str) -> String {
    if value as u64 == 0 {
        format!("<null {name}>")
    } else {
        format!("<{name}>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        assert_eq!(parse(ValueType::I32, "42"), Some(42));
        assert_eq!(parse(ValueType::I32, "-1"), Some(0xffff_ffff));
        assert_eq!(parse(ValueType::I32, "-0x80000000"), Some(0x8000_0000));
        assert_eq!(parse(ValueType::I32, "4294967295"), Some(0xffff_ffff));
        for wrong in [
            "4294967296",
            "-2147483649",
            "",
            "-",
            "--1",
            "+-1",
            "-+1",
            "0x",
            "1.0",
            "1 ",
        ] {
            assert_eq!(parse(ValueType::I32, wrong), None, "{wrong}");
        }
        assert_eq!(
            parse(ValueType::I64, "0xffffffffffffffff"),
            Some(u64::MAX.into())
        );
        assert_eq!(parse(ValueType::I64, "-9223372036854775808"), Some(1 << 63));
        assert_eq!(parse(ValueType::I64, "-9223372036854775809"), None);
    }

    #[test]
    fn floats() {
        assert_eq!(parse(ValueType::F64, "2.5"), Some(2.5_f64.to_bits().into()));
        assert_eq!(
            parse(ValueType::F32, "-inf"),
            Some(f32::NEG_INFINITY.to_bits().into())
        );
        assert_eq!(parse(ValueType::F32, "x"), None);
        assert_eq!(shown(ValueType::F32, 2.5_f32.to_bits().into()), "2.5");
    }

    #[test]
    fn results() {
        assert_eq!(shown(ValueType::I32, 0xffff_ffff), "-1");
        assert_eq!(shown(ValueType::I64, 0xffff_ffff), "4294967295");
        assert_eq!(shown(ValueType::FuncRef, 0), "<null funcref>");
        assert_eq!(shown(ValueType::ExternRef, 1), "<externref>");
    }
}
