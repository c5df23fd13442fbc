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
