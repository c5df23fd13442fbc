//! `--profile-generate` and `--profile-use`: where profiles are, and what is said about them.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::Args;
use wasmelt_compiler::{Matched, ProfileFile};

use crate::diagnostic::{Diagnostic, Failure};
use crate::input::reason;

#[derive(Args, Debug)]
#[command(next_help_heading = "Code")]
pub(crate) struct ProfileArgs {
    /// The program counts what it runs, and writes that to FILE, from which a later build takes it; by
    /// default the output's name with `.profile`, in the working directory
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        conflicts_with = "profile_use"
    )]
    profile_generate: Option<OsString>,

    /// Make what has run often fast, as FILE says, which the program has written that was built with
    /// `--profile-generate`. May be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) profile_use: Vec<PathBuf>,
}

impl ProfileArgs {
    /// The file that the program writes its profile to, if it does. `output` is the name of the program's
    /// own file.
    pub(crate) fn generate_path(&self, output: Option<&OsStr>) -> Option<PathBuf> {
        let given = self.profile_generate.as_ref()?;
        if !given.is_empty() {
            return Some(PathBuf::from(given));
        }
        let mut name = output.unwrap_or(OsStr::new("program")).to_owned();
        name.push(".profile");
        Some(PathBuf::from(name))
    }
}

/// Reads profiles of earlier runs.
///
/// # Errors
/// When a file cannot be read.
pub(crate) fn read(files: &[PathBuf]) -> Result<Vec<ProfileFile>, Failure> {
    let read = |path: &PathBuf| {
        let bytes = std::fs::read(path).map_err(|error| unreadable(path, &reason(&error)))?;
        Ok(ProfileFile {
            name: path.display().to_string(),
            bytes,
        })
    };
    files.iter().map(read).collect()
}

fn unreadable(path: &Path, why: &str) -> Failure {
    let path = path.display();
    let message = format!("cannot read the profile `{path}`: {why}");
    Failure::input(
        Diagnostic::error(message).help(
            "make one: build with `--profile-generate`, and run the program, which writes it",
        ),
    )
}

/// What to say about profiles that are not quite of this program.
pub(crate) fn warning(matched: Matched) -> Option<Diagnostic> {
    let Matched { ran, lost } = matched;
    let message = match (ran, lost) {
        (0, _) => String::from("the profile is of a program that has not run"),
        (_, 0) => return None,
        _ => format!("{lost} of the {ran} functions that the profile counts have changed since"),
    };
    Some(
        Diagnostic::information(message)
            .help("build with `--profile-generate` again, and run the program, for a new profile"),
    )
}
