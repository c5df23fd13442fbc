//! `--dir` and `--dir-ro`: one list, in the order of the command line; and how these flags and
//! `--embed` name a path on the host and one in the guest.
//!
//! A program sees its directories in this order, and some look no further than the first. clap's
//! derived structures have a list for each flag, so this one reads the positions of the words.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches, value_parser};

use crate::codes;
use crate::diagnostic::{Diagnostic, Failure};

/// What both flags say.
#[derive(Debug)]
pub(crate) struct DirArgs(pub(crate) Vec<DirArg>);

#[derive(Debug)]
pub(crate) struct DirArg {
    /// `HOST[::GUEST][?]`.
    pub(crate) spec: OsString,
    pub(crate) read_only: bool,
}

/// A flag, whether it grants for reading only, and its help.
const FLAGS: [(&str, bool, &str); 2] = [
    (
        "dir",
        false,
        "Grant a directory; the program sees it as GUEST, by default as HOST. A relative HOST is \
         relative to where the program is started. With `?` at the end, it is left out when it \
         does not exist",
    ),
    ("dir-ro", true, "Grant a directory for reading only"),
];

impl Args for DirArgs {
    fn augment_args(command: Command) -> Command {
        let arg = |(name, _, help): (&'static str, bool, &'static str)| {
            Arg::new(name)
                .long(name)
                .value_name("HOST[::GUEST][?]")
                .value_parser(value_parser!(OsString))
                .action(ArgAction::Append)
                .help(help)
        };
        command.args(FLAGS.map(arg))
    }

    fn augment_args_for_update(command: Command) -> Command {
        DirArgs::augment_args(command)
    }
}

impl FromArgMatches for DirArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<DirArgs, Error> {
        let mut placed: Vec<(usize, DirArg)> = Vec::new();
        for (name, read_only, _) in FLAGS {
            let specs = matches.get_many::<OsString>(name).unwrap_or_default();
            let positions = matches.indices_of(name).unwrap_or_default();
            placed.extend(
                positions
                    .zip(specs.cloned())
                    .map(|(position, spec)| (position, DirArg { spec, read_only })),
            );
        }
        placed.sort_by_key(|(position, _)| *position);
        Ok(DirArgs(placed.into_iter().map(|(_, dir)| dir).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = DirArgs::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The paths of `HOST[::GUEST]` on the host and in the guest; `spec` is all that the flag says.
///
/// # Errors
/// Where they are no paths.
pub(crate) fn host_and_guest(
    flag: &str,
    spec: &OsStr,
    paths: &[u8],
) -> Result<(PathBuf, String), Failure> {
    let fault = |what: &str| {
        Failure::usage(
            Diagnostic::error(format!("{what} in `{flag} {}`", spec.display()))
                .page(&codes::GRANT)
                .help(format!("write `{flag} HOST` or `{flag} HOST::GUEST`")),
        )
    };
    let separator = paths.windows(2).position(|pair| pair == b"::");
    let (host, guest) = match separator {
        Some(at) => (&paths[..at], &paths[at + 2..]),
        None => (paths, paths),
    };
    if host.is_empty() {
        return Err(fault("the path on the host is empty"));
    }
    if guest.is_empty() {
        return Err(fault("the path in the guest is empty"));
    }
    if paths.contains(&0) {
        return Err(fault("there is a NUL character"));
    }
    let Ok(guest) = std::str::from_utf8(guest) else {
        return Err(fault("the path in the guest is not UTF-8"));
    };
    let host = PathBuf::from(OsString::from_vec(host.to_vec()));
    Ok((host, normal_guest_path(guest)))
}

/// `./x/` and `x` are the same directory, and guests compare the text.
fn normal_guest_path(path: &str) -> String {
    let mut rest = path;
    while let Some(shorter) = rest.strip_prefix("./") {
        rest = shorter.trim_start_matches('/');
    }
    let trimmed = rest.trim_end_matches('/');
    match (trimmed.is_empty(), path.starts_with('/')) {
        (true, true) => String::from("/"),
        (true, false) => String::from("."),
        (false, _) => trimmed.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guest_paths_are_normal() {
        let cases = [
            (".", "."),
            ("./", "."),
            ("./x", "x"),
            ("././/x//", "x"),
            ("/", "/"),
            ("//", "/"),
            ("/a/b/", "/a/b"),
            ("../x", "../x"),
        ];
        for (written, normal) in cases {
            assert_eq!(normal_guest_path(written), normal, "{written}");
        }
    }
}
