//! `wasi:cli`.

use crate::host_fns;
use crate::wasi::p2::cli;

host_fns! {
    "wasi:cli/environment" {
        "get-environment" => cli::get_environment;
        "get-arguments" => cli::get_arguments;
        "initial-cwd" => cli::initial_cwd;
    }
    "wasi:cli/exit" {
        "exit" => cli::exit;
        "exit-with-code" => cli::exit_with_code;
    }
    "wasi:cli/stdin" {
        "get-stdin" => cli::get_stdin;
    }
    "wasi:cli/stdout" {
        "get-stdout" => cli::get_stdout;
    }
    "wasi:cli/stderr" {
        "get-stderr" => cli::get_stderr;
    }
    "wasi:cli/terminal-input" {
        drop "terminal-input" => cli::TerminalInput;
    }
    "wasi:cli/terminal-output" {
        drop "terminal-output" => cli::TerminalOutput;
    }
    "wasi:cli/terminal-stdin" {
        "get-terminal-stdin" => cli::get_terminal_stdin;
    }
    "wasi:cli/terminal-stdout" {
        "get-terminal-stdout" => cli::get_terminal_stdout;
    }
    "wasi:cli/terminal-stderr" {
        "get-terminal-stderr" => cli::get_terminal_stderr;
    }
}
