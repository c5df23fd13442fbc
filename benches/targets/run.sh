#!/usr/bin/env bash
# Counts instructions for each target, where time would say nothing: from start to exit of hello world,
# and of kernels against the same C by gcc -O2, static. Prints a row for each target.
#
# usage: benches/targets/run.sh [KERNEL]...
#
# Without names, all of benches/kernels. WASMELT names the command. The emulator is qemu-user 7.2, which
# takes plugins where qemu-user-static does not: from PATH, or from Debian's packages, which are unpacked
# into target/emulator. The compilers are Debian's gcc-aarch64-linux-gnu and gcc-riscv64-linux-gnu.
set -euo pipefail
cd "$(dirname "$0")/../.."
wasmelt=${WASMELT:-$(realpath "${CARGO_TARGET_DIR:-target}/release/wasmelt")}
[ $# -gt 0 ] || set -- $(cd benches/kernels && ls ./*.c | sed 's|^./||; s|\.c$||' | grep -v '^hello$')

emulators=
if ! command -v qemu-aarch64 >/dev/null; then
    mkdir -p "${CARGO_TARGET_DIR:-target}/emulator"
    emulators=$(realpath "${CARGO_TARGET_DIR:-target}/emulator")
    if [ ! -x "$emulators/usr/bin/qemu-aarch64" ]; then
        (cd "$emulators" && apt-get download qemu-user libcapstone4)
        for package in "$emulators"/qemu-user_*.deb "$emulators"/libcapstone4_*.deb; do
            dpkg-deb -x "$package" "$emulators"
        done
    fi
    export LD_LIBRARY_PATH=$emulators/usr/lib/$(uname -m)-linux-gnu
    emulators=$emulators/usr/bin/
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cc -O2 -shared -fPIC -o "$folder/count.so" benches/targets/count.c

# instructions PROCESSOR PROGRAM: what the program prints goes to the file `printed`
instructions() {
    "${emulators}qemu-$1" -plugin "$folder/count.so" "$2" 2>&1 >"$folder/printed" | sed -n 's/^instructions: //p'
}

printf '%-14s %12s %12s' target 'hello, bytes' 'start, instr'
printf ' %10s' "$@" mean
echo
for processor in x86_64 aarch64 riscv64; do
    compiler=$processor-linux-gnu-gcc
    "$wasmelt" -q benches/kernels/hello.wasm --target "$processor-linux" -o "$folder/hello"
    printf '%-14s %12s %12s' "$processor-linux" "$(wc -c <"$folder/hello")" "$(instructions "$processor" "$folder/hello")"
    ratios=
    for kernel; do
        "$wasmelt" -q "benches/kernels/$kernel.wasm" --target "$processor-linux" -o "$folder/ours"
        "$compiler" -O2 -static -o "$folder/theirs" "benches/kernels/$kernel.c" -lm
        ours=$(instructions "$processor" "$folder/ours")
        mv "$folder/printed" "$folder/expected"
        theirs=$(instructions "$processor" "$folder/theirs")
        cmp -s "$folder/printed" "$folder/expected" || { echo "$kernel: what is printed differs" >&2; exit 1; }
        ratio=$(awk "BEGIN { printf \"%.3f\", $ours / $theirs }")
        ratios="$ratios $ratio"
        printf ' %10s' "$ratio"
    done
    echo "$ratios" | awk '{ for (i = 1; i <= NF; i++) sum += log($i); printf " %10.3f\n", exp(sum / NF) }'
done
