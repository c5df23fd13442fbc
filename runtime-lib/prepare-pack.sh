#!/bin/sh
# Prepares the toolchains with which build.rs compiles the runtime library against musl, or for Windows
# or macOS.
#
# usage: runtime-lib/prepare-pack.sh [rustup|debian] [--libraries] [--pie] [--target PROCESSOR]... [FOLDER]
#
# PROCESSOR is x86_64, aarch64, riscv64 or `all`, for Linux, or `x86_64-windows`, `x86_64-macos` or
# `aarch64-macos`: what executables will run on. Without one, that of this machine. With `--libraries`,
# what libraries are linked with comes to it: for embedders on that processor with glibc. For this
# machine's own, nothing is needed for that. With `--pie`, what position-independent executables are
# linked with comes to it (`wasmelt -C pie`).
#
# With rustup, adds the musl target to the toolchain in use. On Debian, unpacks a compiler, the
# source of its standard library and musl from packages into FOLDER, without root and without
# installing anything; build.rs then compiles the standard library too, once. Without a choice,
# rustup is tried first. For another processor than this machine's, clang is needed too, which is
# taken from PATH or from Debian's packages, and with Debian's, musl is compiled from its source. For macOS
# it is the same clang, with none of Apple's header files: this script writes the little that the C in the
# runtime library needs of two.
#
# Writes FOLDER/toolchain-PROCESSOR, FOLDER/toolchain-PROCESSOR-library and FOLDER/toolchain-PROCESSOR-pie,
# lines of key=value that build.rs reads. FOLDER is, unless given,
# $WASMELT_RUNTIME_TOOLCHAIN, or target/runtime-toolchain in the workspace.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
own=$(uname -m)
way=any
archs=
folder=
libraries=
pie=

unknown() {
    echo "prepare-pack: no target \`$1\`: x86_64, aarch64, riscv64, all, x86_64-windows, x86_64-macos or aarch64-macos" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case "$1" in
        rustup | debian) way=$1 ;;
        --libraries) libraries=yes ;;
        --pie) pie=yes ;;
        --target)
            [ $# -gt 1 ] || { echo "prepare-pack: --target takes a processor" >&2; exit 2; }
            shift
            case "$1" in
                x86_64*windows*) archs="$archs x86_64-windows" ;;
                x86_64*macos* | x86_64*darwin*) archs="$archs x86_64-macos" ;;
                aarch64*macos* | aarch64*darwin* | arm64*macos* | arm64*darwin*) archs="$archs aarch64-macos" ;;
                *windows* | *macos* | *darwin*) unknown "$1" ;;
                x86_64 | x86_64-*) archs="$archs x86_64" ;;
                all) archs="x86_64 aarch64 riscv64" ;;
                aarch64 | aarch64-*) archs="$archs aarch64" ;;
                riscv64 | riscv64-* | riscv64gc | riscv64gc-*) archs="$archs riscv64" ;;
                *) unknown "$1" ;;
            esac
            ;;
        -*) echo "prepare-pack: no option \`$1\`" >&2; exit 2 ;;
        *) folder=$1 ;;
    esac
    shift
done
archs=${archs:-$own}
folder=${folder:-${WASMELT_RUNTIME_TOOLCHAIN:-${CARGO_TARGET_DIR:-$root/target}/runtime-toolchain}}
mkdir -p "$folder/packages" "$folder/debian"
folder=$(cd "$folder" && pwd)

say() {
    echo "prepare-pack: $*" >&2
}

# The name of what rustc compiles for.
triple() {
    case $1 in
        riscv64) echo riscv64gc-unknown-linux-musl ;;
        x86_64-windows) echo x86_64-pc-windows-gnu ;;
        *-macos) echo "${1%-macos}-apple-darwin" ;;
        *) echo "$1-unknown-linux-musl" ;;
    esac
}

# finish ARCH RUSTC LIBC_DIR BUILD_STD PROVENANCE: another processor's has a C compiler too, Windows what
# makes import libraries, and macOS what makes archives
finish() {
    {
        echo "target=$(triple "$1")"
        echo "rustc=$2"
        echo "libc_dir=$3"
        echo "build_std=$4"
        case $1 in
            "$own") ;;
            x86_64-windows)
                echo "dlltool=$dlltool"
                echo "cc=$cc"
                ;;
            *-macos)
                echo "ar=$ar"
                echo "cc=$folder/cc-$1"
                ;;
            *) echo "cc=$folder/cc-$1" ;;
        esac
        echo "provenance=$5"
    } >"$folder/toolchain.new"
    mv "$folder/toolchain.new" "$folder/toolchain-$1"
    case $libraries-$1 in
        yes-"$own" | yes-*-windows | yes-*-macos | -*) ;;
        yes-*)
            sed -e 's/^\(target=.*\)-musl$/\1-gnu/' -e '/^libc_dir=/d' -e 's/ for musl/ for glibc/' \
                "$folder/toolchain-$1" >"$folder/toolchain.new"
            mv "$folder/toolchain.new" "$folder/toolchain-$1-library"
            ;;
    esac
    case $pie-$1 in
        yes-*-windows | yes-*-macos | -*) ;;
        yes-*)
            # musl's own start reads packed lists of relocations from 1.2.4 on.
            packed=no
            if ar p "$3/libc.a" version.lo 2>/dev/null | grep -aq '1\.2\.[4-9]\|1\.[3-9]\.'; then packed=yes; fi
            { cat "$folder/toolchain-$1" && echo "packed_relocations=$packed"; } >"$folder/toolchain.new"
            mv "$folder/toolchain.new" "$folder/toolchain-$1-pie"
            ;;
    esac
    # The next build looks for the toolchain again.
    touch "$root/build.rs"
    say "wrote $folder/toolchain-$1: $5"
}

# Unpacks packages of Debian.
unpack() {
    for package in "$@"; do
        set -- "$folder/packages/${package}_"*.deb
        if [ ! -f "$1" ]; then
            (cd "$folder/packages" && apt-get download "$package") >&2 || return 1
            set -- "$folder/packages/${package}_"*.deb
        fi
        [ -f "$1.unpacked" ] || dpkg-deb -x "$1" "$folder/debian" || return 1
        touch "$1.unpacked"
    done
}

# dependency PACKAGE PREFIX: the package with this prefix that a package depends on
dependency() {
    apt-cache depends --no-recommends --no-suggests "$1" | sed -n "s/^ *Depends: \($2.*\)/\1/p" | head -n 1
}

is_debian() {
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null
}

# script FILE COMMAND...: a command that finds the libraries of Debian's packages
script() {
    file=$1
    shift
    cat >"$file" <<END
#!/bin/sh
LD_LIBRARY_PATH="$folder/debian/usr/lib/$own-linux-gnu:$folder/debian/usr/lib" exec $* "\$@"
END
    chmod +x "$file"
}

# A compiler of C for any processor, from PATH or from Debian's packages.
find_clang() {
    clang=$(command -v clang || true)
    [ -z "$clang" ] || return 0
    is_debian || { say "no clang in PATH"; return 1; }
    major=$(dependency clang clang-)
    major=${major#clang-}
    [ -n "$major" ] || { say "no package clang; run apt-get update"; return 1; }
    unpack "clang-$major" "libclang-cpp$major" "libllvm$major" "libclang-common-$major-dev" || return 1
    clang=$folder/debian/usr/lib/llvm-$major/bin/clang
}

# c_compiler ARCH: writes cc-ARCH, which compiles C for a processor, with musl's header files
c_compiler() {
    find_clang || return 1
    musl_source || return 1
    flags=
    # The linker that comes in this command does not shorten code.
    [ "$1" != riscv64 ] || flags=-mno-relax
    script "$folder/cc-$1" "\"$clang\"" "--target=$1-linux-musl" $flags -nostdlibinc \
        "-isystem \"$folder/musl-$1/include\""
    (
        cd "$folder/musl"
        make -s clean
        ./configure "--target=$1-linux-musl" --disable-shared "--prefix=$folder/musl-$1" \
            "CC=$folder/cc-$1" AR=ar RANLIB=ranlib
        make -s install-headers
    ) >"$folder/musl-$1.log" 2>&1 || { say "musl was not configured: $folder/musl-$1.log"; return 1; }
}

# The source of Debian's musl, by its own mirror, whether or not sources are asked for there.
musl_source() {
    [ ! -f "$folder/musl/configure" ] || return 0
    is_debian || { say "no source of musl without apt-get"; return 1; }
    command -v dpkg-source >/dev/null || { say "no dpkg-source; install dpkg-dev"; return 1; }
    mirror=$(apt-cache policy musl-dev | sed -n 's|^ *[0-9]* \(http[^ ]*\) \([^/ ]*\)/main .*|\1 \2 main|p' | head -n 1)
    [ -n "$mirror" ] || { say "no package musl-dev; run apt-get update"; return 1; }
    sources=$folder/packages/sources
    mkdir -p "$sources/lists/partial" "$sources/parts"
    keys=/usr/share/keyrings/debian-archive-keyring.gpg
    if [ -f "$keys" ]; then
        echo "deb-src [signed-by=$keys] $mirror" >"$sources/sources.list"
    else
        echo "deb-src $mirror" >"$sources/sources.list"
    fi
    (
        cd "$sources"
        set -- -o "Dir::Etc::SourceList=$sources/sources.list" -o "Dir::Etc::SourceParts=$sources/parts" \
            -o "Dir::State::Lists=$sources/lists" -o "Dir::Cache=$sources/cache"
        mkdir -p cache/archives/partial
        apt-get "$@" -q update
        apt-get "$@" -q source --download-only musl
        rm -rf musl
        # apt-get has checked where it comes from.
        dpkg-source --no-check -x musl_*.dsc musl
    ) >&2 || return 1
    mv "$sources/musl" "$folder/musl"
}

# compile_musl ARCH: as `c_compiler` has configured it
compile_musl() {
    [ ! -f "$folder/musl-$1/lib/rcrt1.o" ] || return 0
    say "compiling musl for $1"
    (
        cd "$folder/musl"
        make -s -j"$(nproc)" lib/libc.a lib/crt1.o lib/rcrt1.o
        mkdir -p "$folder/musl-$1/lib"
        cp lib/crt1.o lib/rcrt1.o lib/libc.a "$folder/musl-$1/lib/"
    ) >>"$folder/musl-$1.log" 2>&1 || { say "musl was not compiled: $folder/musl-$1.log"; return 1; }
}

# Import libraries, and what makes more of them, and header files of mingw-w64, and a C compiler: from
# the system, or from Debian's packages.
mingw() {
    dlltool=$(command -v x86_64-w64-mingw32-dlltool || true)
    cc=$(command -v x86_64-w64-mingw32-gcc || true)
    libc_dir=/usr/x86_64-w64-mingw32/lib
    [ -z "$dlltool" ] || [ -z "$cc" ] || [ ! -f "$libc_dir/libkernel32.a" ] || return 0
    is_debian || { say "no mingw-w64: x86_64-w64-mingw32-gcc and $libc_dir/libkernel32.a"; return 1; }
    unpack binutils-mingw-w64-x86-64 mingw-w64-common mingw-w64-x86-64-dev || return 1
    dlltool=$folder/debian/usr/bin/x86_64-w64-mingw32-dlltool
    libc_dir=$folder/debian$libc_dir
    find_clang || return 1
    cc=$folder/cc-x86_64-windows
    script "$cc" "\"$clang\"" --target=x86_64-w64-windows-gnu -nostdlibinc \
        "-isystem \"$folder/debian/usr/share/mingw-w64/include\""
}

# c_compiler_for_macos ARCH: writes cc-ARCH, and finds what makes archives of its objects.
c_compiler_for_macos() {
    find_clang || return 1
    ar=$(command -v llvm-ar || true)
    if [ -z "$ar" ]; then
        is_debian || { say "no llvm-ar in PATH"; return 1; }
        major=$(dependency llvm llvm-)
        major=${major#llvm-}
        [ -n "$major" ] || { say "no package llvm; run apt-get update"; return 1; }
        unpack "llvm-$major" "libllvm$major" || return 1
        ar=$folder/ar-macos
        script "$ar" "\"$folder/debian/usr/lib/llvm-$major/bin/llvm-ar\""
    fi
    headers=$folder/macos-include
    mkdir -p "$headers"
    printf '#define TARGET_OS_%s\n' 'MAC 1' 'OSX 1' 'IPHONE 0' >"$headers/TargetConditionals.h"
    # What the compiler's own header of vectors asks for.
    printf '%s;\n' 'void *malloc(unsigned long)' 'void free(void *)' \
        'int posix_memalign(void **, unsigned long, unsigned long)' >"$headers/stdlib.h"
    script "$folder/cc-$1" "\"$clang\"" -nostdlibinc "-isystem \"$headers\"" -DRING_CORE_NOSTDLIBINC=1
}

with_rustup() {
    target=$(triple "$1")
    command -v rustup >/dev/null || return 1
    say "adding $target with rustup"
    (cd "$root" && rustup target add "$target") >&2 || return 1
    rustc=$(cd "$root" && rustup which rustc)
    if [ "$1" = x86_64-windows ]; then
        mingw || return 1
        finish "$1" "$rustc" "$libc_dir" no "the standard library for mingw-w64 of $("$rustc" --version)"
        return
    fi
    case $1 in
        *-macos)
            c_compiler_for_macos "$1" || return 1
            finish "$1" "$rustc" "" no "the standard library for macOS of $("$rustc" --version)"
            return
            ;;
    esac
    libc_dir=$("$rustc" --print sysroot)/lib/rustlib/$target/lib/self-contained
    [ -f "$libc_dir/libc.a" ] || return 1
    [ "$1" = "$own" ] || c_compiler "$1" || return 1
    case $libraries-$1 in
        -* | *-"$own") ;;
        *) (cd "$root" && rustup target add "${target%-musl}-gnu") >&2 || return 1 ;;
    esac
    finish "$1" "$rustc" "$libc_dir" no "the standard library for musl of $("$rustc" --version)"
}

# The packages of Debian: a compiler, its libraries, the source of its standard library, musl.
with_debian() {
    case $1 in
        *-macos) say "the standard library for macOS is rustup's alone"; return 1 ;;
    esac
    is_debian || return 1
    say "unpacking Debian's packages into $folder"
    std=$(dependency libstd-rust-web-dev libstd-rust-web-)
    llvm=$(dependency "$std" libllvm)
    if [ -z "$std" ] || [ -z "$llvm" ]; then
        say "no package rustc-web; run apt-get update"
        return 1
    fi
    unpack rustc-web libstd-rust-web-dev "$std" rust-web-src "$llvm" || return 1
    script "$folder/rustc" "\"$folder/debian/usr/bin/rustc\""
    version=$("$folder/rustc" --version) || return 1
    if [ "$1" = x86_64-windows ]; then
        mingw || return 1
    elif [ "$1" = "$own" ]; then
        unpack musl-dev || return 1
        libc_dir=$folder/debian/usr/lib/$own-linux-musl
    else
        c_compiler "$1" && compile_musl "$1" || return 1
        libc_dir=$folder/musl-$1/lib
    fi
    case $1 in
        x86_64-windows) with=mingw-w64 ;;
        *) with=musl ;;
    esac
    finish "$1" "$folder/rustc" "$libc_dir" yes "the standard library of $version (Debian), compiled for $with"
}

for arch in $archs; do
    case $way in
        rustup) with_rustup "$arch" ;;
        debian) with_debian "$arch" ;;
        any) with_rustup "$arch" || with_debian "$arch" ;;
    esac || {
        say "neither rustup nor Debian's packages could be used here for $arch"
        if [ "$arch" = "$own" ]; then
            say "without it, build.rs links the toolchain's standard library for glibc against musl (apt-get install musl-dev)"
        fi
        exit 1
    }
done
