//! Names of functions as people read them: what the compilers of Rust and C++ mangle is undone.
//!
//! Names stand in backtraces and in the executable's symbols. Other languages do not mangle.

use std::fmt::{self, Write};

/// A few bytes of a mangled name can stand for millions: names longer than this stay mangled.
const NAME_BYTES_MAX: usize = 4096;

/// The name of the function in `module`, `name` being the name section's.
pub(super) fn function_name(module: &str, name: &str) -> String {
    match demangled(name) {
        Some(demangled) => format!("{module}!{demangled}"),
        None => format!("{module}!{name}"),
    }
}

fn demangled(name: &str) -> Option<String> {
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
    use super::function_name;

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
        assert_eq!(function_name("m", &name), format!("m!{name}"));
    }
}
