#!/usr/bin/env bash
# Runs tests for another machine than this one, in an emulator.
#
# usage: tests/cross.sh TARGET [ARGUMENTS OF cargo test]
#
# TARGET is aarch64-linux or riscv64-linux. Without further arguments, the test scripts of the
# specification and of components (`--test wast`) and the transcripts of building and running
# (`--test run`) are run; with some, those. Prepares the runtime library's toolchain for the target,
# and takes qemu from PATH, or from Debian's package, which is unpacked and not installed.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:?usage: tests/cross.sh TARGET [ARGUMENTS OF cargo test]}
shift
processor=${target%%-*}
toolchains=${WASMELT_RUNTIME_TOOLCHAIN:-${CARGO_TARGET_DIR:-target}/runtime-toolchain}
if [ ! -e "$toolchains/toolchain-$processor" ]; then
    runtime-lib/prepare-pack.sh --target "$processor"
fi
emulator=${WASMELT_TEST_EMULATOR:-$(command -v "qemu-$processor-static" || true)}
if [ -z "$emulator" ]; then
    folder=${CARGO_TARGET_DIR:-target}/emulator
    mkdir -p "$folder"
    folder=$(cd "$folder" && pwd)
    emulator=$folder/usr/bin/qemu-$processor-static
    if [ ! -x "$emulator" ]; then
        (cd "$folder" && apt-get download qemu-user-static)
        dpkg-deb -x "$folder"/qemu-user-static_*.deb "$folder"
    fi
fi
[ $# -gt 0 ] || set -- --test wast --test run
WASMELT_TEST_TARGET=$target WASMELT_TEST_EMULATOR=$emulator exec cargo test --workspace "$@"
