#!/bin/sh
# Prepares the toolchain with which build.rs compiles the runtime library against musl.
#
# usage: runtime-lib/prepare-pack.sh [rustup|debian] [FOLDER]
#
# With rustup, adds the musl target to the toolchain in use. On Debian, unpacks a compiler, the
# source of its standard library and musl from packages into FOLDER, without root and without
# installing anything; build.rs then compiles the standard library too, once. Without a choice,
# rustup is tried first.
#
# Writes FOLDER/toolchain, lines of key=value that build.rs reads. FOLDER is, unless given,
# $WASMELT_RUNTIME_TOOLCHAIN, or target/runtime-toolchain in the workspace.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
case "${1-}" in
    rustup | debian)
        way=$1
        shift
        ;;
    *) way=any ;;
esac
folder=${1:-${WASMELT_RUNTIME_TOOLCHAIN:-${CARGO_TARGET_DIR:-$root/target}/runtime-toolchain}}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
arch=$(uname -m)
target=$arch-unknown-linux-musl

say() {
    echo "prepare-pack: $*" >&2
}

# finish RUSTC LIBC_DIR BUILD_STD PROVENANCE
finish() {
    cat >"$folder/toolchain.new" <<END
target=$target
rustc=$1
libc_dir=$2
build_std=$3
provenance=$4
END
    mv "$folder/toolchain.new" "$folder/toolchain"
    # The next build looks for the toolchain again.
    touch "$root/build.rs"
    say "wrote $folder/toolchain: $4"
}

with_rustup() {
    command -v rustup >/dev/null || return 1
    say "adding $target with rustup"
    (cd "$root" && rustup target add "$target") >&2 || return 1
    rustc=$(cd "$root" && rustup which rustc)
    libc_dir=$("$rustc" --print sysroot)/lib/rustlib/$target/lib/self-contained
    [ -f "$libc_dir/libc.a" ] || return 1
    finish "$rustc" "$libc_dir" no "the standard library for musl of $("$rustc" --version)"
}

# The packages of Debian: a compiler, its libraries, the source of its standard library, musl.
with_debian() {
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
    say "unpacking Debian's packages into $folder"
    dependency() {
        apt-cache depends --no-recommends --no-suggests "$1" | sed -n "s/^ *Depends: \($2.*\)/\1/p" | head -n 1
    }
    std=$(dependency libstd-rust-web-dev libstd-rust-web-)
    llvm=$(dependency "$std" libllvm)
    if [ -z "$std" ] || [ -z "$llvm" ]; then
        say "no package rustc-web; run apt-get update"
        return 1
    fi
    mkdir -p "$folder/packages" "$folder/debian"
    for package in rustc-web libstd-rust-web-dev "$std" rust-web-src "$llvm" musl-dev; do
        set -- "$folder/packages/${package}_"*.deb
        if [ ! -f "$1" ]; then
            (cd "$folder/packages" && apt-get download "$package") >&2 || return 1
        fi
        for file in "$folder/packages/${package}_"*.deb; do
            dpkg-deb -x "$file" "$folder/debian" || return 1
        done
    done
    cat >"$folder/rustc" <<END
#!/bin/sh
LD_LIBRARY_PATH="$folder/debian/usr/lib/$arch-linux-gnu:$folder/debian/usr/lib" \\
    exec "$folder/debian/usr/bin/rustc" "\$@"
END
    chmod +x "$folder/rustc"
    version=$("$folder/rustc" --version) || return 1
    finish "$folder/rustc" "$folder/debian/usr/lib/$arch-linux-musl" yes \
        "the standard library of $version (Debian), compiled for musl"
}

case $way in
    rustup) with_rustup ;;
    debian) with_debian ;;
    any) with_rustup || with_debian ;;
esac || {
    say "neither rustup nor Debian's packages could be used here"
    say "without it, build.rs links the toolchain's standard library for glibc against musl (apt-get install musl-dev)"
    exit 1
}
