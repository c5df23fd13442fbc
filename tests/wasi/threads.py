#!/usr/bin/env python3
"""Runs the tests of wasi-threads: compiles each with wasmelt, and compares how it ends.

usage: tests/wasi/threads.py FOLDER

FOLDER has the tests of a checkout of WebAssembly/wasi-threads as `*.wasm`, each with what is expected
of it in `*.json` beside it, or nothing where it is to end with 0. Standard input is a pipe into
which nobody writes, as some of them wait for it. WASMELT is the command, by default
target/debug/wasmelt.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WASMELT = os.environ.get("WASMELT", str(ROOT / "target/debug/wasmelt"))
TIME_MAX_S = 60


def main():
    tests = sorted(pathlib.Path(sys.argv[1]).glob("*.wasm")) if len(sys.argv) == 2 else []
    if not tests:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        failed = [(test.stem, fault) for test in tests if (fault := fault_of(test, folder))]
    for name, fault in failed:
        print(f"{name}: {fault}")
    print(f"{len(tests) - len(failed)} of {len(tests)} tests of wasi-threads pass")
    sys.exit(1 if failed else 0)


def fault_of(test, folder):
    """What is wrong; none where it does what is expected."""
    description = test.with_suffix(".json")
    expected = json.loads(description.read_text()) if description.exists() else {}
    program = pathlib.Path(folder) / test.stem
    build = [WASMELT, "-q", str(test), "-o", str(program)]
    built = subprocess.run(build, capture_output=True, text=True)
    if built.returncode != 0:
        return built.stderr
    process = subprocess.Popen(
        [str(program), *expected.get("args", [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        code = process.wait(TIME_MAX_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return f"it has not ended after {TIME_MAX_S} seconds"
    found = {
        "exit_code": code,
        "stdout": process.stdout.read(),
        "stderr": process.stderr.read(),
    }
    for name, value in {"exit_code": 0, **expected}.items():
        if name in found and found[name] != value:
            return f"{name} is {found[name]!r}, {value!r} is expected"
    return None


main()
