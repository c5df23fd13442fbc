#!/bin/sh
# Compiles the Kotlin programs to programs.wasm, which is committed, and to target/gc/programs.jar
# for the JVM. Run it after a change of one. It needs Java 17, npm, python3
# and wasm-tools, and takes a minute.
set -eu
cd "$(dirname "$0")"
here=$PWD
out=$here/../../target/gc
mkdir -p "$out"
cd "$out"
if [ ! -d package ]; then
    tar xzf "$(npm pack --silent kotlin-compiler@2.4.20)"
fi
compiler=$out/package
library=$compiler/lib/kotlin-stdlib-wasm-wasi.klib
set -- $(ls "$here"/*.kt | grep -v Jvm.kt)
wasm() {
    bash "$compiler/bin/kotlinc-wasm" -Xwasm-target=wasm-wasi -libraries "$library" \
        -Xklib-relative-path-base="$here" -ir-output-dir klib -ir-output-name programs "$@"
}
wasm "$@"
wasm -Xir-produce-js -Xir-dce -Xinclude=klib/programs.klib
wasm-tools parse "$here/trees.wat" -o "$here/trees.wasm"
# Names are half of it, and nothing that is measured reads them.
python3 - klib/programs.wasm "$here/programs.wasm" <<'END'
import sys

def number(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at

data = open(sys.argv[1], "rb").read()
kept, at = data[:8], 8
while at < len(data):
    length, start = number(data, at + 1)
    if data[at]:
        kept += data[at : start + length]
    at = start + length
open(sys.argv[2], "wb").write(kept)
END
set -- $(ls "$here"/*.kt | grep -v Wasi.kt)
bash "$compiler/bin/kotlinc-jvm" -include-runtime -d programs.jar "$@"
