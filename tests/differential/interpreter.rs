//! The reference: wasmi, with its answers in the words of our driver.

use wasmi::{
    Config, Engine, Error, ExternRef, Instance, Linker, Module, Nullable, Store, TrapCode, V128,
    Val,
};

use super::Question;

/// What a memory's bytes are compared by.
#[must_use]
pub fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0_u64, |sum, &byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(byte))
    })
}

/// The answers: the first is that to the instantiation.
///
/// # Errors
/// When the interpreter does not take the module.
pub fn answers(wasm: &[u8], questions: &[Question]) -> Result<Vec<String>, String> {
    let mut config = Config::default();
    config.wasm_wide_arithmetic(true);
    config.set_max_recursion_depth(100_000);
    config.set_max_stack_height(64 << 20);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, wasm).map_err(|error| format!("wasmi: {error}"))?;
    let mut store = Store::new(&engine, ());
    let instance = match Linker::new(&engine).instantiate_and_start(&mut store, &module) {
        Ok(instance) => instance,
        Err(error) => {
            // What a failed instantiation has left behind cannot be looked at here.
            return Ok(vec![stopped(&error)?]);
        }
    };
    let mut answers = vec!["ok".to_owned()];
    for question in questions {
        answers.push(answer(&mut store, &instance, question)?);
    }
    Ok(answers)
}

fn answer(
    store: &mut Store<()>,
    instance: &Instance,
    question: &Question,
) -> Result<String, String> {
    match question {
        Question::Call { name, args } => {
            let func = instance
                .get_func(&mut *store, name)
                .ok_or("no such function")?;
            let args: Vec<Val> = args.iter().map(|arg| value(store, arg)).collect();
            let mut results = vec![Val::I32(0); func.ty(&*store).results().len()];
            match func.call(&mut *store, &args, &mut results) {
                Ok(()) => {
                    let results = results.iter().map(|result| shown(store, result));
                    Ok(results.fold("ok".to_owned(), |text, result| text + " " + &result))
                }
                Err(error) => stopped(&error),
            }
        }
        Question::Global { name } => {
            let global = instance
                .get_global(&mut *store, name)
                .ok_or("no such global")?;
            let value = global.get(&*store);
            Ok(format!("ok {}", shown(store, &value)))
        }
        Question::Memory { name, .. } => {
            let memory = instance
                .get_memory(&mut *store, name)
                .ok_or("no such memory")?;
            Ok(format!("ok i64:{:016x}", hash(memory.data(&*store))))
        }
    }
}

/// The texts of our traps.
fn stopped(error: &Error) -> Result<String, String> {
    let Some(code) = error.as_trap_code() else {
        // Segments that do not fit are no traps there.
        let text = error.to_string();
        let known = ["out of bounds table access", "out of bounds memory access"];
        let known = known.iter().find(|known| text.starts_with(**known));
        return known
            .map(|known| format!("trap {known}"))
            .ok_or_else(|| format!("wasmi: {text}"));
    };
    let text = match code {
        TrapCode::UnreachableCodeReached => "wasm `unreachable` instruction executed",
        TrapCode::MemoryOutOfBounds => "out of bounds memory access",
        TrapCode::TableOutOfBounds => "out of bounds table access",
        TrapCode::IndirectCallToNull => "uninitialized element",
        TrapCode::IntegerDivisionByZero => "integer divide by zero",
        TrapCode::IntegerOverflow => "integer overflow",
        TrapCode::BadConversionToInteger => "invalid conversion to integer",
        TrapCode::StackOverflow => "call stack exhausted",
        TrapCode::BadSignature => "indirect call type mismatch",
        other => return Err(format!("wasmi: {other:?}")),
    };
    Ok(format!("trap {text}"))
}

/// A value from the words of the driver.
fn value(store: &mut Store<()>, text: &str) -> Val {
    let (ty, digits) = text.split_once(':').expect("type and value");
    let bits = || u64::from_str_radix(digits, 16).expect("hexadecimal digits");
    match ty {
        "i32" => Val::I32((bits() as u32).cast_signed()),
        "i64" => Val::I64(bits().cast_signed()),
        "f32" => Val::F32(wasmi::F32::from_bits(bits() as u32)),
        "f64" => Val::F64(wasmi::F64::from_bits(bits())),
        "v128" => Val::V128(V128::from(
            u128::from_str_radix(digits, 16).expect("hexadecimal digits"),
        )),
        "funcref" => Val::FuncRef(Nullable::Null),
        _ if digits == "null" => Val::ExternRef(Nullable::Null),
        _ => {
            let number: u32 = digits.parse().expect("a number");
            Val::ExternRef(Nullable::Val(ExternRef::new(store, number)))
        }
    }
}

fn shown(store: &Store<()>, value: &Val) -> String {
    match value {
        Val::I32(value) => format!("i32:{value:08x}"),
        Val::I64(value) => format!("i64:{value:016x}"),
        Val::F32(value) => format!("f32:{:08x}", value.to_bits()),
        Val::F64(value) => format!("f64:{:016x}", value.to_bits()),
        Val::V128(value) => format!("v128:{:032x}", value.as_u128()),
        Val::FuncRef(Nullable::Null) => "funcref:null".to_owned(),
        Val::FuncRef(Nullable::Val(_)) => "funcref:some".to_owned(),
        Val::ExternRef(Nullable::Null) => "externref:null".to_owned(),
        Val::ExternRef(Nullable::Val(external)) => {
            let number = external.data(store).downcast_ref::<u32>();
            format!("externref:{}", number.expect("made here"))
        }
    }
}
