//! Script text to steps: modules encoded, values in the driver's language.
//!
//! Comes in: the text of a `.wast` file. Goes out: its directives in order, each with its line, in
//! a form that owns its modules and can be gone over more than once. Format: the reference
//! interpreter's README, "Scripts"; components stand wherever modules can, and their values are
//! those of the crate `wast`.

use wast::core::{AbstractHeapType, HeapType, WastArgCore, WastRetCore};
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::{QuoteWat, WastArg, WastDirective, WastExecute, WastInvoke, WastRet};

use crate::compare::Pattern;
use crate::executables::hex_name;
use crate::value::Value;

/// The bytes of a module or component, or why its text is none.
pub type Encoded = Result<Vec<u8>, String>;

#[derive(Debug)]
pub struct Step {
    /// Counted from 1.
    pub line: usize,
    pub kind: StepKind,
}

#[derive(Debug)]
pub enum StepKind {
    Module {
        name: Option<String>,
        wasm: Encoded,
        instantiate: bool,
    },
    /// `(module instance $instance $module)`.
    Instance {
        instance: Option<String>,
        module: Option<String>,
    },
    Register {
        name: String,
        module: Option<String>,
    },
    /// The module has to be refused before anything is linked.
    Reject {
        wasm: Encoded,
    },
    Unlinkable {
        wasm: Encoded,
    },
    Action {
        action: Action,
        expected: Expected,
    },
    /// What follows, up to `ThreadEnd`, is done by a thread that knows one of the modules.
    Thread {
        name: String,
        shared: Option<String>,
    },
    ThreadEnd,
    /// The thread has ended.
    Wait {
        thread: String,
    },
    /// A directive that asks for something that is not there.
    Unsupported {
        reason: String,
    },
}

#[derive(Debug)]
pub enum Action {
    /// Arguments are as the driver reads them; an error says which value it cannot read.
    Invoke {
        module: Option<String>,
        name: String,
        args: Result<Vec<String>, String>,
    },
    Get {
        module: Option<String>,
        name: String,
    },
    Instantiate {
        wasm: Encoded,
    },
}

#[derive(Debug)]
pub enum Expected {
    /// A module whose imports do not fit, which only shows when it is instantiated.
    Unlinkable,
    /// A bare action: anything but a trap.
    Success,
    Results(Vec<Pattern>),
    Trap(String),
    Exception,
}

/// Reads a script.
///
/// # Errors
/// When it is not one.
pub fn read(text: &str) -> Result<Vec<Step>, String> {
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer).map_err(|error| error.to_string())?;
    let script = parser::parse::<wast::Wast<'_>>(&buffer).map_err(|error| error.to_string())?;
    let mut steps = Vec::new();
    add(&mut steps, script.directives, text);
    Ok(steps)
}

fn add(steps: &mut Vec<Step>, directives: Vec<WastDirective<'_>>, text: &str) {
    for directive in directives {
        let (line, _) = directive.span().linecol_in(text);
        let mut push = |kind| {
            steps.push(Step {
                line: line + 1,
                kind,
            });
        };
        match directive {
            WastDirective::Thread(thread) => {
                push(StepKind::Thread {
                    name: thread.name.name().to_owned(),
                    shared: owned(thread.shared_module),
                });
                add(steps, thread.directives, text);
                steps.push(Step {
                    line: line + 1,
                    kind: StepKind::ThreadEnd,
                });
            }
            directive => push(step(directive)),
        }
    }
}

fn step(directive: WastDirective<'_>) -> StepKind {
    match directive {
        WastDirective::Module(mut module) => StepKind::Module {
            name: owned(module.name()),
            wasm: encoded(&mut module),
            instantiate: true,
        },
        WastDirective::ModuleDefinition(mut module) => StepKind::Module {
            name: owned(module.name()),
            wasm: encoded(&mut module),
            instantiate: false,
        },
        WastDirective::ModuleInstance {
            instance, module, ..
        } => StepKind::Instance {
            instance: owned(instance),
            module: owned(module),
        },
        WastDirective::Register { name, module, .. } => StepKind::Register {
            name: name.to_owned(),
            module: owned(module),
        },
        WastDirective::AssertMalformed { mut module, .. }
        | WastDirective::AssertInvalid { mut module, .. } => StepKind::Reject {
            wasm: encoded(&mut module),
        },
        WastDirective::AssertMalformedCustom { mut module, .. }
        | WastDirective::AssertInvalidCustom { mut module, .. } => match encoded(&mut module) {
            Err(text) => StepKind::Reject { wasm: Err(text) },
            Ok(_) => StepKind::Unsupported {
                reason: "contents of custom sections".to_owned(),
            },
        },
        WastDirective::AssertUnlinkable { module, .. } => StepKind::Unlinkable {
            wasm: encoded(&mut QuoteWat::Wat(module)),
        },
        WastDirective::Invoke(invoke) => StepKind::Action {
            action: call(invoke),
            expected: Expected::Success,
        },
        WastDirective::AssertReturn { exec, results, .. } => {
            let patterns: Result<Vec<Pattern>, String> = results.iter().map(pattern).collect();
            match patterns {
                Ok(patterns) => StepKind::Action {
                    action: action(exec),
                    expected: Expected::Results(patterns),
                },
                Err(reason) => StepKind::Unsupported { reason },
            }
        }
        WastDirective::AssertTrap { exec, message, .. } => StepKind::Action {
            action: action(exec),
            expected: Expected::Trap(message.to_owned()),
        },
        WastDirective::AssertExhaustion {
            call: invoke,
            message,
            ..
        } => StepKind::Action {
            action: call(invoke),
            expected: Expected::Trap(message.to_owned()),
        },
        WastDirective::AssertException { exec, .. } => StepKind::Action {
            action: action(exec),
            expected: Expected::Exception,
        },
        WastDirective::AssertSuspension { .. } => StepKind::Unsupported {
            reason: "stack switching".to_owned(),
        },
        WastDirective::Thread(_) => unreachable!("its directives are steps of their own"),
        WastDirective::Wait { thread, .. } => StepKind::Wait {
            thread: thread.name().to_owned(),
        },
    }
}

fn encoded(module: &mut QuoteWat<'_>) -> Encoded {
    module.encode().map_err(|error| error.message())
}

fn owned(id: Option<wast::token::Id<'_>>) -> Option<String> {
    id.map(|id| id.name().to_owned())
}

fn action(exec: WastExecute<'_>) -> Action {
    match exec {
        WastExecute::Invoke(invoke) => call(invoke),
        WastExecute::Wat(module) => Action::Instantiate {
            wasm: encoded(&mut QuoteWat::Wat(module)),
        },
        WastExecute::Get { module, global, .. } => Action::Get {
            module: owned(module),
            name: global.to_owned(),
        },
    }
}

fn call(invoke: WastInvoke<'_>) -> Action {
    Action::Invoke {
        module: owned(invoke.module),
        name: invoke.name.to_owned(),
        args: invoke.args.iter().map(argument).collect(),
    }
}

/// A value as the driver reads it.
fn argument(arg: &WastArg<'_>) -> Result<String, String> {
    let arg = match arg {
        WastArg::Core(arg) => arg,
        WastArg::Component(value) => return Ok(hex_name(&Value::of(value).text())),
        _ => return Err("values of an unknown kind".to_owned()),
    };
    Ok(match arg {
        WastArgCore::I32(value) => format!("i32:{value:08x}"),
        WastArgCore::I64(value) => format!("i64:{value:016x}"),
        WastArgCore::F32(value) => format!("f32:{:08x}", value.bits),
        WastArgCore::F64(value) => format!("f64:{:016x}", value.bits),
        WastArgCore::V128(value) => {
            format!("v128:{:032x}", u128::from_le_bytes(value.to_le_bytes()))
        }
        WastArgCore::RefNull(ty) => format!("{}:null", reference(ty).unwrap_or("anyref")),
        WastArgCore::RefExtern(value) => format!("externref:{value}"),
        WastArgCore::RefHost(value) => format!("hostref:{value}"),
    })
}

fn pattern(ret: &WastRet<'_>) -> Result<Pattern, String> {
    match ret {
        WastRet::Core(ret) => core_pattern(ret),
        WastRet::Component(value) => Ok(Pattern::Component(Value::of(value))),
        _ => Err("values of an unknown kind".to_owned()),
    }
}

fn core_pattern(ret: &WastRetCore<'_>) -> Result<Pattern, String> {
    Ok(match ret {
        WastRetCore::I32(value) => Pattern::Exact(format!("i32:{value:08x}")),
        WastRetCore::I64(value) => Pattern::Exact(format!("i64:{value:016x}")),
        WastRetCore::F32(pattern) => Pattern::f32(pattern),
        WastRetCore::F64(pattern) => Pattern::f64(pattern),
        WastRetCore::V128(pattern) => Pattern::v128(pattern),
        WastRetCore::RefNull(None) => Pattern::AnyNull,
        WastRetCore::RefNull(Some(ty)) => match reference(ty) {
            Some(name) => Pattern::Exact(format!("{name}:null")),
            None => Pattern::AnyNull,
        },
        WastRetCore::RefExtern(Some(value)) => Pattern::Exact(format!("externref:{value}")),
        WastRetCore::RefExtern(None) => Pattern::NotNull(&["externref"]),
        WastRetCore::RefFunc(_) => Pattern::NotNull(&["funcref"]),
        WastRetCore::RefHost(value) => Pattern::Exact(format!("hostref:{value}")),
        WastRetCore::RefAny => Pattern::NotNull(&["i31ref", "structref", "arrayref", "hostref"]),
        WastRetCore::RefEq => Pattern::NotNull(&["i31ref", "structref", "arrayref"]),
        WastRetCore::RefArray => Pattern::NotNull(&["arrayref"]),
        WastRetCore::RefStruct => Pattern::NotNull(&["structref"]),
        WastRetCore::RefI31 => Pattern::NotNull(&["i31ref"]),
        WastRetCore::RefI31Shared => return Err("shared references".to_owned()),
        WastRetCore::Either(cases) => {
            Pattern::Either(cases.iter().map(core_pattern).collect::<Result<_, _>>()?)
        }
    })
}

/// The driver's word for references of a heap type; none for one of a module.
fn reference(ty: &HeapType<'_>) -> Option<&'static str> {
    use AbstractHeapType::{Exn, Extern, Func, NoExn, NoExtern, NoFunc};
    let HeapType::Abstract { ty, .. } = ty else {
        return None;
    };
    Some(match ty {
        Func | NoFunc => "funcref",
        Extern | NoExtern => "externref",
        Exn | NoExn => "exnref",
        _ => "anyref",
    })
}
