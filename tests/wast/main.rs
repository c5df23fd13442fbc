//! Scripts of the WebAssembly specification's test suite, one executable per script.
//!
//! `cargo test --test wast` runs all of them, `cargo test --test wast -- simd` those with `simd` in
//! their names. `WASMELT_TESTSUITE=FOLDER` takes the scripts from a checkout of the suite. After
//! the scripts comes the scoreboard: assertions by group, the reasons for those left out, and a
//! closing line.

mod compare;
#[path = "../executables/mod.rs"]
mod executables;
mod groups;
mod pass;
mod read;
mod script;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use groups::{Group, Script};
use libtest_mimic::{Arguments, Failed, Trial};
use script::Outcome;

/// No script prints more than this many of its failures.
const FAILURES_SHOWN: usize = 12;

type Outcomes = Arc<Mutex<Vec<(Group, Outcome)>>>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let spectest = wat::parse_str(include_str!("spectest.wat")).expect("it is a module");
    let spectest: Arc<[u8]> = spectest.into();
    let folder = Arc::new(tempfile::tempdir().expect("there is a place for temporary files"));
    let outcomes = Outcomes::default();
    let trials = groups::scripts()
        .into_iter()
        .enumerate()
        .map(|(position, script)| {
            let executable = folder.path().join(position.to_string());
            let (outcomes, spectest) = (Arc::clone(&outcomes), Arc::clone(&spectest));
            Trial::test(script.name.clone(), move || {
                check(&script, &spectest, executable, &outcomes)
            })
        });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    let outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
    if !outcomes.is_empty() {
        print!("{}", scoreboard(&outcomes));
    }
    conclusion.exit_code()
}

fn check(
    script: &Script,
    spectest: &[u8],
    executable: PathBuf,
    outcomes: &Outcomes,
) -> Result<(), Failed> {
    let steps = read::read(&script.text)?;
    let outcome = script::run(&steps, spectest, &executable);
    let _ = std::fs::remove_file(executable);
    let failures = outcome.failures.clone();
    outcomes
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push((script.group, outcome));
    if failures.is_empty() {
        return Ok(());
    }
    let mut text = failures[..failures.len().min(FAILURES_SHOWN)].join("\n");
    if failures.len() > FAILURES_SHOWN {
        let _ = write!(text, "\nand {} more", failures.len() - FAILURES_SHOWN);
    }
    Err(text.into())
}

/// The table, the reasons and the closing line.
fn scoreboard(outcomes: &[(Group, Outcome)]) -> String {
    let mut text = format!(
        "{:<22}{:>8}{:>10}{:>13}{:>8}\n",
        "assertions", "scripts", "passed", "unsupported", "failed"
    );
    let mut total = Outcome::default();
    for group in Group::ALL {
        let mut sum = Outcome::default();
        let mut scripts = 0;
        for (_, outcome) in outcomes.iter().filter(|(of, _)| *of == group) {
            scripts += 1;
            for sum in [&mut sum, &mut total] {
                sum.passed += outcome.passed;
                sum.failures.extend_from_slice(&outcome.failures);
                for (reason, count) in &outcome.unsupported {
                    *sum.unsupported.entry(reason.clone()).or_default() += count;
                }
            }
        }
        let (passed, skipped, failed) = (sum.passed, sum.skipped(), sum.failures.len());
        if scripts > 0 {
            let _ = writeln!(
                text,
                "{group:<22}{scripts:>8}{passed:>10}{skipped:>13}{failed:>8}"
            );
        }
    }
    let mut reasons: Vec<(&String, &usize)> = BTreeMap::iter(&total.unsupported).collect();
    reasons.sort_by_key(|(reason, count)| (std::cmp::Reverse(**count), reason.as_str()));
    for (reason, count) in reasons {
        let _ = writeln!(text, "{count:>8}  {reason}");
    }
    let (passed, skipped, failed) = (total.passed, total.skipped(), total.failures.len());
    let _ = writeln!(text, "{passed} passed, {failed} failed, {skipped} skipped");
    text
}
