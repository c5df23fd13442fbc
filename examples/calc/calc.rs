//! Formulas of numbers, names, `+ - * /` and brackets: parsed once, calculated as often as wanted.
//!
//! ```text
//! sum     = product (("+" | "-") product)*
//! product = factor (("*" | "/") factor)*
//! factor  = "-" factor | number | name | "(" sum ")"
//! ```

wit_bindgen::generate!({ path: "calc.wit", world: "calc" });

use exports::example::calc::formulas::{self, Formula, GuestFormula, Problem, Variable};

struct Exports;

export!(Exports);

impl formulas::Guest for Exports {
    type Formula = Parsed;
}

/// Steps of a machine with a stack.
enum Step {
    Number(f64),
    Name(String),
    Negate,
    Apply(u8),
}

pub struct Parsed(Vec<Step>);

impl GuestFormula for Parsed {
    fn parse(text: String) -> Result<Formula, Problem> {
        let mut parser = Parser {
            text: text.as_bytes(),
            at: 0,
            depth: 0,
            steps: Vec::new(),
        };
        parser.sum()?;
        match parser.peek() {
            None => Ok(Formula::new(Parsed(parser.steps))),
            Some(_) => Err(parser.problem()),
        }
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for step in &self.0 {
            if let Step::Name(name) = step
                && !names.contains(name)
            {
                names.push(name.clone());
            }
        }
        names
    }

    fn value(&self, variables: Vec<Variable>) -> Result<f64, Problem> {
        let mut stack = Vec::new();
        for step in &self.0 {
            let value = match step {
                Step::Number(value) => *value,
                Step::Name(name) => {
                    match variables.iter().find(|variable| variable.name == *name) {
                        Some(variable) => variable.value,
                        None => return Err(Problem::Unknown(name.clone())),
                    }
                }
                Step::Negate => -pop(&mut stack),
                Step::Apply(sign) => {
                    let (right, left) = (pop(&mut stack), pop(&mut stack));
                    match sign {
                        b'+' => left + right,
                        b'-' => left - right,
                        b'*' => left * right,
                        _ => left / right,
                    }
                }
            };
            stack.push(value);
        }
        Ok(pop(&mut stack))
    }
}

fn pop(stack: &mut Vec<f64>) -> f64 {
    stack.pop().expect("each step finds what it takes")
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    depth: u32,
    steps: Vec<Step>,
}

impl Parser<'_> {
    const DEPTH_MAX: u32 = 100;

    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn problem(&self) -> Problem {
        Problem::Syntax(self.at as u32)
    }

    fn sum(&mut self) -> Result<(), Problem> {
        self.product()?;
        while let Some(sign @ (b'+' | b'-')) = self.peek() {
            self.at += 1;
            self.product()?;
            self.steps.push(Step::Apply(sign));
        }
        Ok(())
    }

    fn product(&mut self) -> Result<(), Problem> {
        self.factor()?;
        while let Some(sign @ (b'*' | b'/')) = self.peek() {
            self.at += 1;
            self.factor()?;
            self.steps.push(Step::Apply(sign));
        }
        Ok(())
    }

    fn factor(&mut self) -> Result<(), Problem> {
        self.depth += 1;
        if self.depth > Self::DEPTH_MAX {
            return Err(self.problem());
        }
        match self.peek() {
            Some(b'-') => {
                self.at += 1;
                self.factor()?;
                self.steps.push(Step::Negate);
            }
            Some(b'(') => {
                self.at += 1;
                self.sum()?;
                if self.peek() != Some(b')') {
                    return Err(self.problem());
                }
                self.at += 1;
            }
            Some(b'0'..=b'9' | b'.') => {
                let word = self.word(|byte| byte.is_ascii_digit() || byte == b'.');
                let number = word.parse().map_err(|_| self.problem())?;
                self.steps.push(Step::Number(number));
            }
            Some(byte) if byte.is_ascii_alphabetic() => {
                let name = self.word(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                self.steps.push(Step::Name(name));
            }
            _ => return Err(self.problem()),
        }
        self.depth -= 1;
        Ok(())
    }

    fn word(&mut self, belongs: impl Fn(u8) -> bool) -> String {
        let rest = &self.text[self.at..];
        let length = rest
            .iter()
            .position(|&byte| !belongs(byte))
            .unwrap_or(rest.len());
        self.at += length;
        String::from_utf8_lossy(&rest[..length]).into_owned()
    }
}
