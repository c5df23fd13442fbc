//! Names of functions as people read them: what the compilers of Rust and C++ mangle is undone.
//!
//! Names stand in backtraces and in the executable's symbols. Other languages do not mangle. Whoever
//! wrote the program has chosen them, and terminals obey some characters: these are escaped, and
//! what is too long to be read is left out.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// A few bytes of a mangled name can stand for millions: names longer than this stay mangled.
const NAME_BYTES_MAX: usize = 4096;

/// Of a longer name, the beginning and the end are shown, which together are about as long.
const SHOWN_BYTES_MAX: usize = 500;
const SHOWN_END_BYTES: usize = 120;

/// The name of the function in `module`, `name` being the name section's.
pub fn function_name(module: &str, name: &str) -> String {
    let demangled = demangled(name);
    let name = demangled.as_deref().unwrap_or(name);
    format!("{}!{}", shown(module), shown(name))
}

/// The name of an import that nothing provides.
pub(super) fn import_name(module: &str, name: &str) -> String {
    format!("{}#{}", shown(module), shown(name))
}

/// The name of the `index`-th function of `module`, which has none.
pub(super) fn unnamed(module: &str, index: u32) -> String {
    format!("{}!<wasm function {index}>", shown(module))
}

/// The name as a backtrace shows it.
fn shown(name: &str) -> Cow<'_, str> {
    if name.len() > SHOWN_BYTES_MAX {
        let first = name.floor_char_boundary(SHOWN_BYTES_MAX - SHOWN_END_BYTES);
        let last = name.ceil_char_boundary(name.len() - SHOWN_END_BYTES);
        let (first, last) = (escaped(&name[..first]), escaped(&name[last..]));
        return Cow::Owned(format!("{first}…{last}"));
    }
    escaped(name)
}

/// Without characters that would change how the text around them is shown.
fn escaped(name: &str) -> Cow<'_, str> {
    let is_plain = |c: char| matches!(c, ' '..='~') || c.is_alphanumeric();
    if name.chars().all(is_plain) {
        return Cow::Borrowed(name);
    }
    let mut text = String::with_capacity(name.len() + 8);
    for c in name.chars() {
        match c {
            ' '..='~' => text.push(c),
            _ => text.extend(c.escape_debug()),
        }
    }
    Cow::Owned(text)
}

pub fn demangled(name: &str) -> Option<String> {
    let mut text = Bounded(String::new());
    if let Ok(symbol) = rustc_demangle::try_demangle(name) {
        return write!(text, "{symbol}").is_ok().then_some(text.0);
    }
    let symbol = cpp_demangle::Symbol::new(name).ok()?;
    let written = symbol.structured_demangle(&mut text, &cpp_demangle::DemangleOptions::new());
    written.is_ok().then_some(text.0)
}

/// Fails as soon as the text becomes too long.
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > NAME_BYTES_MAX {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{function_name, import_name, unnamed};

    #[test]
    fn rust() {
        let v0 = "_RNvCs15kBYyAo9fc_7mycrate7example";
        assert_eq!(
            function_name("m", v0),
            "m!mycrate[ca63f166dbe9294]::example"
        );
        let legacy = "_ZN4core9panicking9panic_fmt17h0123456789abcdefE";
        assert_eq!(
            function_name("m", legacy),
            "m!core::panicking::panic_fmt::h0123456789abcdef"
        );
    }

    #[test]
    fn cpp() {
        assert_eq!(
            function_name("m", "_ZNSt6vectorIiSaIiEE9push_backERKi"),
            "m!std::vector<int, std::allocator<int> >::push_back(int const&)"
        );
    }

    #[test]
    fn others_stay() {
        for name in [
            "main",
            "_start",
            "_Z",
            "_R",
            "_ZN",
            "__main_void",
            "runtime.gopanic",
            "",
            "é",
        ] {
            assert_eq!(function_name("m", name), format!("m!{name}"));
        }
    }

    /// Each parameter is a pair of the one before: 2 to the power of 40 names of a type.
    #[test]
    fn exploding_names_stay() {
        let mut name = "_Z1f1PIiiE".to_owned();
        for step in 0..30 {
            let last = char::from_digit(step, 36)
                .expect("a digit")
                .to_ascii_uppercase();
            name += &format!("S_IS{last}_S{last}_E");
        }
        assert!(function_name("m", &name).starts_with("m!_Z1f1PIiiES_IS0_S0_E"));
    }

    #[test]
    fn what_terminals_obey_is_escaped() {
        for (name, shown) in [
            ("a\u{1b}[31m\n", "a\\u{1b}[31m\\n"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("a\u{202e}b\u{2028}", "a\\u{202e}b\\u{2028}"),
            ("'x' \"y\" \\", "'x' \"y\" \\"),
            ("grüße→π", "grüße→π"),
        ] {
            assert_eq!(function_name("m", name), format!("m!{shown}"));
            assert_eq!(import_name(name, "f"), format!("{shown}#f"));
            assert_eq!(unnamed(name, 3), format!("{shown}!<wasm function 3>"));
        }
    }

    #[test]
    fn long_names_are_shortened() {
        let long = format!("begin{}end", "é".repeat(50_000));
        let shown = function_name("m", &long);
        assert!(shown.len() < 520, "{}", shown.len());
        assert!(shown.starts_with("m!beginé") && shown.ends_with("éend"));
        assert!(shown.contains("é…é"));
        let controls = "\u{10ffff}".repeat(1000);
        assert!(function_name(&controls, &controls).len() < 3000);
        let fits = "x".repeat(500);
        assert_eq!(function_name("m", &fits), format!("m!{fits}"));
    }
}
