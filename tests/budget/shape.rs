//! A hostile input, and what is to become of it.

pub struct Shape {
    pub name: &'static str,
    pub make: fn() -> Vec<u8>,
    pub outcome: Outcome,
    /// For the command, behind the others.
    pub arguments: &'static [&'static str],
}

#[derive(Clone, Copy)]
pub enum Outcome {
    Built,
    /// An error with this in its text.
    Refused(&'static str),
}

impl Shape {
    pub fn built(name: &'static str, make: fn() -> Vec<u8>) -> Shape {
        Shape {
            name,
            make,
            outcome: Outcome::Built,
            arguments: &[],
        }
    }

    pub fn refused(name: &'static str, message: &'static str, make: fn() -> Vec<u8>) -> Shape {
        Shape {
            outcome: Outcome::Refused(message),
            ..Shape::built(name, make)
        }
    }

    pub fn with(self, arguments: &'static [&'static str]) -> Shape {
        Shape { arguments, ..self }
    }
}

/// Assembles text.
pub fn assemble(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the shape is valid text")
}

/// One text for each number.
pub fn each(count: usize, text: impl Fn(usize) -> String) -> String {
    (0..count).map(text).collect()
}
