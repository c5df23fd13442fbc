//! The command line: each file in `tests/cli` is a transcript, see `transcript`.

#[path = "transcript/mod.rs"]
mod transcript;

fn main() {
    transcript::run_folder("cli")
}
