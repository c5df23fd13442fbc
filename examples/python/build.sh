#!/bin/sh
# CPython for WASI 0.1 in the current folder: `python.wasm`, and its library in `lib`.
# It takes `apt-get source` of a Debian that has Python 3.13 (`deb-src`), an ordinary `python3.13`, and
# Zig (`pip install ziglang`; ZIG is its command).
set -e
here=$(cd "$(dirname "$0")" && pwd)
zig=${ZIG:-python3 -m ziglang}
cc="$zig cc -target wasm32-wasi"

apt-get source --download-only python3.13
mkdir -p source build
tar xf python3.13_*.orig.tar.xz -C source --strip-components 1

# The headers are musl's, and tell of some functions that the library does not have.
cat source/Tools/wasm/config.site-wasm32-wasi - > config.site <<'END'
for name in epoll_create epoll_create1 timerfd_create setgroups; do
    eval ac_cv_func_$name=no
done
ac_cv_header_libintl_h=no
py_cv_module__socket=n/a
END
cd build
CONFIG_SITE=../config.site PKG_CONFIG_LIBDIR=none CC="$cc" AR="$zig ar" RANLIB="$zig ranlib" \
    OPT="-DNDEBUG -O3" CFLAGS="-fno-sanitize=undefined -Wno-date-time" \
    ../source/configure --host=wasm32-wasi --build="$(uname -m)-linux-gnu" \
    --with-build-python="$(command -v python3.13)" --prefix=/py --disable-test-modules
make -j"$(nproc)" libpython3.13.a
cd ..

$cc -mexec-model=reactor -O2 -I source/Include -I build "$here/python.c" build/libpython3.13.a \
    build/Modules/_hacl/libHacl_Hash_SHA2.a build/Modules/_decimal/libmpdec/libmpdec.a \
    build/Modules/expat/libexpat.a -lwasi-emulated-signal -lwasi-emulated-getpid \
    -lwasi-emulated-process-clocks -Wl,-z,stack-size=8388608 -Wl,--strip-debug -o python.wasm

rm -rf lib && cp -a source/Lib lib
(cd lib && rm -rf test idlelib tkinter turtledemo ensurepip lib2to3 __phello__ */tests */test)
python3.13 -m compileall -q lib
