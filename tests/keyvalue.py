#!/usr/bin/env python3
"""Kills a program that keeps pairs in a file, at random moments, and looks for what it had kept.

usage: tests/keyvalue.py [ROUNDS [WRITES]]

The program says how many numbers are kept; those have to be there after each kill, until there were
so many WRITES (100,000) and ROUNDS (50). WASMELT is the command, by default target/debug/wasmelt.
"""

import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent
WASMELT = os.environ.get("WASMELT", str(ROOT / "target/debug/wasmelt"))
GUEST = ROOT / "tests/guests/p2-drafts.wasm"


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    writes = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        build = [WASMELT, "-q", "-S", "keyvalue-file=pairs", str(GUEST), "-o", "program"]
        subprocess.run(build, cwd=folder, check=True)
        kept, done = 0, 0
        while done < rounds or kept < writes:
            last = fill(folder, kept)
            found = int(run(folder, "look", str(last)))
            if found != last:
                sys.exit(f"round {done}: {last} numbers were kept, {found} are there")
            kept, done = last, done + 1
        print(f"{done} kills, {kept} writes, nothing is lost")


def fill(folder, first):
    """Keeps numbers until a random moment; gives how many are."""
    program = subprocess.Popen(
        ["./program", "fill", str(first)], cwd=folder, stdout=subprocess.PIPE, text=True
    )
    moment = random.uniform(0.0, 2.0)
    timer = threading.Timer(moment, program.kill)
    timer.start()
    last = first
    for line in program.stdout:
        # What was cut by the kill was not said.
        if line.endswith("\n"):
            last = int(line)
    program.wait()
    timer.join()
    return last


def run(folder, *words):
    command = ["./program", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


main()
