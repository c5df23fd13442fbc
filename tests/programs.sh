#!/usr/bin/env bash
# Compiles real programs for another machine, and compares what they print in an emulator with what
# they print under Wasmtime on this one: standard output, and the exit code.
#
# usage: tests/programs.sh TARGET EMULATOR FOLDER
#
# FOLDER has the modules and components that are named at the end; one that is not there is left out,
# which is said. WASMELT names the command, WASMTIME the engine.
set -euo pipefail
target=${1:?usage: tests/programs.sh TARGET EMULATOR FOLDER}
emulator=$2
guests=$(cd "$3" && pwd)
wasmelt=${WASMELT:-$(cd "$(dirname "$0")/.." && realpath "${CARGO_TARGET_DIR:-target}/debug/wasmelt")}
wasmtime=${WASMTIME:-wasmtime}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
same=0
differ=
absent=

cd "$folder"
# What they work on; each runs in a copy.
mkdir files
printf 'b 2\na 1\nb 2\nc 3\n' >files/t.txt
cat >files/t.lua <<'END'
local words = {}
for line in io.lines("t.txt") do
  local word, number = line:match("(%a+) (%d+)")
  words[word] = (words[word] or 0) + tonumber(number)
end
local names = {}
for name in pairs(words) do names[#names + 1] = name end
table.sort(names, function(a, b) return a > b end)
for _, name in ipairs(names) do print(name, words[name], words[name] / 3) end
print(pcall(function() error({ code = 7 }) end))
print(select(2, pcall(error, "caught", 0)), 2^53, 7 // 2, -7 % 3, string.format("%.17g", 0.1))
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
print(fib(20), coroutine.wrap(function() coroutine.yield("yielded") end)())
END
cat >files/t.sql <<'END'
create table t(a integer primary key, b text, c real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000)
  insert into t select i, 'row ' || (i * 7919 % 1000), i / 7.0 from n;
create index tb on t(b);
select count(*), sum(a), round(avg(c), 6), min(b), max(b) from t;
select b, count(*) from t group by b order by 2 desc, 1 limit 5;
select a, b from t where b between 'row 10' and 'row 101' order by b, a;
select json_group_array(a) from (select a from t where a % 400 = 0);
select printf('%.3f', 2 / 3.0), upper('äb'), hex(x'00ff'), typeof(1.0), date(86400, 'unixepoch');
END
printf 'a\nb\nc' >files/t.in

# program NAME STDIN FLAGS ARGUMENTS...: FLAGS are one word list for both commands
program() {
    local name=$1 input=$2 flags=$3
    shift 3
    if [ ! -e "$guests/$name.wasm" ]; then
        absent="$absent $name"
        return
    fi
    # Both call the program by one name.
    rm -rf theirs ours
    cp -r files theirs
    cp -r files ours
    local expected=0 code=0
    # shellcheck disable=SC2086
    (cd theirs && exec "$wasmtime" run -W exceptions=y,component-model-async=y -S p3=y $flags \
        --argv0 "$name" "$guests/$name.wasm" "$@" <"$input" >../theirs.out 2>../theirs.err) || expected=$?
    # shellcheck disable=SC2086
    if ! "$wasmelt" build -q "$guests/$name.wasm" --target "$target" $flags --argv0 "$name" -o program 2>ours.err; then
        code="not compiled: $(head -n 1 ours.err)"
        : >ours.out
    else
        (cd ours && exec "$emulator" ../program "$@" <"$input" >../ours.out 2>../ours.err) || code=$?
    fi
    if [ "$code" = "$expected" ] && cmp -s theirs.out ours.out && diff -r theirs ours >difference; then
        same=$((same + 1))
        echo "$name: same ($(wc -c <ours.out) bytes, exit code $code)"
    else
        differ="$differ $name"
        echo "$name: differs: exit code $code, under Wasmtime $expected"
        diff -a theirs.out ours.out | head -n 5 || true
        head -n 5 ours.err
    fi
}

#       name                    input      grants
program p1-c-sqlite3            t.sql      ""
program p1-c-lua-eh             /dev/null  "--dir ." t.lua
program p1-go-hello             /dev/null  "--dir ." a b
program p2-js-cmd               /dev/null  "" a b
program p2-python-cmd           /dev/null  "" a b
program p3-rust-cmd             t.in       "" x stdin
program p3only-rust-cmd         t.in       "" fail
program p3-js-cmd               /dev/null  "" a b
program p2-rust-wc              /dev/null  "--dir ." t.txt .
program p2-rust-composed        /dev/null  ""
program p1-cpp-stl              /dev/null  ""
program p1-rust-hello           /dev/null  "--dir . --env FILE=t.txt" a exit3
program p1-assemblyscript-hello /dev/null  "" a b
program p1-c-bzip2              t.lua      "" -c -9
program p1-c-zstd               /dev/null  "--dir ." -q -19 t.lua -o t.zst
# Not every processor has vectors.
[ "$target" = riscv64-linux ] || program p1-c-simd /dev/null ""

echo "programs: $same same as under Wasmtime, $(wc -w <<<"$differ") not${differ:+:$differ}${absent:+; not there:$absent}"
[ -z "$differ" ]
