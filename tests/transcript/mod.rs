//! Transcripts: tests that are shell commands with what they print.
//!
//! A file begins with a sentence that says what is tested. The sections after it begin with lines
//! of three dashes:
//!
//! ```text
//! --- needs COMMAND   the test is left out where this command fails; `$WASMELT` is the path of ours
//! --- native REASON   the test, or behind a step that step alone, is left out where executables are run by an emulator
//! --- except TARGET REASON   the same, for one target
//! --- file NAME       the lines that follow are a file of the test's own folder
//! --- hex NAME        the same, in hexadecimal digits
//! --- dir NAME        a folder
//! --- guest NAME      a copy of a module in `tests/guests`
//! --- example NAME    a copy of a file in `examples`, in a folder of that name
//! --- run COMMAND     a step: `sh` runs it in the folder, with `wasmelt` in its path
//! --- exit CODE       of the step; 0 when left out
//! --- stdout          of the step; nothing when left out
//! --- stderr
//! --- tree            the files in the folder after the last step; not compared when left out
//! ```
//!
//! Where `WASMELT_TEST_TARGET` names another machine than this one, what a transcript of the folder
//! `run` builds is for that, and an emulator runs it: see `emulation`. Steps have its path in `EMULATOR`.
//!
//! Times, sizes, hashes and the path of the folder are replaced before the comparison.
//! `BLESS=1` rewrites what was expected.

#[path = "../emulation/mod.rs"]
mod emulation;

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use libtest_mimic::{Arguments, Failed, Trial};

/// Runs every file with the ending `.txt` in a folder of `tests`; never returns.
pub fn run_folder(name: &str) -> ! {
    let arguments = Arguments::from_args();
    let folder = tests().join(name);
    let emulates = name == "run" && emulation::emulator().is_some();
    let mut met = HashMap::new();
    let mut trials: Vec<Trial> = fs::read_dir(&folder)
        .expect("the folder of the tests is there")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .map(|path| trial(path, emulates, &mut met))
        .collect();
    trials.sort_by(|left, right| left.name().cmp(right.name()));
    libtest_mimic::run(&arguments, trials).exit();
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn tests() -> PathBuf {
    project().join("tests")
}

/// A test; `met` has what was found out about the needs of others.
fn trial(path: PathBuf, emulates: bool, met: &mut HashMap<String, bool>) -> Trial {
    let name = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let unmet = fs::read_to_string(&path)
        .ok()
        .and_then(|text| parse(&text).ok())
        .and_then(|transcript| unmet(&transcript, emulates, met));
    if let Some(need) = &unmet {
        eprintln!("{name} is left out: {need}");
    }
    Trial::test(name, move || check(&path, emulates)).with_ignored_flag(unmet.is_some())
}

/// Why a transcript is left out, if it is.
fn unmet(
    transcript: &Transcript,
    emulates: bool,
    met: &mut HashMap<String, bool>,
) -> Option<String> {
    let left_out = transcript.left_out.as_ref();
    if let Some(left_out) = left_out.filter(|left_out| left_out.applies(emulates)) {
        return Some(left_out.reason.clone());
    }
    let mut needs = transcript.needs.iter();
    let is_unmet = |need: &&String| !*met.entry((*need).clone()).or_insert_with(|| is_met(need));
    let need = needs.find(is_unmet)?;
    Some(format!("this fails here: {need}"))
}

fn is_met(need: &str) -> bool {
    let status = Command::new("sh")
        .args(["-c", need])
        .env("WASMELT", env!("CARGO_BIN_EXE_wasmelt"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// A test file.
#[derive(Clone, PartialEq, Debug)]
struct Transcript {
    title: String,
    needs: Vec<String>,
    left_out: Option<LeftOut>,
    files: Vec<TestFile>,
    steps: Vec<Step>,
    tree: Option<String>,
}

/// A test or a step that does not hold wherever executables are run by an emulator.
#[derive(Clone, PartialEq, Debug)]
struct LeftOut {
    /// The only target that it does not hold for.
    target: Option<String>,
    reason: String,
}

impl LeftOut {
    fn applies(&self, emulates: bool) -> bool {
        let target = self.target.as_deref();
        emulates && target.is_none_or(|target| target == emulation::target().name)
    }
}

#[derive(Clone, PartialEq, Debug)]
struct TestFile {
    name: String,
    kind: FileKind,
    /// As it stands in the transcript.
    text: String,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum FileKind {
    Text,
    Hex,
    Folder,
    /// A copy of a module in `tests/guests`.
    Guest,
    /// A copy of a file in `examples`.
    Example,
}

#[derive(Clone, PartialEq, Debug)]
struct Step {
    command: String,
    left_out: Option<LeftOut>,
    exit: i32,
    stdout: String,
    stderr: String,
}

fn check(path: &Path, emulates: bool) -> Result<(), Failed> {
    let text = fs::read_to_string(path)?;
    let expected = parse(&text)?;
    let actual = perform(&expected, emulates)?;
    if actual == expected {
        return Ok(());
    }
    if std::env::var_os("BLESS").is_some() {
        fs::write(path, print(&actual))?;
        return Ok(());
    }
    Err(difference(&print(&expected), &print(&actual)).into())
}

fn parse(text: &str) -> Result<Transcript, Failed> {
    let mut transcript = Transcript {
        title: String::new(),
        needs: Vec::new(),
        left_out: None,
        files: Vec::new(),
        steps: Vec::new(),
        tree: None,
    };
    let mut sections: Vec<(&str, String)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("--- "), sections.last_mut()) {
            (Some(head), _) => sections.push((head, String::new())),
            (None, Some((_, body))) => body.extend([line, "\n"]),
            (None, None) => transcript.title.extend([line, "\n"]),
        }
    }
    transcript.title.truncate(transcript.title.trim_end().len());
    for (head, body) in sections {
        let (word, rest) = head.split_once(' ').unwrap_or((head, ""));
        let file = |kind, text| TestFile {
            name: rest.to_owned(),
            kind,
            text,
        };
        match word {
            "needs" => transcript.needs.push(rest.to_owned()),
            "native" | "except" => {
                let (target, reason) = match word {
                    "native" => (None, rest),
                    _ => rest
                        .split_once(' ')
                        .map(|(target, reason)| (Some(target.to_owned()), reason))
                        .ok_or("`except` names a target and says why")?,
                };
                let step = transcript.steps.last_mut();
                let place = step.map_or(&mut transcript.left_out, |step| &mut step.left_out);
                *place = Some(LeftOut {
                    target,
                    reason: reason.to_owned(),
                });
            }
            "guest" => transcript.files.push(file(FileKind::Guest, body)),
            "example" => transcript.files.push(file(FileKind::Example, body)),
            "file" => transcript.files.push(file(FileKind::Text, body)),
            "hex" => transcript.files.push(file(FileKind::Hex, body)),
            "dir" => transcript.files.push(file(FileKind::Folder, body)),
            "tree" => transcript.tree = Some(body),
            "run" => transcript.steps.push(Step {
                command: rest.to_owned(),
                left_out: None,
                exit: 0,
                stdout: String::new(),
                stderr: String::new(),
            }),
            "exit" | "stdout" | "stderr" => {
                let step = transcript
                    .steps
                    .last_mut()
                    .ok_or("it comes before any step")?;
                match word {
                    "exit" => step.exit = rest.parse()?,
                    "stdout" => step.stdout = body,
                    _ => step.stderr = body,
                }
            }
            _ => return Err(format!("unknown section `{word}`").into()),
        }
    }
    Ok(transcript)
}

/// Runs the steps, and returns the transcript as it should have been.
fn perform(expected: &Transcript, emulates: bool) -> Result<Transcript, Failed> {
    let folder = tempfile::Builder::new().prefix("wasmelt-cli-").tempdir()?;
    let root = fs::canonicalize(folder.path())?;
    for file in &expected.files {
        let path = match file.kind {
            FileKind::Example => root.join("examples").join(&file.name),
            _ => root.join(&file.name),
        };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        match file.kind {
            FileKind::Text => fs::write(path, &file.text)?,
            FileKind::Hex => fs::write(path, bytes_of_hex(&file.text)?)?,
            FileKind::Folder => fs::create_dir_all(path)?,
            FileKind::Guest => {
                fs::copy(tests().join("guests").join(&file.name), path)?;
            }
            FileKind::Example => {
                fs::copy(project().join("examples").join(&file.name), path)?;
            }
        }
    }
    let mut actual = expected.clone();
    let wasmelt = Path::new(env!("CARGO_BIN_EXE_wasmelt"));
    let native = wasmelt.parent().ok_or("the command has a folder")?;
    let wrapper = tempfile::tempdir()?;
    let commands = match emulates {
        true => {
            write_wrapper(wrapper.path(), wasmelt)?;
            wrapper.path()
        }
        false => native,
    };
    for step in &mut actual.steps {
        let left_out = step.left_out.as_ref();
        if !left_out.is_some_and(|left_out| left_out.applies(emulates)) {
            run(step, &root, commands)?;
        }
    }
    if actual.tree.is_some() {
        let mut names = Vec::new();
        list(&root, &root, &mut names)?;
        names.sort();
        actual.tree = Some(names.concat());
    }
    Ok(actual)
}

/// The folders that executables for another machine are kept in.
const EMULATED: &str = ".emulated";

/// Bytes of addresses that qemu gives a server: one reserves half of all there are, and qemu 7.2 keeps
/// 16 bytes for each page of that.
const SERVER_ADDRESSES: &str = "0x1000000000";

/// The same for a program with threads, which reserves as much as it can for a thousand of them. Forty
/// fit into this.
const THREADS_ADDRESSES: &str = "0x4000000000";

/// Tests wait for programs that have started: by an emulator that takes ten times as long.
const SLEEP: &str = r#"#!/bin/sh
PATH=${PATH#*:} exec sleep "$1" "$1" "$1" "$1" "$1" "$1" "$1" "$1" "$1" "$1"
"#;

/// The same for those that end programs, were they to hang.
const TIMEOUT: &str = r#"#!/bin/sh
seconds=${1}0
shift
PATH=${PATH#*:} exec timeout "$seconds" "$@"
"#;

/// Calls a command with executables themselves, which others see scripts in the place of.
const KEPT: &str = r#"#!/bin/sh
for word; do
    shift
    kept=$(dirname -- "$word")/.emulated/$(basename -- "$word")
    for kept in "$kept" "$kept.exe"; do [ ! -f "$kept" ] || word=$kept; done
    set -- "$@" "$word"
done
PATH=${PATH#*:} exec "$@"
"#;

/// Compares executables, not the scripts.
const CMP: &str = "#!/bin/sh\nexec kept cmp \"$@\"\n";

/// Writes a command `wasmelt` that builds for another machine, and puts in the place of each
/// executable a script that has the emulator run it.
fn write_wrapper(folder: &Path, wasmelt: &Path) -> Result<(), Failed> {
    const WRAPPER: &str = r#"#!/bin/sh
case ${1-} in
    inspect) exec kept WASMELT "$@" ;;
    run | serve | check | targets | completions | help) exec WASMELT "$@" ;;
    build) shift ;;
esac
WASMELT build --target TARGET "$@" || exit
find . -name .emulated -prune -o -type f -perm -100 -print | while read -r file; do
    case $(od -A n -t x1 -j 0 -N 4 "$file") in
        " 7f 45 4c 46" | " 4d 5a "*) ;;
        *) continue ;;
    esac
    folder=$(dirname "$file")
    name=$(basename "$file")
    plain=${file%.exe}
    arguments='ARGUMENTS'
    if WASMELT inspect "$file" | grep -q 'entry  *wasi:http'; then arguments='-R SERVER_ADDRESSES'; fi
    for word; do
        if [ -f "$word" ] && grep -qa thread-spawn "$word"; then arguments='-R THREADS_ADDRESSES'; fi
    done
    mkdir -p "$folder/.emulated"
    mv "$file" "$folder/.emulated/$name"
    cat >"$plain" <<END
#!/bin/sh
exec EMULATOR $arguments -0 "\$0" "$PWD/$folder/.emulated/$name" "\$@"
END
    chmod +x "$plain"
done
"#;
    let emulator = emulation::emulator().ok_or("there is an emulator")?;
    let script = WRAPPER
        .replace("WASMELT", &wasmelt.display().to_string())
        .replace("TARGET", emulation::target().name)
        .replace("SERVER_ADDRESSES", SERVER_ADDRESSES)
        .replace("THREADS_ADDRESSES", THREADS_ADDRESSES)
        .replace("ARGUMENTS", &emulation::arguments().join(" "))
        .replace("EMULATOR", &emulator.display().to_string());
    let wasmelt = ("wasmelt", script.as_str());
    for (name, script) in [
        wasmelt,
        ("sleep", SLEEP),
        ("timeout", TIMEOUT),
        ("kept", KEPT),
        ("cmp", CMP),
    ] {
        let path = folder.join(name);
        fs::write(&path, script)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Runs a step with `wasmelt` from the folder `commands`, and puts in what came of it.
fn run(step: &mut Step, root: &Path, commands: &Path) -> Result<(), Failed> {
    let system = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(&step.command)
        .current_dir(root)
        .env_clear()
        .env("PATH", format!("{}:{system}", commands.display()))
        .env("HOME", root.join(".home"))
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    if let Some(emulator) = emulation::emulator() {
        command.env("EMULATOR", emulator);
    }
    let output = command.output()?;
    let text = |bytes: &[u8]| normal(&String::from_utf8_lossy(bytes), root);
    step.exit = output.status.code().ok_or("a signal ended the shell")?;
    step.stdout = text(&output.stdout);
    step.stderr = text(&output.stderr);
    Ok(())
}

/// Files and folders below `folder`, a line each. The cache of `run` is told by its folder alone.
fn list(folder: &Path, root: &Path, names: &mut Vec<String>) -> Result<(), Failed> {
    for entry in fs::read_dir(folder)? {
        let path: PathBuf = entry?.path();
        let name = path.strip_prefix(root)?.display().to_string();
        if path.ends_with(EMULATED) {
            continue;
        }
        if path.is_dir() && !path.is_symlink() {
            names.push(format!("{name}/\n"));
            if !name.starts_with(".home") {
                list(&path, root, names)?;
            }
        } else {
            names.push(format!("{name}\n"));
        }
    }
    Ok(())
}

/// The text without what differs between two runs and between versions of the compiler.
fn normal(text: &str, root: &Path) -> String {
    let text = text.replace(&root.display().to_string(), "[DIR]");
    let text = text.replace(
        concat!("wasmelt ", env!("CARGO_PKG_VERSION")),
        "wasmelt [VERSION]",
    );
    let text = text.replace(std::env::consts::ARCH, "[ARCH]");
    let mut shown = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let mut words = line.split(' ').peekable();
        while let Some(word) = words.next() {
            let (opening, number) = word.split_at(usize::from(word.starts_with('(')));
            let next = words.peek().map_or("", |word| *word);
            let unit = next.trim_end_matches([')', ',', '\n']);
            let name = match unit {
                "ms" | "s" => "[TIME]",
                "B" | "KiB" | "MiB" => "[SIZE]",
                _ => "",
            };
            if number.parse::<f64>().is_ok() && !name.is_empty() {
                // Columns of numbers are of the same width whatever the numbers are.
                while shown.ends_with("  ") {
                    shown.pop();
                }
                shown.extend([opening, name, &next[unit.len()..]]);
                words.next();
            } else {
                shown.push_str(&without_hash(word));
            }
            if words.peek().is_some() {
                shown.push(' ');
            }
        }
    }
    if !shown.is_empty() && !shown.ends_with('\n') {
        shown.push_str("[no newline]\n");
    }
    shown
}

fn without_hash(word: &str) -> String {
    let hash = word
        .split(|c: char| !c.is_ascii_hexdigit())
        .find(|part| part.len() == 64);
    hash.map_or_else(|| word.to_owned(), |hash| word.replace(hash, "[HASH]"))
}

fn bytes_of_hex(text: &str) -> Result<Vec<u8>, Failed> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16);
    Ok(digits.chunks(2).map(byte).collect::<Result<_, _>>()?)
}

fn print(transcript: &Transcript) -> String {
    let mut text = format!("{}\n\n", transcript.title);
    for need in &transcript.needs {
        let _ = writeln!(text, "--- needs {need}");
    }
    print_left_out(&mut text, transcript.left_out.as_ref());
    for file in &transcript.files {
        let word = match file.kind {
            FileKind::Text => "file",
            FileKind::Hex => "hex",
            FileKind::Folder => "dir",
            FileKind::Guest => "guest",
            FileKind::Example => "example",
        };
        let _ = write!(text, "--- {word} {}\n{}", file.name, file.text);
    }
    for step in &transcript.steps {
        let _ = writeln!(text, "--- run {}", step.command);
        print_left_out(&mut text, step.left_out.as_ref());
        if step.exit != 0 {
            let _ = writeln!(text, "--- exit {}", step.exit);
        }
        for (name, output) in [("stdout", &step.stdout), ("stderr", &step.stderr)] {
            if !output.is_empty() {
                let _ = write!(text, "--- {name}\n{output}");
            }
        }
    }
    if let Some(tree) = &transcript.tree {
        let _ = write!(text, "--- tree\n{tree}");
    }
    text
}

fn print_left_out(text: &mut String, left_out: Option<&LeftOut>) {
    let Some(LeftOut { target, reason }) = left_out else {
        return;
    };
    let _ = match target {
        None => writeln!(text, "--- native {reason}"),
        Some(target) => writeln!(text, "--- except {target} {reason}"),
    };
}

/// Both texts from the first line in which they differ.
fn difference(expected: &str, actual: &str) -> String {
    let same = expected
        .lines()
        .zip(actual.lines())
        .take_while(|(left, right)| left == right)
        .count();
    let rest = |text: &str| {
        text.lines()
            .skip(same)
            .fold(String::new(), |all, line| all + line + "\n")
    };
    format!(
        "line {}; expected:\n{}\nactual:\n{}\n(`BLESS=1` accepts it)",
        same + 1,
        rest(expected),
        rest(actual)
    )
}
