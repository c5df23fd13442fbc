#!/usr/bin/env bash
# Builds wasmelt, compiles a real program with it, and runs the program.
#
# usage: examples/quickstart.sh
#
# Needs Rust and a C compiler. What the runtime library is compiled with (musl) comes from rustup
# or Debian's packages; nothing is installed into the system.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! -e "${WASMELT_RUNTIME_TOOLCHAIN:-target/runtime-toolchain}/toolchain" ]; then
    runtime-lib/prepare-pack.sh
fi
cargo build --release
target/release/wasmelt examples/wordcount/wordcount.wasm -o target/wordcount --dir .
echo "$ target/wordcount README.md" >&2
target/wordcount README.md
