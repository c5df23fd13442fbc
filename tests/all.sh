#!/usr/bin/env bash
# Prepares the toolchain of the runtime library, if it is not there, and runs every test.
#
# usage: tests/all.sh [ARGUMENTS OF cargo test]
#
# Set before, checkouts of public suites are run too: WASMELT_TESTSUITE (WebAssembly/testsuite),
# WASMELT_COMPONENT_TESTSUITE (WebAssembly/component-model), WASMELT_WASMTIME_TESTSUITE
# (bytecodealliance/wasmtime).
# The WASI suite has a command of its own, see docs/conformance.md.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! -e "${WASMELT_RUNTIME_TOOLCHAIN:-target/runtime-toolchain}/toolchain-$(uname -m)" ]; then
    runtime-lib/prepare-pack.sh || echo "tests/all.sh: no toolchain for musl: using the stock standard library" >&2
fi
cargo test --workspace "$@"
