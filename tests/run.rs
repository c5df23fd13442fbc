//! Executables: each file in `tests/run` is a transcript of building a program and running it, see
//! `transcript`.

#[path = "transcript/mod.rs"]
mod transcript;

fn main() {
    transcript::run_folder("run")
}
