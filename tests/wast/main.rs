//! Scripts of the WebAssembly specification's test suite and of components, one executable per
//! script.
//!
//! `cargo test --test wast` runs all of them, `cargo test --test wast -- simd` those with `simd` in
//! their names. `WASMELT_TESTSUITE=FOLDER` takes the scripts from a checkout of the suite;
//! `WASMELT_COMPONENT_TESTSUITE=FOLDER` and `WASMELT_WASMTIME_TESTSUITE=FOLDER` add those of
//! checkouts of the component model's and of Wasmtime's repository. After
//! the scripts comes the scoreboard: assertions by group, the reasons for those left out, and a
//! closing line.

mod compare;
#[path = "../executables/mod.rs"]
mod executables;
mod groups;
mod legacy;
mod link;
mod pass;
mod read;
mod script;
mod value;

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

/// What the parser says of an option that the component model had until August 2026.
const GONE_SYNTAX: &str = "the `cancellable` option is no longer supported";

/// Why such a script counts as unsupported.
const GONE: &str = "`cancellable` has been taken out of the component model (component-model#716)";

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
    let outcome = match read::read(&legacy::unfolded(&script.text)) {
        _ if script.asks("stack_switching") => Outcome::unread(&script.text, "stack switching"),
        Ok(mut steps) => {
            link::link(&mut steps);
            let outcome = script::run(&steps, spectest, script, &executable);
            let _ = std::fs::remove_file(executable);
            outcome
        }
        // Written before the text format last changed.
        Err(error) if error.contains(GONE_SYNTAX) => Outcome::unread(&script.text, GONE),
        Err(error) => return Err(error.into()),
    };
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
    let mut reasons = BTreeMap::<(Group, &str), usize>::new();
    let (mut all_passed, mut all_skipped, mut all_failed) = (0, 0, 0);
    for group in Group::ALL {
        let (mut scripts, mut passed, mut skipped, mut failed) = (0, 0, 0, 0);
        for (_, outcome) in outcomes.iter().filter(|(of, _)| *of == group) {
            scripts += 1;
            passed += outcome.passed;
            failed += outcome.failures.len();
            for (reason, count) in &outcome.unsupported {
                skipped += count;
                *reasons.entry((group, reason)).or_default() += count;
            }
        }
        if scripts > 0 {
            let _ = writeln!(
                text,
                "{group:<22}{scripts:>8}{passed:>10}{skipped:>13}{failed:>8}"
            );
        }
        all_passed += passed;
        all_skipped += skipped;
        all_failed += failed;
    }
    for ((group, reason), count) in reasons {
        let _ = writeln!(text, "{count:>8} in {group}: {reason}");
    }
    let _ = writeln!(
        text,
        "{all_passed} passed, {all_failed} failed, {all_skipped} skipped"
    );
    text
}
