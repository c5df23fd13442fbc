#!/usr/bin/env bash
# Runs tests for another machine than this one, in an emulator, and prints the score.
#
# usage: tests/cross.sh TARGET [small | ARGUMENTS OF cargo test]
#
# TARGET is aarch64-linux, riscv64-linux or x86_64-windows. Without further arguments, these are run:
#
#   the scripts of the specification and of components (`--test wast`)
#   the transcripts of building and running (`--test run`)
#   programs in C with libraries (`--test library`), where there is a compiler for the machine: Debian's
#   gcc-aarch64-linux-gnu or gcc-riscv64-linux-gnu, with its C library
#   WASMELT_WASI_TESTSUITE=FOLDER    WebAssembly/wasi-testsuite; PYTHON is 3.12 or later, and has colorama and
#   requests, or they are installed for it into target/python
#   WASMELT_TEST_PROGRAMS=FOLDER     real programs, compared with Wasmtime: see tests/programs.sh
#
# `small` runs a part of that in a minute or two. WASMELT_TESTSUITE and its like add checkouts of
# scripts, as for tests/all.sh.
#
# Prepares the runtime library's toolchain for the target, and takes qemu from PATH, or from Debian's
# package, which is unpacked and not installed. Executables for Windows are run by Wine (Debian's
# package wine64), whose folder of settings is target/wine unless WINEPREFIX says another; of the
# transcripts, one is run there, which is about Windows.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:?usage: tests/cross.sh TARGET [small | ARGUMENTS OF cargo test]}
shift
case $target in
    *-windows) processor=$target ;;
    *) processor=${target%%-*} ;;
esac
toolchains=${WASMELT_RUNTIME_TOOLCHAIN:-${CARGO_TARGET_DIR:-target}/runtime-toolchain}
case $processor in
    *-windows) [ -e "$toolchains/toolchain-$processor" ] || runtime-lib/prepare-pack.sh --target "$processor" ;;
    *) [ -e "$toolchains/toolchain-$processor-library" ] || runtime-lib/prepare-pack.sh --libraries --target "$processor" ;;
esac
if [ "$processor" = x86_64-windows ]; then
    WASMELT_TEST_EMULATOR=$PWD/tests/emulation/wine.sh
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
export WASMELT_TEST_TARGET=$target WASMELT_TEST_EMULATOR=$emulator

# Of the transcripts, one is about Windows.
transcripts=()
small=(exit-codes backtrace exceptions memory p3-streams wrapped images-aarch64)
if [ "$processor" = x86_64-windows ]; then
    transcripts=(--exact windows)
    small=(windows)
fi

failed=
log=$(mktemp)
trap 'rm -f "$log"' EXIT
score=()

# suite NAME PATTERN COMMAND...: runs it, and keeps the lines that tell the score
suite() {
    local name=$1 pattern=$2
    shift 2
    "$@" 2>&1 | tee "$log" || failed="$failed $name"
    while read -r line; do
        score+=("$name: $line")
    done < <(grep -E "$pattern" "$log" || true)
}

# The modules of Python that the public suite's runner is made of.
python() {
    python=${PYTHON:-python3}
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 12))'; then
        echo "tests/cross.sh: the public suite needs Python 3.12 or later: PYTHON=PATH" >&2
        return 1
    fi
    if ! "$python" -c 'import colorama, requests' 2>/dev/null; then
        local folder=${CARGO_TARGET_DIR:-target}/python
        [ -x "$folder/bin/python" ] || "$python" -m venv "$folder"
        "$folder/bin/pip" install -q colorama requests
        python=$folder/bin/python
    fi
}

wasi() {
    local command=${CARGO_TARGET_DIR:-target}/debug/wasmelt python
    python || return 1
    WASMELT=${WASMELT:-$(realpath "$command")} "$python" \
        "$WASMELT_WASI_TESTSUITE/test-runner/wasi_test_runner.py" \
        -t "$WASMELT_WASI_TESTSUITE"/tests/*/testsuite/* -r tests/wasi/adapter.py
}

case ${1-} in
    "")
        suite wast '^(assertions|wasm|exceptions|tail calls|the rest|threads|modules|components|component-model) .*[0-9]|^assertions' \
            cargo test --workspace --test wast
        suite run '^test result' cargo test --workspace --test run -- "${transcripts[@]}"
        if [ "$processor" != x86_64-windows ]; then
            suite library '^test result' cargo test --workspace --test library
        fi
        if [ -n "${WASMELT_WASI_TESTSUITE-}" ]; then
            suite wasi '[Pp]ass|[Ff]ail' wasi
        fi
        if [ -n "${WASMELT_TEST_PROGRAMS-}" ]; then
            suite programs '^programs' tests/programs.sh "$target" "$emulator" "$WASMELT_TEST_PROGRAMS"
        fi
        ;;
    small)
        for scripts in i64 try_table return_call memory_grow; do
            suite wast '^(wasm|exceptions|tail calls|the rest) ' cargo test --workspace --test wast -- "$scripts"
        done
        if [ "$processor" = aarch64 ]; then
            # With calls that hardly reach anything.
            for scripts in call try_table; do
                suite wast '^(wasm|exceptions|tail calls|the rest) ' \
                    env WASMELT_TEST_CALL_REACH=1500 cargo test --workspace --test wast -- "$scripts"
            done
        fi
        for transcript in "${small[@]}"; do
            suite run '^test result' cargo test --workspace --test run -- "$transcript"
        done
        if [ "$processor" != x86_64-windows ]; then
            for program in numbers.c shapes.c; do
                suite library '^test result' cargo test --workspace --test library -- "$program"
            done
        fi
        ;;
    *) exec cargo test --workspace "$@" ;;
esac
printf '\n%s in %s:\n' "$target" "$(basename "$emulator")"
printf '    %s\n' "${score[@]}"
if [ -n "$failed" ]; then
    echo "failed:$failed" >&2
    exit 1
fi
