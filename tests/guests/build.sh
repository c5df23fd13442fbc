#!/bin/sh
# Compiles the programs in `src` to the modules beside this script, which are committed: a test run
# needs no wasm compiler. Run it after a change of a program.
#
# WASI_CC is a compiler for wasm32-wasi with its C library; by default zig's, which
# `pip install ziglang` brings.
set -eu
cd "$(dirname "$0")"
: "${WASI_CC:=python3 -m ziglang cc -target wasm32-wasi}"
build() {
    name=$1
    shift
    echo "$name"
    $WASI_CC -O2 -s -o "$name.wasm" "src/$name.c" "$@"
    chmod 644 "$name.wasm"
}
build files
build lanes -mcpu=generic+simd128
build unwind -mcpu=generic+exception_handling -mllvm -wasm-enable-sjlj -mllvm -wasm-use-legacy-eh=false

# With debug information, and nothing else: no library, and paths relative to this folder.
echo traps-c
$WASI_CC -target wasm32-freestanding -nostdlib -g -O1 -Wl,--no-entry -fdebug-compilation-dir=. \
    -mcpu=generic+bulk_memory -fno-builtin -o traps-c.wasm src/traps.c
echo traps-rust
rustc --edition 2024 --target wasm32-unknown-unknown --crate-type cdylib -g -O -C panic=abort \
    -C lto=fat --remap-path-prefix "$PWD=." -o traps-rust.wasm src/traps.rs
chmod 644 traps-c.wasm traps-rust.wasm
echo debug
$WASI_CC -target wasm32-freestanding -nostdlib -g -O0 -Wl,--no-entry -fdebug-compilation-dir=. \
    -fno-builtin -fno-sanitize=all -o debug-c.wasm src/debug.c
$WASI_CC -x c++ -target wasm32-freestanding -nostdlib -g -O0 -Wl,--no-entry \
    -fdebug-compilation-dir=. -fno-builtin -fno-sanitize=all -fno-exceptions -fno-rtti \
    -o debug-cpp.wasm src/debug.cpp
rustc --edition 2024 --target wasm32-unknown-unknown --crate-type cdylib -g -C opt-level=0 \
    -C overflow-checks=off -C panic=abort --remap-path-prefix "$PWD=." -o debug-rust.wasm \
    src/debug.rs
chmod 644 debug-c.wasm debug-cpp.wasm debug-rust.wasm
