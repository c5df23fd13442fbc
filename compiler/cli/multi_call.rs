//! Programs that are several in one, and choose by the name that they are started by.

use crate::diagnostic::Diagnostic;
use memchr::memmem;

/// What such programs call themselves in their help: those of BusyBox, Toybox and coreutils do.
const PHRASES: [&[u8]; 2] = [b"multi-call binary", b"multicall binary"];

/// What to tell about a program that does not know yet by which name it is started.
pub(crate) fn hint(program: &str, bytes: &[u8], argv0: Option<&str>) -> Option<Diagnostic> {
    let mut phrases = PHRASES.into_iter();
    let has = |phrase: &[u8]| memmem::find(bytes, phrase).is_some();
    if argv0.is_some() || !phrases.any(has) {
        return None;
    }
    let message =
        format!("`{program}` is several programs, and chooses by the name it is started by");
    Some(Diagnostic::information(message).help(
        "`--argv0 NAME` makes it one of them; without, it is the one that a link to it is named for",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_without_a_name_are_told_of() {
        let bytes = b"\0asm.. is a multi-call binary that ..";
        assert!(hint("box", bytes, None).is_some());
        assert!(hint("box", bytes, Some("ls")).is_none());
        assert!(hint("box", b"\0asm a binary", None).is_none());
        assert!(hint("box", b"", None).is_none());
    }
}
