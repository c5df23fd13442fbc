"""calc FORMULA [NAME=VALUE]...: calculates a formula, by a shared library that a component was compiled to.

`libcalc.so` lies in the current folder (`wasmelt calc.wasm --emit sharedlib`). The structures are those of its
header (`--emit header`).
"""

import ctypes
import sys
from ctypes import POINTER, byref


class String(ctypes.Structure):
    _fields_ = [("ptr", ctypes.c_char_p), ("len", ctypes.c_size_t)]

    @classmethod
    def of(cls, text):
        encoded = text.encode()
        return cls(encoded, len(encoded))


class Variable(ctypes.Structure):
    _fields_ = [("name", String), ("value", ctypes.c_double)]


class Variables(ctypes.Structure):
    _fields_ = [("ptr", POINTER(Variable)), ("len", ctypes.c_size_t)]


class What(ctypes.Union):
    _fields_ = [("syntax", ctypes.c_uint32), ("unknown", String)]


class Problem(ctypes.Structure):
    _fields_ = [("tag", ctypes.c_uint8), ("val", What)]


class ParsedValue(ctypes.Union):
    _fields_ = [("ok", ctypes.c_uint32), ("err", Problem)]


class Parsed(ctypes.Structure):
    _fields_ = [("is_err", ctypes.c_bool), ("val", ParsedValue)]


class NumberValue(ctypes.Union):
    _fields_ = [("ok", ctypes.c_double), ("err", Problem)]


class Number(ctypes.Structure):
    _fields_ = [("is_err", ctypes.c_bool), ("val", NumberValue)]


class Config(ctypes.Structure):
    _fields_ = [("memory_bytes_max", ctypes.c_uint64), ("stack_bytes", ctypes.c_uint64), ("imports", ctypes.c_void_p)]


lib = ctypes.CDLL("./libcalc.so")
lib.calc_new.argtypes = [POINTER(Config), POINTER(ctypes.c_void_p)]
lib.calc_delete.argtypes = [ctypes.c_void_p]
lib.calc_message.argtypes = [ctypes.c_void_p]
lib.calc_message.restype = ctypes.c_char_p
lib.calc_formulas_formula_parse.argtypes = [ctypes.c_void_p, POINTER(String), POINTER(Parsed)]
lib.calc_formulas_formula_value.argtypes = [ctypes.c_void_p, ctypes.c_uint32, POINTER(Variables), POINTER(Number)]
lib.calc_formulas_formula_drop.argtypes = [ctypes.c_void_p, ctypes.c_uint32]


def checked(instance, status):
    """Every call gives a status; anything but 0 is the end of the instance, and of nothing else."""
    if status:
        sys.exit(lib.calc_message(instance).decode())


def told(text, problem):
    if problem.tag == 0:
        sys.exit(f"{text}\n{'^':>{problem.val.syntax + 1}} what is this?")
    unknown = problem.val.unknown
    sys.exit(f"what is `{ctypes.string_at(unknown.ptr, unknown.len).decode()}`?")


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: calc FORMULA [NAME=VALUE]...")
    instance = ctypes.c_void_p()
    checked(None, lib.calc_new(Config(memory_bytes_max=16 << 20), byref(instance)))
    text = sys.argv[1]
    parsed = Parsed()
    checked(instance, lib.calc_formulas_formula_parse(instance, String.of(text), byref(parsed)))
    if parsed.is_err:
        told(text, parsed.val.err)
    given = [argument.split("=", 1) for argument in sys.argv[2:] if "=" in argument]
    variables = (Variable * len(given))(*[(String.of(name), float(value)) for name, value in given])
    value = Number()
    status = lib.calc_formulas_formula_value(instance, parsed.val.ok, Variables(variables, len(given)), byref(value))
    checked(instance, status)
    if value.is_err:
        told(text, value.val.err)
    print(f"{value.val.ok:g}")
    lib.calc_formulas_formula_drop(instance, parsed.val.ok)
    lib.calc_delete(instance)


main()
