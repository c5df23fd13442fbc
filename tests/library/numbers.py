"""The shared library of numbers.wat, loaded by Python."""

import ctypes
import threading

lib = ctypes.CDLL("./libnumbers.so")
OK, TRAP, ENDED = 0, 1, 3
lib.numbers_message.restype = ctypes.c_char_p
lib.numbers_message.argtypes = [ctypes.c_void_p]
lib.numbers_delete.argtypes = [ctypes.c_void_p]
lib.numbers_add.argtypes = [ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32, ctypes.c_void_p]
lib.numbers_fail.argtypes = [ctypes.c_void_p]
lib.numbers_down.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p]
lib.numbers_load.argtypes = [ctypes.c_void_p, ctypes.c_int32, ctypes.c_void_p]


def new():
    app = ctypes.c_void_p()
    assert lib.numbers_new(None, ctypes.byref(app)) == OK
    return app


def use():
    app, result = new(), ctypes.c_int32()
    assert lib.numbers_add(app, 40, 2, ctypes.byref(result)) == OK
    assert result.value == 42
    assert lib.numbers_load(app, -4, ctypes.byref(result)) == TRAP
    assert b"out of bounds memory access" in lib.numbers_message(app)
    assert lib.numbers_add(app, 1, 1, ctypes.byref(result)) == ENDED
    lib.numbers_delete(app)
    app, depth = new(), ctypes.c_int64()
    assert lib.numbers_down(app, -1, ctypes.byref(depth)) == TRAP
    assert b"call stack exhausted" in lib.numbers_message(app)
    lib.numbers_delete(app)


use()
threads = [threading.Thread(target=use) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
