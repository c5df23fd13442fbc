//! calculate FORMULA [NAME=VALUE]...: calculates a formula, by a crate that a component was compiled to.

use std::process::ExitCode;

use calc::{Config, Error, FormulasFormula, FormulasProblem, FormulasVariable, Instance};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(text) = arguments.next() else {
        eprintln!("usage: calculate FORMULA [NAME=VALUE]...");
        return ExitCode::from(2);
    };
    let mut variables = Vec::new();
    for argument in arguments {
        if let Some((name, value)) = argument.split_once('=') {
            variables.push(FormulasVariable {
                name: name.to_owned(),
                value: value.parse().unwrap_or_default(),
            });
        }
    }
    match calculate(&text, &variables) {
        Ok(Ok(value)) => {
            println!("{value}");
            return ExitCode::SUCCESS;
        }
        Ok(Err(FormulasProblem::Syntax(at))) => {
            eprintln!("{text}\n{:>1$} what is this?", "^", at as usize + 1)
        }
        Ok(Err(FormulasProblem::Unknown(name))) => eprintln!("what is `{name}`?"),
        Err(error) => eprint!("{error}"),
    }
    ExitCode::FAILURE
}

fn calculate(
    text: &str,
    variables: &[FormulasVariable],
) -> Result<Result<f64, FormulasProblem>, Error> {
    let config = Config {
        memory_bytes_max: 16 << 20,
        ..Config::default()
    };
    let instance = Instance::new(&config)?;
    match FormulasFormula::parse(&instance, text)? {
        Ok(formula) => formula.value(variables),
        Err(problem) => Ok(Err(problem)),
    }
}
