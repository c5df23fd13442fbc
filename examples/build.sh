#!/bin/sh
# Compiles the examples to the .wasm files beside their sources, which are committed. WASI_CC is a
# compiler for wasm32-wasi with its C library; by default zig's, which `pip install ziglang` brings.
set -eu
cd "$(dirname "$0")"
: "${WASI_CC:=python3 -m ziglang cc -target wasm32-wasi}"
for source in */*.c; do
    echo "$source"
    # Names stay in, for backtraces.
    $WASI_CC -O2 -Wl,--strip-debug -o "${source%.c}.wasm" "$source"
    chmod 644 "${source%.c}.wasm"
done
