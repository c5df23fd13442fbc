//! `wasi:cli` of WASI 0.3.

use crate::host_fns;
use crate::wasi::p3::cli;

host_fns! {
    prefix "wasmelt_p3:";
    "wasi:cli/environment" {
        "get-environment" => cli::get_environment;
        "get-arguments" => cli::get_arguments;
        "get-initial-cwd" => cli::initial_cwd;
    }
    "wasi:cli/exit" {
        "exit" => cli::exit;
        "exit-with-code" => cli::exit_with_code;
    }
    "wasi:cli/stdin" {
        "read-via-stream" => cli::read_stdin;
    }
    "wasi:cli/stdout" {
        "write-via-stream" => cli::write_stdout;
    }
    "wasi:cli/stderr" {
        "write-via-stream" => cli::write_stderr;
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
