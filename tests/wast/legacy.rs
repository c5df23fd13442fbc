//! Scripts that write `try` with its body and clauses in parentheses, as the text format did before
//! exceptions were standardized: the parser knows it as instructions one after the other alone.

/// What an opened parenthesis belongs to.
enum Open {
    Try {
        delegates: bool,
    },
    /// A part of a `try`.
    Part,
    Other,
}

/// The same script, on the same lines, with `(try (do …) (catch …))` as `try … catch … end`.
///
/// That goes only where instructions follow each other, not where one is an operand of another.
pub fn unfolded(text: &str) -> String {
    if !text.contains("(try") {
        return text.to_owned();
    }
    let mut unfolded = String::with_capacity(text.len());
    let mut open: Vec<Open> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => string_length(rest),
            ';' if rest.starts_with(";;") => rest.find('\n').unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (now, behind) = rest.split_at(length);
        rest = behind;
        match first {
            '(' => {
                let keyword = rest
                    .split(|c: char| !c.is_ascii_alphanumeric() && !"_.".contains(c))
                    .next()
                    .unwrap_or_default();
                let in_try = matches!(open.last(), Some(Open::Try { .. }));
                if let Some(Open::Try { delegates }) = open.last_mut() {
                    *delegates |= keyword == "delegate";
                }
                let kind = match keyword {
                    "try" => Open::Try { delegates: false },
                    "do" | "catch" | "catch_all" | "delegate" if in_try => Open::Part,
                    _ => Open::Other,
                };
                unfolded.push_str(match kind {
                    Open::Other => now,
                    _ => " ",
                });
                if in_try && keyword == "do" {
                    rest = &rest[keyword.len()..];
                }
                open.push(kind);
            }
            ')' => unfolded.push_str(match open.pop() {
                Some(Open::Try { delegates: false }) => " end ",
                Some(Open::Try { delegates: true } | Open::Part) => " ",
                _ => now,
            }),
            _ => unfolded.push_str(now),
        }
    }
    unfolded
}

/// Of a literal at the beginning, with its quotes.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !is_escaped => return at + 1,
            _ => is_escaped = c == '\\' && !is_escaped,
        }
    }
    text.len()
}
