#!/bin/sh
# Compiles the kernels, the loops and hello.c to the .wasm files beside them, which are committed: a
# bench run needs no wasm compiler. Run it after a change of one, with the names of what is to be
# compiled, or for all.
#
# WASI_CC is a compiler for wasm32-wasi with its C library; by default zig's, which
# `pip install ziglang` brings.
set -eu
cd "$(dirname "$0")/.."
: "${WASI_CC:=python3 -m ziglang cc -target wasm32-wasi}"
[ $# -gt 0 ] || set -- kernels/*.c loops/*.c
for source; do
    echo "$source"
    $WASI_CC -O2 -s -o "${source%.c}.wasm" "$source"
    chmod 644 "${source%.c}.wasm"
done
