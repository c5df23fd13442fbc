// CPython as a program of WASI 0.1 that runs a script: `python SCRIPT [ARGUMENT...]`.
//
// `wasmelt --preinit` calls `wizer-initialize` while it builds: that starts the interpreter, from a
// library that is embedded at /py/lib/python3.13, and imports what many scripts do. Without it `_start`
// does so. What belongs to a run is asked for in `run`: arguments, environment, streams, the
// seed of random numbers. Objects from before it are frozen, so that collecting garbage does not touch
// them; when the script has ended, what it has made is destroyed, and they stay as they are.

#include <Python.h>
#include <pthread.h>

#define LIBRARY L"/py/lib/python3.13"

static const char PREPARE[] =
    "import abc, argparse, ast, atexit, base64, bisect, calendar, collections, contextlib, copy\n"
    "import csv, dataclasses, datetime, decimal, enum, fnmatch, fractions, functools, gc, glob\n"
    "import hashlib, heapq, html, inspect, io, itertools, json, locale, math, operator, os\n"
    "import pathlib, pickle, pprint, random, re, shlex, shutil, statistics, string, struct, sys\n"
    "import textwrap, time, traceback, types, typing, urllib.parse, warnings, weakref\n"
    "\n"
    "def stream(number, mode, errors, buffering=-1):\n"
    "    return open(number, mode, buffering, encoding='utf-8', errors=errors, closefd=False)\n"
    "\n"
    "def run(arguments, environment):\n"
    "    sys.stdin = sys.__stdin__ = stream(0, 'r', 'surrogateescape')\n"
    "    sys.stdout = sys.__stdout__ = stream(1, 'w', 'surrogateescape')\n"
    "    sys.stderr = sys.__stderr__ = stream(2, 'w', 'backslashreplace', 1)\n"
    "    sys.argv[:] = arguments\n"
    "    os.environ._data.clear()\n"
    "    os.environ._data.update(environment)\n"
    "    random.seed()\n"
    "    if not arguments:\n"
    "        print('error: no script is named', file=sys.stderr)\n"
    "        return 2\n"
    "    path = os.path.abspath(arguments[0])\n"
    "    sys.path.insert(0, os.path.dirname(path))\n"
    "    names = sys.modules['__main__'].__dict__\n"
    "    status = script(path, names)\n"
    "    atexit._run_exitfuncs()\n"
    "    names.clear()\n"
    "    for name in [name for name in sys.modules if name not in known]:\n"
    "        del sys.modules[name]\n"
    "    gc.collect()\n"
    "    sys.stdout.flush()\n"
    "    sys.stderr.flush()\n"
    "    return status\n"
    "\n"
    "def script(path, names):\n"
    "    try:\n"
    "        with open(path, 'rb') as file:\n"
    "            text = file.read()\n"
    "    except OSError as error:\n"
    "        print('error:', error, file=sys.stderr)\n"
    "        return 2\n"
    "    try:\n"
    "        names['__file__'] = path\n"
    "        exec(compile(text, path, 'exec', dont_inherit=True), names)\n"
    "    except SystemExit as end:\n"
    "        if end.code is None or isinstance(end.code, int):\n"
    "            return end.code or 0\n"
    "        print(end.code, file=sys.stderr)\n"
    "        return 1\n"
    "    except BaseException as error:\n"
    "        below = error.__traceback__.tb_next\n"
    "        sys.excepthook(type(error), error.with_traceback(below), below)\n"
    "        return 1\n"
    "    return 0\n"
    "\n"
    "known = set(sys.modules)\n"
    "gc.collect()\n"
    "gc.freeze()\n";

extern char **environ;
extern void _initialize(void);
extern int __main_void(void);
extern void __wasilibc_initialize_environ(void);

static PyObject *run;

// That of Zig's C library looks at other threads, of which there are none, and never ends.
int pthread_key_delete(pthread_key_t key) {
    return pthread_setspecific(key, NULL);
}

static void check(PyStatus status) {
    if (PyStatus_Exception(status))
        Py_ExitStatusException(status);
}

// What is there; nothing is where something has failed that should not.
static void *there(void *object) {
    if (object)
        return object;
    PyErr_Print();
    exit(1);
}

static void start(void) {
    PyPreConfig before;
    PyPreConfig_InitIsolatedConfig(&before);
    before.utf8_mode = 1;
    check(Py_PreInitialize(&before));
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.write_bytecode = 0;
    // Every run has the seed that the objects from before it were made with; so do builds.
    config.use_hash_seed = 1;
    config.module_search_paths_set = 1;
    check(PyWideStringList_Append(&config.module_search_paths, LIBRARY));
    check(PyConfig_SetString(&config, &config.home, L"/py"));
    check(PyConfig_SetString(&config, &config.stdlib_dir, LIBRARY));
    check(PyConfig_SetString(&config, &config.executable, L""));
    check(Py_InitializeFromConfig(&config));
    PyConfig_Clear(&config);
    PyObject *names = there(PyDict_New());
    there(PyRun_String(PREPARE, Py_file_input, names, names));
    run = there(PyDict_GetItemString(names, "run"));
}

// Constructors have run before: the export `_initialize` is called first.
__attribute__((export_name("wizer-initialize"))) void initialise(void) {
    start();
}

static int is_constructed;

__attribute__((constructor)) static void construct(void) {
    is_constructed = 1;
}

// In the place of the C library's, which would run constructors again.
__attribute__((export_name("_start"))) void command(void) {
    if (!is_constructed)
        _initialize();
    if (Py_IsInitialized())
        __wasilibc_initialize_environ();
    else
        start();
    exit(__main_void());
}

static PyObject *arguments(int count, char **texts) {
    PyObject *list = there(PyList_New(count));
    for (int n = 0; n < count; n++)
        PyList_SET_ITEM(list, n, there(PyUnicode_DecodeFSDefault(texts[n])));
    return list;
}

static PyObject *environment(void) {
    PyObject *all = there(PyDict_New());
    for (char **text = environ; *text; text++) {
        char *value = strchr(*text, '=');
        if (!value)
            continue;
        PyObject *name = there(PyBytes_FromStringAndSize(*text, value - *text));
        PyDict_SetItem(all, name, there(PyBytes_FromString(value + 1)));
    }
    return all;
}

int main(int argc, char **argv) {
    PyObject *words = arguments(argc - 1, argv + 1);
    PyObject *status = there(PyObject_CallFunction(run, "NN", words, environment()));
    return (int)PyLong_AsLong(status) & 0xff;
}
