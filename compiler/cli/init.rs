//! `wasmelt init`: a manifest for an input, with what that may need in comments.

use std::fmt::Write;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Component, Path, PathBuf};

use wasmelt_compiler::Summary;

use crate::capabilities::{self, Capability};
use crate::diagnostic::{Diagnostic, Failure, printable};
use crate::input::{self, InputPath, reason};
use crate::inspect;
use crate::pipeline;

/// What a manifest can say about a capability: keys of the flags, and of `[wasi]`.
struct Grant {
    capability: Capability,
    keys: &'static str,
    wasi: &'static str,
}

static GRANTS: [Grant; 6] = [
    Grant {
        capability: Capability::Filesystem,
        keys: "#dir = [\".\"]          # folders, seen from where the program is started\n\
               #dir-ro = [\"/etc/app::/etc\"]   # for reading, as another name\n\
               #embed = [\"assets\"]  # files inside the executable\n",
        wasi: "",
    },
    Grant {
        capability: Capability::Environment,
        keys: "#env = [\"HOME\", \"MODE=fast\"]   # what it is at the start, or always\n",
        wasi: "#inherit-env = true     # all of the environment\n",
    },
    Grant {
        capability: Capability::Sockets,
        keys: "",
        wasi: "#inherit-network = true # sockets, to and from every address\n",
    },
    Grant {
        capability: Capability::NameLookup,
        keys: "",
        wasi: "#allow-ip-name-lookup = true\n",
    },
    Grant {
        capability: Capability::Http,
        keys: "#allow-host = [\"example.org\"]   # requests to these hosts\n",
        wasi: "#http = true            # requests to every host\n",
    },
    Grant {
        capability: Capability::Blobstore,
        keys: "",
        wasi: "#blobstore-dir = \"objects\" # a folder for containers of objects\n",
    },
];

/// Writes a manifest for `input` to `output`, where no file may be.
///
/// # Errors
/// When the input cannot be read or is not valid, or there is a file already.
pub(crate) fn init(input: &Path, output: &Path) -> Result<(), Failure> {
    let path = InputPath::new(input);
    if path == InputPath::Stdin {
        return Err(Failure::usage(Diagnostic::error(
            "a manifest names its input, which standard input cannot be",
        )));
    }
    let summary = pipeline::summarize(&input::read(&path)?)?;
    let named = from_folder(input, output.parent().unwrap_or(Path::new("")));
    let Some(named) = named.to_str() else {
        return Err(Failure::usage(Diagnostic::error(format!(
            "`{}` is not UTF-8, which a manifest is",
            printable(&input.to_string_lossy())
        ))));
    };
    let text = manifest(named, &path.stem(), &summary);
    if output == Path::new("-") {
        return inspect::print(&text);
    }
    let file = OpenOptions::new().write(true).create_new(true).open(output);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        let shown = printable(&output.to_string_lossy());
        Failure::input(match error.kind() {
            ErrorKind::AlreadyExists => Diagnostic::error(format!("`{shown}` exists already"))
                .help("name another with `-o PATH`, or `-o -` to see what it would be"),
            _ => Diagnostic::error(format!("cannot write `{shown}`: {}", reason(&error))),
        })
    })
}

/// The path of a file from a folder, both as seen from here.
fn from_folder(file: &Path, folder: &Path) -> PathBuf {
    let is_plain = |path: &Path| {
        let mut parts = path.components();
        path.is_relative() && parts.all(|part| matches!(part, Component::Normal(_)))
    };
    if folder.as_os_str().is_empty() || file.is_absolute() {
        return file.to_owned();
    }
    if let Ok(below) = file.strip_prefix(folder) {
        return below.to_owned();
    }
    if is_plain(folder) {
        let up: PathBuf = folder.components().map(|_| "..").collect();
        return up.join(file);
    }
    std::path::absolute(file).unwrap_or_else(|_| file.to_owned())
}

fn manifest(input: &str, stem: &str, summary: &Summary) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let mut text = String::from(
        "# What `wasmelt build` makes a program of. A key is a flag of `wasmelt build` without its\n\
         # dashes, so `wasmelt build --help` describes each. Paths are relative to this file, but for\n\
         # those of `dir`, which are relative to where the program is started.\n",
    );
    let _ = writeln!(text, "input = {}", quoted(input));
    let _ = writeln!(text, "#output = {}", quoted(stem));
    text.push_str("#target = [\"x86_64-linux\"]   # `wasmelt targets` lists them\n");
    let imports = summary.imports.iter();
    let imports: Vec<(String, String)> = imports
        .map(|(module, name, _)| (module.clone(), name.clone()))
        .collect();
    let needed = capabilities::needed(&imports);
    let grants = GRANTS
        .iter()
        .filter(|grant| needed.contains(&grant.capability));
    let mut wasi = String::new();
    for grant in grants {
        let why = format!("\n# The program imports {}.\n", grant.capability.name());
        if !grant.keys.is_empty() {
            text.push_str(&why);
            text.push_str(grant.keys);
        }
        wasi.push_str(grant.wasi);
    }
    let handles = |name: &str| {
        let name = name.split('@').next();
        matches!(
            name,
            Some("wasi:http/incoming-handler" | "wasi:http/handler")
        )
    };
    if summary.exports.iter().any(|(name, _)| handles(name)) {
        text.push_str(
            "\n# The program is a server.\n#http2 = true\n#server = [\"addr=127.0.0.1:8080\"]\n",
        );
    }
    text.push_str("\n# The kernel, too, keeps the program to what is granted here (Linux).\n");
    text.push_str("#harden = true\n");
    if !wasi.is_empty() {
        text.push_str("\n[wasi]\n");
        text.push_str(&wasi);
    }
    text.push_str("\n[optimize]\n#opt-level = \"s\"       # a smaller program\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_named_from_the_manifest() {
        let cases = [
            ("app.wasm", "", "app.wasm"),
            ("sub/app.wasm", "sub", "app.wasm"),
            ("app.wasm", "sub/more", "../../app.wasm"),
            ("/app.wasm", "sub", "/app.wasm"),
        ];
        for (file, folder, named) in cases {
            let found = from_folder(Path::new(file), Path::new(folder));
            assert_eq!(found, Path::new(named), "{file} from {folder}");
        }
    }
}
