//! One script: its steps become an executable and commands for it, and the answers are judged.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use wasmelt_compiler::{Compiled, Options, ScriptItem};

use crate::compare::{Pattern, trap_matches};
use crate::executables::{self, Surroundings};
use crate::groups::Script;
use crate::pass::{Absence, Pass, Question, Unit};
use crate::read::{Expected, Step};

/// A script that has not answered by then has failed.
const LIMIT: Duration = Duration::from_secs(60);

/// What Wasmtime says of an exception that nothing has caught, for scripts that call it a trap.
const THROWN: &str = "thrown Wasm exception";

/// The counted assertions of one script.
#[derive(Clone, Default, Debug)]
pub struct Outcome {
    pub passed: usize,
    /// Each with its line and what went wrong; also of modules and bare actions, which are not
    /// counted when they work.
    pub failures: Vec<String>,
    /// Reasons, and how many assertions were left out for each.
    pub unsupported: BTreeMap<String, usize>,
}

impl Outcome {
    /// All assertions of a script that cannot be read are left out.
    pub fn unread(text: &str, reason: &str) -> Outcome {
        let count = text.matches("(assert_").count();
        Outcome {
            unsupported: BTreeMap::from([(reason.to_owned(), count)]),
            ..Outcome::default()
        }
    }

    pub fn fail(&mut self, line: usize, what: impl AsRef<str>) {
        self.failures
            .push(format!("line {line}: {}", what.as_ref()));
    }

    pub fn leave_out(&mut self, reason: &str) {
        *self.unsupported.entry(reason.to_owned()).or_default() += 1;
    }
}

/// Compiles and runs a script; `executable` is where its program is written.
///
/// The steps are gone over until the modules that are left compile together: a module that the
/// compiler does not take leaves the program, with all that need it.
pub fn run(steps: &[Step], spectest: &[u8], script: &Script, executable: &Path) -> Outcome {
    let options = options(script);
    let mut absences = BTreeMap::new();
    loop {
        let pass = Pass::over(steps, spectest, &script.superseded, &options, &absences);
        match compile(&pass) {
            Ok(compiled) => return ask(pass, &compiled, script, executable),
            Err(found) => {
                let before = absences.len();
                absences.extend(found);
                assert!(
                    absences.len() > before,
                    "each round finds another module at fault"
                );
            }
        }
    }
}

/// What a script switches on beyond the standard, and checks of our own.
fn options(script: &Script) -> Options {
    Options {
        gates: script.gates.clone(),
        verify: true,
        nan_canonicalization: script.asks("nan_canonicalization"),
        ..Options::default()
    }
}

/// Compiles the units together, or finds those that cannot be compiled, by their steps.
fn compile(pass: &Pass<'_>) -> Result<Compiled, BTreeMap<usize, Absence>> {
    let all: Vec<ScriptItem<'_>> = pass.units.iter().map(Unit::script_item).collect();
    let together = match executables::compile(&all, pass.options) {
        Ok(compiled) => return Ok(compiled),
        Err(error) => error,
    };
    let mut found = BTreeMap::new();
    for unit in &pass.units[1..] {
        let needs = pass.needs(&unit.providers);
        if needs
            .iter()
            .any(|&need| found.contains_key(&pass.units[need].step))
        {
            continue;
        }
        if let Err(error) =
            executables::compile(&pass.with_needs(unit.wasm, &unit.providers), pass.options)
        {
            found.insert(unit.step, Absence::of(&error));
        }
    }
    if found.is_empty() {
        let last = pass.units.last().map_or(0, |unit| unit.step);
        found.insert(
            last,
            Absence::Failed(format!("the modules do not fit together: {together}")),
        );
    }
    Err(found)
}

/// Runs the program and judges its answers; where the script wants it, also with a collection at
/// each allocation.
fn ask(pass: Pass<'_>, compiled: &Compiled, script: &Script, executable: &Path) -> Outcome {
    let Pass {
        questions,
        mut outcome,
        ..
    } = pass;
    if questions.is_empty() {
        return outcome;
    }
    if let Err(message) = executables::link(compiled, executable) {
        outcome.fail(questions[0].line, message);
        return outcome;
    }
    let mut surroundings = Surroundings::from_ours();
    let before = outcome.clone();
    judge(&questions, &mut outcome, executable, &surroundings);
    if script.asks("gc_stress") && outcome.failures.is_empty() {
        surroundings.gc = Some("stress".to_owned());
        outcome = before;
        judge(&questions, &mut outcome, executable, &surroundings);
    }
    outcome
}

fn judge(
    questions: &[Question<'_>],
    outcome: &mut Outcome,
    executable: &Path,
    surroundings: &Surroundings,
) {
    let commands: Vec<String> = questions.iter().map(|q| q.command.clone()).collect();
    let session = match executables::obey(executable, surroundings, &commands, LIMIT) {
        Ok(session) => session,
        Err(message) => return outcome.fail(questions[0].line, message),
    };
    if let Some(fault) = &session.fault {
        let line = questions
            .get(session.answers.len())
            .map_or(0, |question| question.line);
        outcome.fail(line, format!("the executable ended here: {fault}"));
    }
    for (position, question) in questions.iter().enumerate() {
        let answer = session
            .answers
            .get(position)
            .map_or("no answer", String::as_str);
        if meets(answer, question.expected) {
            outcome.passed += usize::from(question.counts);
            if question.superseded.is_some() {
                outcome.fail(question.line, "listed as superseded, but it is so");
            }
        } else if let Some(reason) = question.superseded {
            outcome.leave_out(reason);
        } else {
            let expected = question.expected;
            outcome.fail(
                question.line,
                format!("expected {expected:?}, but: {answer}"),
            );
        }
    }
}

fn meets(answer: &str, expected: &Expected) -> bool {
    let (word, rest) = answer.split_once(' ').unwrap_or((answer, ""));
    match expected {
        Expected::Success => word == "ok",
        Expected::Results(patterns) => {
            let results: Vec<&str> = match patterns.as_slice() {
                // The text of such a value contains spaces.
                [Pattern::Component(_)] => vec![rest],
                _ => rest.split_ascii_whitespace().collect(),
            };
            word == "ok"
                && results.len() == patterns.len()
                && patterns
                    .iter()
                    .zip(results)
                    .all(|(pattern, result)| pattern.matches(result))
        }
        Expected::Unlinkable => answer == "trap incompatible import type",
        // Between components, an exception is a trap.
        Expected::Trap(message) if message == THROWN => word == "exception",
        Expected::Trap(message) => word == "trap" && trap_matches(message, rest),
        Expected::Exception => word == "exception",
    }
}
