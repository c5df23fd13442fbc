//! Codes of errors, each with what `wasmelt explain` says of it: the cause, and what to do.
//!
//! An error has its code by naming a page here, so there is no code without a page.

/// What is said about an error.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Page {
    pub(crate) code: &'static str,
    /// As a heading: lower case, no period.
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
}

/// All pages, by their codes.
pub(crate) static PAGES: [&Page; 20] = [
    &UNREADABLE,
    &NOT_WEBASSEMBLY,
    &INVALID,
    &INVALID_TEXT,
    &UNSUPPORTED,
    &MAY_CHANGE,
    &NOTHING_PROVIDES,
    &NO_SUCH_FUNCTION,
    &WRONG_TYPE,
    &WITHHELD,
    &LIBRARY,
    &NO_EXPORT,
    &LIMIT,
    &KEY,
    &HONOUR,
    &GRANT,
    &TARGET,
    &UNWRITABLE,
    &MANIFEST,
    &BUG,
];

pub(crate) static UNREADABLE: Page = Page {
    code: "E001",
    title: "an input cannot be read",
    text: "\
The file that is named as the input does not exist, is a folder, or may not be read.

A first word that is no command is taken for an input: `wasmelt biuld app.wasm` looks for a file
`biuld`. Tools put what they build into different folders: cargo into
`target/wasm32-wasip2/release`, with underscores in the place of dashes for libraries.

To do: check the path, and that the step that makes the file has succeeded.",
};

pub(crate) static NOT_WEBASSEMBLY: Page = Page {
    code: "E002",
    title: "the input is not WebAssembly",
    text: "\
A component or module begins with the bytes 00 61 73 6d (`\\0asm`), its text form with `(component`
or `(module`. This file begins with something else; the message says what it looks like.

Frequent causes: it is source code, or a native program; it is compressed; it is a page in HTML that
a server has sent instead; it is a pointer of Git LFS whose file has not been fetched.

To do: compile the source for WebAssembly (docs/languages.md has a recipe for each language), or
take the file out of what it is packed in.",
};

pub(crate) static INVALID: Page = Page {
    code: "E003",
    title: "the input is damaged",
    text: "\
The file begins as WebAssembly does, and then breaks a rule of the format: it ends too early, or an
instruction has operands of a wrong type. No engine would run it. The byte offset says where.

To do: download or build it again. When it has not been damaged on its way, the tool that made it is
at fault; `wasm-tools validate` is a second opinion.",
};

pub(crate) static INVALID_TEXT: Page = Page {
    code: "E004",
    title: "there is a fault in the text form of WebAssembly",
    text: "\
The input is WebAssembly's text form (`.wat`), and does not follow its grammar or its rules. The
message points at the place, or names the byte offset in the binary that the text stands for.

To do: correct the text. Instructions take their operands from the stack: `expected i32 but nothing
on stack` means that one is missing before it.",
};

pub(crate) static UNSUPPORTED: Page = Page {
    code: "E005",
    title: "a feature is not supported",
    text: "\
The input is valid, and uses a feature of WebAssembly that wasmelt does not compile, not for this
target, or that `-W FEATURE=n` has switched off. docs/conformance.md lists what is supported.

To do: build the input without the feature. Compilers use new ones only when they are told to: for
Rust and C by `-C target-feature` and `-m` flags. Leave out `-W FEATURE=n` if it was given.",
};

pub(crate) static MAY_CHANGE: Page = Page {
    code: "E006",
    title: "a feature may still change",
    text: "\
The input uses a feature of the component model or of WASI whose text is not finished. Programs that
use it may have to be built again for a later version, so it is refused unless it is asked for.

To do: allow it with the flag that the message names, such as `-W component-model-threading`.",
};

pub(crate) static NOTHING_PROVIDES: Page = Page {
    code: "E007",
    title: "nothing provides an import",
    text: "\
The program imports something that is part of no version of WASI, and that no other component or
module was given for. In an executable nobody is left to provide it.

Frequent causes: the module was made for JavaScript (imports of `wbg`, `env`, `go`); it is a plug-in
of some host; it is one of several components that belong together.

To do: build it for WASI; or give what provides it: `--plug FILE` for a component, `--preload
NAME=FILE` for a module. If the import is never called, `-W unknown-imports-trap` lets it trap.
`wasmelt check` lists all imports, and `wasmelt inspect --graph` draws them.",
};

pub(crate) static NO_SUCH_FUNCTION: Page = Page {
    code: "E008",
    title: "an interface has no such function",
    text: "\
The interface or module is known, and does not have the function that the program imports from it:
it was built against another draft or version of it.

To do: build the program again with bindings of a released version (0.2.x or 0.3.x of WASI);
`wasmelt inspect` lists what it imports now.",
};

pub(crate) static WRONG_TYPE: Page = Page {
    code: "E009",
    title: "an import or export has another type",
    text: "\
What the program imports exists under this name, and has another type than the program says, or an
export that starts a program has not the type that such exports have. The notes show both.

To do: generate the bindings again from the interfaces of the version that is named in the import,
and build again. With `--plug`, both components have to be built against the same interface.",
};

pub(crate) static WITHHELD: Page = Page {
    code: "E010",
    title: "an import is withheld from the program",
    text: "\
A flag such as `-S cli=n` or `-S http=n` takes a part of WASI away, and the program imports it.

To do: leave out the flag that the message names, or build a program that does not need it. To keep
a program from files, the environment or the network, no such flag is needed: it has none of them
unless they are granted (docs/grants.md).",
};

pub(crate) static LIBRARY: Page = Page {
    code: "E011",
    title: "the input is a library, not a program",
    text: "\
An executable needs a beginning. That is `_start` of a module, `wasi:cli/run` of a component, or a
handler of `wasi:http`. This input exports none of them: it was built as a library (a reactor).

To do: build it as a program: with a `main`, without `--no-entry` and `-mexec-model=reactor`, for
Rust from `src/main.rs`. Or say which function is to be called: `--invoke FUNCTION`. Or make a
library for C of it: `--emit staticlib`.",
};

pub(crate) static NO_EXPORT: Page = Page {
    code: "E012",
    title: "there is no such export",
    text: "\
A flag names a function (`--invoke`, `--preinit`), and the input exports none of that name.

To do: `wasmelt inspect` lists what it exports. A function of an interface is named
`INTERFACE.FUNCTION`, or as in WIT `wasi:cli/run.run@0.2.0`.",
};

pub(crate) static LIMIT: Page = Page {
    code: "E013",
    title: "the program needs more than its limits allow",
    text: "\
A limit was set with `-W max-...`, and the program begins beyond it.

To do: raise the limit that the message names, or leave it out.",
};

pub(crate) static KEY: Page = Page {
    code: "E014",
    title: "a key or its value is not known",
    text: "\
`-O`, `-C`, `-D`, `-W` and `-S` take lists of keys: `KEY` or `KEY=VALUE`, with commas between them.
The keys are those of Wasmtime. This list has a key that none of them is, or a value that the key
does not take.

To do: `wasmelt build -W help`, and so on for each, lists the keys with their values.",
};

pub(crate) static HONOUR: Page = Page {
    code: "E015",
    title: "a key cannot be honoured",
    text: "\
The key would limit what the program may do or use, and an executable has no engine that could keep
it to that. To ignore the key would promise what is not kept, so it is refused.

To do: leave it out, or use what the message names instead. The system's own limits hold for
executables: `ulimit`, control groups, systemd.",
};

pub(crate) static GRANT: Page = Page {
    code: "E016",
    title: "a grant cannot be understood",
    text: "\
`--dir`, `--dir-ro` and `--embed` take `HOST` or `HOST::GUEST`, `--env` takes `NAME` or
`NAME=VALUE`, `--allow-host` takes `HOST`, `HOST:PORT` or `*.HOST`. What was given is none of these.

To do: write it so; in a shell, quote what has spaces, `*` or `?`. docs/grants.md shows each.",
};

pub(crate) static TARGET: Page = Page {
    code: "E017",
    title: "the target is nothing that can be compiled for",
    text: "\
`--target` names a machine by its processor and its system, such as `aarch64-linux`.

To do: `wasmelt targets` lists the names, and for which of them there is a runtime library in this
build of wasmelt; docs/cross-compiling.md says how the others are made. For systems without one,
`--emit obj` makes an object file.",
};

pub(crate) static UNWRITABLE: Page = Page {
    code: "E018",
    title: "the output cannot be written",
    text: "\
The folder of the output does not exist or may not be written to, its place is taken by a folder,
the disk is full, or the output would replace the input. What was there before is there still.

To do: name another place with `-o PATH`, or `-o -` for standard output.",
};

pub(crate) static MANIFEST: Page = Page {
    code: "E019",
    title: "there is a fault in a manifest",
    text: "\
The keys of a `wasmelt.toml` are the flags of `wasmelt build` without their dashes, and it says of
each what the flag would say. This one is no TOML, has a key that no flag is, or a value that its
flag does not take. The message points at it.

To do: `wasmelt build --help` describes the flags, docs/manifest.md the file, and
`wasmelt init INPUT` writes one to begin with.",
};

pub(crate) static BUG: Page = Page {
    code: "E099",
    title: "wasmelt itself is at fault",
    text: "\
Something has happened that should not be possible, whatever the input is. No output was written.

To do: please report it with the input and the command line. `-O0`, `-O inline=0`,
`-O regalloc-algorithm=backtracking` or `--linker cc` may get around it until it is mended, and what
of these does helps to find it.",
};
