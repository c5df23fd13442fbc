"""Adapter of the public wasi-testsuite (branch prod/testsuite-base): compiles each test with
wasmelt and has the suite's runner run the executables.

`WASMELT` names the command; without it, the repository's release build is used, or else its
debug build. `WASMELT_TEST_TARGET` and `WASMELT_TEST_EMULATOR` have executables made for another
machine and run by an emulator; `tests/cross.sh` sets both. `WASMELT_TEST_FLAGS` are further options. Executables are kept in a folder of the system's temporary files, by the contents of
compiler and test and by what the test may do, so that a second run compiles nothing.
"""

import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Dict, List, Optional, Tuple

REPOSITORY = Path(__file__).resolve().parents[2]
EXECUTABLES = Path(tempfile.gettempdir()) / "wasmelt-wasi-testsuite"


@cache
def command() -> List[str]:
    """The compiler's command line, without arguments."""
    if named := os.environ.get("WASMELT"):
        return shlex.split(named)
    builds = [REPOSITORY / "target" / profile / "wasmelt" for profile in ("release", "debug")]
    return [str(next((build for build in builds if build.exists()), "wasmelt"))]


# Further options of the compiler, such as `--harden`.
FLAGS = shlex.split(os.environ.get("WASMELT_TEST_FLAGS", ""))
# What is compiled for, where that is another machine than this one, and what runs it.
TARGET = os.environ.get("WASMELT_TEST_TARGET")
EMULATOR = shlex.split(os.environ.get("WASMELT_TEST_EMULATOR", ""))
IS_WINDOWS = bool(TARGET) and TARGET.endswith("-windows")
# A server reserves half of all addresses there are, and qemu keeps books of that.
EMULATED_SERVER = [*EMULATOR, "-R", "0x1000000000"] if EMULATOR else []


@cache
def compiler_hash() -> str:
    """Changes with the compiler, or at least with its version."""
    path = Path(command()[0])
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return get_version()


def get_name() -> str:
    return "wasmelt"


def get_version() -> str:
    version = subprocess.run(command() + ["--version"], check=True, capture_output=True, text=True)
    return version.stdout.split()[1]


def get_wasi_versions() -> List[str]:
    return ["wasm32-wasip1", "wasm32-wasip3"]


def get_wasi_worlds() -> List[str]:
    return ["wasi:cli/command", "wasi:http/service"]


def compute_argv(
    test_path: str,
    args_env_root: Tuple[List[str], Dict[str, str], Optional[str]],
    proposals: List[str],
    wasi_world: str,
    wasi_version: str,
) -> List[str]:
    args, env, root = args_env_root
    serves = wasi_world == "wasi:http/service"
    # What a service is told differs from run to run: it is read when the executable starts.
    options = [f"--env={name}" if serves else f"--env={name}={value}" for name, value in env.items()]
    # An executable's name for itself is its own, and the suite expects that of the component.
    options.append(f"--argv0={Path(test_path).name}")
    if wasi_version == "wasm32-wasip3":
        # Some of the tests that use the network do not list `sockets` among their proposals.
        options.append("-Sinherit-network")
    if TARGET:
        options.append(f"--target={TARGET}")
    options += FLAGS
    key = hashlib.sha256(Path(test_path).read_bytes())
    key.update("\0".join([compiler_hash(), *options, str(root or "")]).encode())
    executable = EXECUTABLES / key.hexdigest()[:32] / Path(test_path).stem
    if IS_WINDOWS:
        executable = executable.with_name(executable.name + ".exe")
    if root:
        # A copy, since a test of directories fails when it finds what another has left behind.
        copy = executable.with_name("root.dir")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(root, copy, symlinks=True)
        options += [f"--dir={copy}::/"]
    if not executable.exists():
        executable.parent.mkdir(parents=True, exist_ok=True)
        build = command() + ["build", "-q", test_path, "-o", str(executable), *options]
        result = subprocess.run(build, capture_output=True, text=True)
        if result.returncode != 0:
            # The runner does not expect an exception here: a test that cannot be compiled fails.
            return ["sh", "-c", 'printf %s "$1" >&2; exit 1', "wasmelt", result.stderr]
    if serves:
        variables = [f"{name}={value}" for name, value in env.items()]
        served = [*EMULATED_SERVER, str(executable), "--addr=127.0.0.1:0", "--workers=1"]
        return ["env", *variables, *served]
    return [*EMULATOR, str(executable), *args]
