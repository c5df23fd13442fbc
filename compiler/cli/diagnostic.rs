//! The one place that prints errors, notes and warnings, in rustc's style.
//!
//! ```text
//! error: unknown import `env.frobnicate`
//!  --> app.wasm: byte offset 0x1f
//!   = note: …
//!   = help: …
//! ```

use std::io::{IsTerminal, Write};

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};

use crate::codes::Page;

/// One message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Diagnostic {
    pub(crate) severity: Severity,
    /// What `wasmelt explain` says of it, under a code that is printed.
    pub(crate) page: Option<&'static Page>,
    /// Lower case, no period, names in backticks.
    pub(crate) message: String,
    /// The file, and what is known about the place in it.
    pub(crate) place: Option<String>,
    /// The line of a text at which to point; the place is then the file's name alone.
    pub(crate) excerpt: Option<Excerpt>,
    pub(crate) notes: Vec<String>,
    pub(crate) helps: Vec<String>,
}

/// A line of an input in text form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Excerpt {
    /// From 1.
    pub(crate) line: usize,
    /// In bytes, from 0.
    pub(crate) column: usize,
    pub(crate) text: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Severity {
    Error,
    Note,
}

impl Diagnostic {
    pub(crate) fn error(message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Severity::Error, message.into())
    }

    pub(crate) fn information(message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Severity::Note, message.into())
    }

    fn new(severity: Severity, message: String) -> Diagnostic {
        Diagnostic {
            severity,
            page: None,
            message,
            place: None,
            excerpt: None,
            notes: Vec::new(),
            helps: Vec::new(),
        }
    }

    /// Gives it a code.
    pub(crate) fn page(mut self, page: &'static Page) -> Diagnostic {
        self.page = Some(page);
        self
    }

    pub(crate) fn place(mut self, place: impl Into<String>) -> Diagnostic {
        self.place = Some(place.into());
        self
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Diagnostic {
        self.notes.push(note.into());
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.helps.push(help.into());
        self
    }

    fn render(&self, colored: bool) -> String {
        let renderer = if colored {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Note => Level::NOTE,
        };
        let mut title = level.primary_title(&*self.message);
        if let Some(page) = self.page {
            title = title.id(page.code);
        }
        let mut group = annotate_snippets::Group::with_title(title);
        if let Some(excerpt) = &self.excerpt {
            let end = excerpt.column + usize::from(excerpt.column < excerpt.text.len());
            group = group.element(
                Snippet::source(&*excerpt.text)
                    .line_start(excerpt.line)
                    .path(self.place.as_deref())
                    .annotation(AnnotationKind::Primary.span(excerpt.column..end)),
            );
        } else if let Some(place) = &self.place {
            group = group.element(Origin::path(&**place));
        }
        group = group.elements(self.notes.iter().map(|note| Level::NOTE.message(&**note)));
        group = group.elements(self.helps.iter().map(|help| Level::HELP.message(&**help)));
        let text = renderer.render(&[group]);
        match self.excerpt {
            Some(_) => text,
            // The renderer makes room for line numbers; without one, it begins at the margin.
            None => text.replace('\n', "\n "),
        }
    }
}

/// Why the command stops, and with which exit code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// Apart, so that results are small.
    pub(crate) diagnostic: Box<Diagnostic>,
    /// Further faults that were found with it.
    pub(crate) others: Vec<Diagnostic>,
}

/// Exit codes of a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// An input, or the file system.
    Input = 1,
    /// The command line.
    Usage = 2,
    /// A bug of wasmelt.
    Bug = 101,
}

impl Failure {
    /// A fault of a file.
    pub(crate) fn input(diagnostic: Diagnostic) -> Failure {
        Failure {
            exit: Exit::Input,
            diagnostic: Box::new(diagnostic),
            others: Vec::new(),
        }
    }

    /// A fault of the command line.
    pub(crate) fn usage(diagnostic: Diagnostic) -> Failure {
        Failure {
            exit: Exit::Usage,
            diagnostic: Box::new(diagnostic),
            others: Vec::new(),
        }
    }
}

/// `--color`.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ColorChoice {
    Auto,
    Always,
    Never,
}

/// How messages reach the user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Console {
    pub(crate) time: bool,
    pub(crate) verbose: bool,
    pub(crate) quiet: bool,
    pub(crate) colored: bool,
    pub(crate) is_terminal: bool,
}

impl Console {
    /// What the environment asks for. <https://bixense.com/clicolors/> says what the variables mean.
    pub(crate) fn new(color: ColorChoice) -> Console {
        let is_terminal = std::io::stderr().is_terminal();
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let colored = match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                let forced = set("CLICOLOR_FORCE");
                !set("NO_COLOR") && (forced || is_terminal)
            }
        };
        Console {
            time: false,
            verbose: false,
            quiet: false,
            colored,
            is_terminal,
        }
    }

    /// Errors are always printed, the rest unless `-q` was given.
    pub(crate) fn show(&self, diagnostic: &Diagnostic) {
        if self.quiet && diagnostic.severity != Severity::Error {
            return;
        }
        self.line(&diagnostic.render(self.colored));
    }

    /// Everything that a failure says.
    pub(crate) fn fail(&self, failure: &Failure) {
        self.show(&failure.diagnostic);
        for other in &failure.others {
            self.show(other);
        }
    }

    /// A line on standard error. Nobody is left to tell when that fails.
    pub(crate) fn line(&self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }
}

/// Text from a file made safe to show: control characters are escaped.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            shown.extend(c.escape_debug());
        } else {
            shown.push(c);
        }
    }
    shown
}
