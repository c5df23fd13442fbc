//! `wasmelt explain`: what is behind the code of an error.

use std::fmt::Write;

use crate::codes::PAGES;
use crate::diagnostic::{Diagnostic, Failure};

/// The page of a code, or a list of all.
///
/// # Errors
/// For a code that there is not.
pub(crate) fn explain(code: Option<&str>) -> Result<String, Failure> {
    let Some(asked) = code else {
        let mut text = String::new();
        for page in PAGES {
            let _ = writeln!(text, "{}  {}", page.code, page.title);
        }
        return Ok(text);
    };
    let number = asked.trim_start_matches(['E', 'e']).parse::<u32>();
    let is_asked = |code: &str| number.is_ok() && code[1..].parse() == number;
    let Some(page) = PAGES.iter().find(|page| is_asked(page.code)) else {
        return Err(Failure::usage(
            Diagnostic::error(format!("there is no error with the code `{asked}`"))
                .help("`wasmelt explain` lists the codes"),
        ));
    };
    Ok(format!("{}: {}\n\n{}\n", page.code, page.title, page.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the pages are defined.
    const CODES: &str = include_str!("codes.rs");

    #[test]
    fn every_code_has_an_explanation() {
        let defined = CODES.matches(": Page = Page {").count();
        assert_eq!(defined, PAGES.len(), "a page is not in the list");
        for (page, next) in PAGES.iter().zip(&PAGES[1..]) {
            assert!(page.code < next.code, "{}", next.code);
        }
        for page in PAGES {
            assert!(page.text.contains("\n\nTo do: "), "{}", page.code);
            assert!(page.text.lines().all(|line| line.len() <= 100));
            let text = explain(Some(page.code)).expect("it has a page");
            assert!(text.starts_with(page.code));
            assert_eq!(explain(Some(&page.code.to_lowercase())), Ok(text));
        }
        assert!(explain(Some("E000")).is_err() && explain(Some("x")).is_err());
    }
}
