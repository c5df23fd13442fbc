//! Arguments, environment, terminals and exit codes.

#![no_std]

extern crate alloc;

use guests::say;
use wasip2::cli::environment::{get_arguments, get_environment, initial_cwd};
use wasip2::cli::exit::{exit, exit_with_code};
use wasip2::cli::stderr::get_stderr;
use wasip2::cli::terminal_stderr::get_terminal_stderr;
use wasip2::cli::terminal_stdin::get_terminal_stdin;
use wasip2::cli::terminal_stdout::get_terminal_stdout;

struct Program;

wasip2::cli::command::export!(Program);

impl wasip2::exports::cli::run::Guest for Program {
    fn run() -> Result<(), ()> {
        let arguments = get_arguments();
        for argument in arguments.iter().skip(1) {
            say!("argument {argument:?}");
        }
        let mut environment = get_environment();
        environment.sort();
        for (name, value) in environment {
            say!("environment {name}={value}");
        }
        say!("initial folder {:?}", initial_cwd());
        say!(
            "terminals {} {} {}",
            get_terminal_stdin().is_some(),
            get_terminal_stdout().is_some(),
            get_terminal_stderr().is_some()
        );
        let stderr = get_stderr();
        let _ = stderr.blocking_write_and_flush(b"to standard error\n");
        match arguments.last().map(|last| last.as_str()) {
            Some("fail") => return Err(()),
            Some("exit-ok") => exit(Ok(())),
            Some("exit-error") => exit(Err(())),
            Some("trap") => panic!(),
            Some(last) => {
                if let Some(Ok(code)) = last.strip_prefix("code=").map(str::parse) {
                    exit_with_code(code);
                }
            }
            None => (),
        }
        Ok(())
    }
}
