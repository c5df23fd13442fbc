#!/bin/sh
# Compiles the programs beside this script to the components `p3-*.wasm` in the folder above, which
# are committed: a test run needs no wasm compiler. Run it after a change of a program.
#
# Needs `rustup target add wasm32-unknown-unknown` and `cargo install wasm-tools`. CARGO_FLAGS are
# added to cargo's, for a compiler that has to build the standard library itself.
set -eu
cd "$(dirname "$0")"
target=${CARGO_TARGET_DIR:-$PWD/target}
build() {
    # shellcheck disable=SC2086 # flags are words
    cargo build --release --target wasm32-unknown-unknown --target-dir "$target" ${CARGO_FLAGS-} "$@"
}
build --examples
for source in *.rs; do
    name=${source%.rs}
    [ "$name" != lib ] || continue
    wasm-tools component new "$target/wasm32-unknown-unknown/release/examples/$name.wasm" -o "../p3-$name.wasm"
done
