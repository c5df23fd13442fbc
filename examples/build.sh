#!/bin/sh
# Compiles the examples to the .wasm files beside their sources, which are committed. WASI_CC is a
# compiler for wasm32-wasi with its C library; by default zig's, which `pip install ziglang` brings.
# What is written in Rust needs the targets wasm32-wasip2 and wasm32-unknown-unknown, and wasm-tools to make
# components and to leave out names.
set -eu
cd "$(dirname "$0")"
: "${WASI_CC:=python3 -m ziglang cc -target wasm32-wasi}"
for source in */*.c; do
    echo "$source"
    # Names stay in, for backtraces.
    $WASI_CC -O2 -Wl,--strip-debug -o "${source%.c}.wasm" "$source"
    chmod 644 "${source%.c}.wasm"
done
echo service/service.rs
# Panics name files: not by where they lie on this machine.
flags=--remap-path-prefix=$PWD=.
for folder in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
    flags="$flags --remap-path-prefix=$folder=crates"
done
(cd service && RUSTFLAGS=$flags cargo build --release --locked --target wasm32-wasip2 --target-dir ../../target/examples)
wasm-tools strip --all ../target/examples/wasm32-wasip2/release/service.wasm -o service/service.wasm
chmod 644 service/service.wasm
echo calc/calc.rs
(cd calc && RUSTFLAGS=$flags cargo build --release --locked --target wasm32-unknown-unknown --target-dir ../../target/examples)
wasm-tools component new ../target/examples/wasm32-unknown-unknown/release/calc.wasm -o ../target/examples/calc.wasm
wasm-tools strip --all ../target/examples/calc.wasm -o calc/calc.wasm
chmod 644 calc/calc.wasm
