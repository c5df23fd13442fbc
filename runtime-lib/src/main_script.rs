//! The driver of specification tests: obeys one command a line on standard input and answers
//! each with one line on standard output. Nothing that a command does ends the process.
//!
//! ```text
//! instantiate N                    ok | trap TEXT | exception
//! invoke N NAME ARG...             ok RESULT... | trap TEXT | exception
//! get N NAME                       ok RESULT
//! instantiate-component N          ok | trap TEXT | exception
//! call N NAME ARG...               ok | ok RESULT | trap TEXT | exception
//! stores N                         ok
//! store N                          ok
//! reset N                          ok
//! in N COMMAND                     what is answered to the command
//! wait N                           ok
//! ```
//!
//! `in` has a thread of its own obey a command, and `wait` waits for it to have obeyed all.
//!
//! Where the first command is `stores`, there can be so many stores, and the commands are about
//! store 0 until `store` chooses another, which begins then. `reset` begins one again, and chooses it.
//!
//! The first three are about the script's modules, the others about its components; each kind is
//! counted from 0. A component that has trapped is not entered any more. A name is the hexadecimal
//! digits of its bytes, `-` when there are none. A value is its type, a colon and its bits as a
//! number in hexadecimal: `i32:0000002a`, `v128:` and 32 digits. A reference is `externref:null` or
//! `externref:` and a decimal number; `exnref:null`; `funcref:null`, and as a result also
//! `funcref:some`; `anyref:null`, `hostref:` and a decimal number, and as a result also `i31ref:some`,
//! `structref:some`, `arrayref:some`. A component's argument is the hexadecimal digits of its WAVE text; a result is
//! that text. What cannot be obeyed is answered with `error TEXT`.

mod spectest;
mod threads;

use std::io::BufRead;

use self::threads::Threads;
use crate::component::dynamic;
use crate::main_invoke::types;
use crate::vm::store::{Store, set_current};
use crate::vm::worker::Worker;
use crate::vm::{TrapInfo, catch, process, start, trap};
use wasmelt_abi::{ComponentExport, Export, Instance, Program, TrapCode, ValueType};

#[unsafe(no_mangle)]
extern "C" fn wasmelt_main_script(program: &'static Program) -> ! {
    trap::know_components();
    let mut commands = std::io::stdin().lock().lines().peekable();
    let slots = commands
        .peek()
        .and_then(|first| slots(first.as_ref().ok()?));
    let (worker, store) = match slots {
        None => (None, start::start(program)),
        Some(slots) => {
            let worker = start::start_several(program, slots);
            let store = worker.take().unwrap_or_else(|_| process::exit(1));
            (Some(worker), store)
        }
    };
    let mut driver = Driver {
        worker,
        ..Driver::of(program, store)
    };
    let mut answers = std::io::stdout();
    let mut threads = Threads::new(store, |store| {
        let mut driver = Driver::of(process::program(), store);
        Box::new(move |command| answer_to(&mut driver, command))
    });
    for command in commands {
        let Ok(command) = command else {
            process::exit(1)
        };
        if threads.tell(&command).is_none() {
            threads.answer(answer_to(&mut driver, &command));
        }
        if threads.give(&mut answers).is_err() {
            process::exit(1)
        }
    }
    threads.end_all();
    process::exit(i32::from(threads.give(&mut answers).is_err()))
}

/// The answer to one command.
fn answer_to(driver: &mut Driver, command: &str) -> String {
    let answer = driver.obey(command);
    answer.unwrap_or_else(|why| format!("error {why}"))
}

struct Driver {
    program: &'static Program,
    /// Where there can be several stores.
    worker: Option<Worker>,
    /// By their numbers; those that have been chosen.
    stores: Vec<Option<Used>>,
    chosen: usize,
}

/// A store in use.
struct Used {
    store: &'static Store,
    /// Numbers of the components that have trapped.
    trapped: Vec<u64>,
}

impl Used {
    fn new(store: &'static Store) -> Used {
        set_current(store);
        Used {
            store,
            trapped: Vec::new(),
        }
    }
}

/// How many stores the first command asks for.
fn slots(command: &str) -> Option<usize> {
    let slots = command.strip_prefix("stores ")?.trim().parse().ok()?;
    (slots > 0).then_some(slots)
}

impl Driver {
    fn of(program: &'static Program, store: &'static Store) -> Driver {
        Driver {
            program,
            worker: None,
            stores: vec![Some(Used::new(store))],
            chosen: 0,
        }
    }

    /// The answer to one command.
    fn obey(&mut self, line: &str) -> Result<String, String> {
        let mut words = line.split_ascii_whitespace();
        let command = words.next().ok_or("empty command")?;
        let number = words
            .next()
            .and_then(|word| word.parse::<u64>().ok())
            .ok_or("no number")?;
        match command {
            "instantiate" => {
                let instance = self.module_instance(number).ok_or("no such module")?;
                return Ok(answer(self.instantiate(|at, _| at == instance)));
            }
            "instantiate-component" => {
                let outcome = self.instantiate(|_, instance| instance.component == number + 1);
                return Ok(self.component_answer(number, outcome));
            }
            "stores" if self.worker.is_some() => return Ok("ok".to_owned()),
            "store" => return self.choose(number),
            "reset" => return self.reset(number),
            "invoke" | "get" | "call" => {}
            _ => return Err(format!("unknown command `{command}`")),
        }
        let name = words.next().and_then(bytes_of_hex).ok_or("no name")?;
        let values: Vec<&str> = words.collect();
        if command == "call" {
            let export = process::items(&self.program.component_exports)
                .iter()
                .find(|export| export.component == number && process::items(&export.name) == name)
                .ok_or("no such export")?;
            return self.call(export, &values);
        }
        let instance = self.module_instance(number).ok_or("no such module")?;
        let export = process::items(&self.program.exports)
            .iter()
            .find(|export| export.instance == instance && process::items(&export.name) == name)
            .ok_or("no such export")?;
        invoke(export, self.store(), &values)
    }

    /// The store that the commands are about.
    fn used(&mut self) -> &mut Used {
        let used = self.stores.get_mut(self.chosen).and_then(Option::as_mut);
        used.expect("a store is in use from when it is chosen")
    }

    fn store(&self) -> &'static Store {
        let used = self.stores.get(self.chosen).and_then(Option::as_ref);
        used.expect("a store is in use from when it is chosen")
            .store
    }

    /// Has the commands be about another store.
    fn choose(&mut self, number: u64) -> Result<String, String> {
        let worker = self.worker.as_ref().ok_or("there is one store")?;
        let number = usize::try_from(number).map_err(|_| "no such store")?;
        if self.stores.get(number).is_none_or(Option::is_none) {
            let store = worker.take().map_err(|_| "no room for another store")?;
            self.stores
                .resize_with(self.stores.len().max(number + 1), || None);
            self.stores[number] = Some(Used::new(store));
        }
        self.chosen = number;
        set_current(self.store());
        Ok("ok".to_owned())
    }

    /// Begins a store again.
    fn reset(&mut self, number: u64) -> Result<String, String> {
        let worker = self.worker.as_ref().ok_or("there is one store")?;
        let used = usize::try_from(number).ok();
        let used = used.and_then(|number| self.stores.get_mut(number)?.take());
        let used = used.ok_or("no such store")?;
        worker.give_back(used.store);
        self.choose(number)
    }

    /// The position in the list of instances of a plain module's.
    fn module_instance(&self, number: u64) -> Option<u64> {
        let instances = (0..).zip(process::items(&self.program.instances));
        let mut modules = instances.filter(|(_, instance)| instance.component == 0);
        modules.nth(usize::try_from(number).ok()?).map(|(at, _)| at)
    }

    /// Instantiates the chosen instances in their order.
    fn instantiate(&self, chosen: impl Fn(u64, &Instance) -> bool) -> Result<String, TrapInfo> {
        catch(|| {
            for (at, instance) in (0..).zip(process::items(&self.program.instances)) {
                if let Some(instantiate) = instance.instantiate
                    && chosen(at, instance)
                {
                    // SAFETY: compiled code for a store of this program.
                    unsafe { instantiate(self.store().base()) };
                }
            }
        })
        .map(|()| String::new())
    }

    /// Calls a component's export.
    fn call(
        &mut self,
        export: &'static ComponentExport,
        values: &[&str],
    ) -> Result<String, String> {
        let params = dynamic::params(export);
        if values.len() != params.len() {
            return Err(format!("{} arguments expected", params.len()));
        }
        let mut arguments = Vec::with_capacity(params.len());
        for (ty, digits) in params.iter().zip(values) {
            let text = bytes_of_hex(digits).and_then(|bytes| String::from_utf8(bytes).ok());
            let text = text.ok_or_else(|| format!("bad argument `{digits}`"))?;
            arguments.push(dynamic::value(*ty, &text)?);
        }
        let store = self.store();
        let outcome = if self.used().trapped.contains(&export.component) {
            Err(TrapInfo::new(TrapCode::CannotEnter))
        } else {
            let mut result = None;
            let outcome = catch(|| result = dynamic::call(export, store, &arguments));
            if outcome.is_err() {
                dynamic::abandon(store);
            }
            let text = result.map(|(ty, value)| format!(" {}", dynamic::show(ty, &value)));
            outcome.map(|()| text.unwrap_or_default())
        };
        Ok(self.component_answer(export.component, outcome))
    }

    fn component_answer(&mut self, component: u64, outcome: Result<String, TrapInfo>) -> String {
        let trapped = &mut self.used().trapped;
        if outcome.is_err() && !trapped.contains(&component) {
            trapped.push(component);
        }
        answer(outcome)
    }
}

/// `ok` and what follows it, or why there was a trap.
fn answer(outcome: Result<String, TrapInfo>) -> String {
    outcome.map_or_else(stopped, |results| format!("ok{results}"))
}

fn invoke(
    export: &'static Export,
    store: &'static Store,
    values: &[&str],
) -> Result<String, String> {
    let params = process::items(&export.params).len();
    if values.len() != params {
        return Err(format!("{params} arguments expected"));
    }
    let mut slots = vec![0_u128; params.max(process::items(&export.results).len()).max(1)];
    for ((slot, kind), text) in slots.iter_mut().zip(types(&export.params)).zip(values) {
        *slot = parse(kind, text).ok_or_else(|| format!("bad argument `{text}`"))?;
    }
    let start = slots.as_mut_ptr();
    // SAFETY: compiled code for a store of this program; there are slots enough.
    if let Err(trap) = catch(|| unsafe { (export.call)(store.base(), start) }) {
        return Ok(stopped(trap));
    }
    let mut answer = "ok".to_owned();
    for (kind, value) in types(&export.results).zip(&slots) {
        answer.push(' ');
        answer.push_str(&shown(kind, *value));
    }
    Ok(answer)
}

fn stopped(trap: TrapInfo) -> String {
    match trap.code {
        TrapCode::UncaughtException => "exception".to_owned(),
        _ => format!("trap {trap}"),
    }
}

fn bytes_of_hex(digits: &str) -> Option<Vec<u8>> {
    if digits == "-" {
        return Some(Vec::new());
    }
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let pairs = digits.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

/// The bits of a value. A host's external reference N is `N << 2 | 2` in wasm, which is neither null
/// nor an object of the program.
fn parse(kind: ValueType, text: &str) -> Option<u128> {
    let (named, value) = text.split_once(':')?;
    let is_host = matches!(kind, ValueType::ExternRef | ValueType::AnyRef)
        && matches!(named, "externref" | "hostref");
    let is_null = named.ends_with("ref") && value == "null";
    if named != name_of(kind) && !is_host && !is_null {
        return None;
    }
    match kind {
        ValueType::I32 | ValueType::F32 => u32::from_str_radix(value, 16).ok().map(u128::from),
        ValueType::I64 | ValueType::F64 => u64::from_str_radix(value, 16).ok().map(u128::from),
        ValueType::V128 => u128::from_str_radix(value, 16).ok(),
        _ if value == "null" => Some(0),
        ValueType::ExternRef | ValueType::AnyRef if is_host => {
            let number = value.parse::<u32>().ok()?;
            Some(u128::from(number) << HOST_SHIFT | HOST_TAG)
        }
        ValueType::FuncRef | ValueType::ExternRef | ValueType::ExnRef | ValueType::AnyRef => None,
    }
}

/// What the host refers to has these bits.
const HOST_TAG: u128 = 2;
const HOST_SHIFT: u32 = 2;

fn is_host(reference: u64) -> bool {
    u128::from(reference) & 3 == HOST_TAG
}

fn shown(kind: ValueType, value: u128) -> String {
    let name = name_of(kind);
    let reference = value as u64;
    match kind {
        ValueType::I32 | ValueType::F32 => format!("{name}:{:08x}", value as u32),
        ValueType::I64 | ValueType::F64 => format!("{name}:{reference:016x}"),
        ValueType::V128 => format!("{name}:{value:032x}"),
        _ if reference == 0 => format!("{name}:null"),
        ValueType::ExternRef if is_host(reference) => {
            format!("{name}:{}", reference >> HOST_SHIFT)
        }
        ValueType::AnyRef if is_host(reference) => {
            format!("hostref:{}", reference >> HOST_SHIFT)
        }
        ValueType::AnyRef => match (reference & 1, (value >> 64) as u64) {
            (1, _) => "i31ref:some".to_owned(),
            (_, 1) => "structref:some".to_owned(),
            _ => "arrayref:some".to_owned(),
        },
        ValueType::FuncRef | ValueType::ExternRef | ValueType::ExnRef => format!("{name}:some"),
    }
}

fn name_of(kind: ValueType) -> &'static str {
    match kind {
        ValueType::I32 => "i32",
        ValueType::I64 => "i64",
        ValueType::F32 => "f32",
        ValueType::F64 => "f64",
        ValueType::V128 => "v128",
        ValueType::FuncRef => "funcref",
        ValueType::ExternRef => "externref",
        ValueType::ExnRef => "exnref",
        ValueType::AnyRef => "anyref",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_they_are_shown() {
        let kinds = [
            (ValueType::I32, "i32:0000002a", 0x2a),
            (ValueType::I64, "i64:ffffffffffffffff", u64::MAX.into()),
            (ValueType::F32, "f32:7fc00000", 0x7fc0_0000),
            (
                ValueType::F64,
                "f64:3ff0000000000000",
                0x3ff0_0000_0000_0000,
            ),
            (
                ValueType::V128,
                "v128:000102030405060708090a0b0c0d0e0f",
                0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f,
            ),
            (ValueType::FuncRef, "funcref:null", 0),
            (ValueType::ExnRef, "exnref:null", 0),
            (ValueType::ExternRef, "externref:null", 0),
            (ValueType::ExternRef, "externref:0", 2),
            (ValueType::ExternRef, "externref:7", 30),
            (ValueType::AnyRef, "anyref:null", 0),
            (ValueType::AnyRef, "hostref:7", 30),
        ];
        for (kind, text, bits) in kinds {
            assert_eq!(parse(kind, text), Some(bits), "{text}");
            assert_eq!(shown(kind, bits), text);
        }
        assert_eq!(shown(ValueType::FuncRef, 0x40_0000), "funcref:some");
        assert_eq!(shown(ValueType::AnyRef, 3), "i31ref:some");
        assert_eq!(shown(ValueType::AnyRef, 1 << 64 | 8), "structref:some");
        assert_eq!(shown(ValueType::AnyRef, 2 << 64 | 8), "arrayref:some");
        for wrong in ["i64:2a", "i32", "i32:", "i32:100000000", "i32:x", ":1"] {
            assert_eq!(parse(ValueType::I32, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names() {
        assert_eq!(bytes_of_hex("61c3a9").as_deref(), Some("aé".as_bytes()));
        assert_eq!(bytes_of_hex("-").as_deref(), Some(&[][..]));
        assert_eq!(bytes_of_hex("6x"), None);
        assert_eq!(bytes_of_hex("616"), None);
        assert_eq!(bytes_of_hex("6é"), None);
    }

    #[test]
    fn nonsense_is_answered() {
        let mut driver = Driver::of(process::program(), crate::vm::store::new_for_tests());
        for line in [
            "",
            "x",
            "x 1",
            "invoke",
            "invoke 0",
            "invoke 0 61",
            "get 1 zz",
            "instantiate 5",
            "call 0 61",
            "call",
            "stores 2",
            "store 1",
            "reset 0",
        ] {
            assert!(driver.obey(line).is_err(), "{line}");
        }
    }
}
