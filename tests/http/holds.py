#!/usr/bin/env python3
"""Measures what a server made by wasmelt has to hold, and prints each figure beside its bar.

usage: tests/http/holds.py [--wasmelt COMMAND] [--only PART] [--small] [--more NAME:FILE:MICROS]...

Needs wrk, for the load; strace counts system calls, and wasmtime is compared with, if they are
there (Debian: apt-get install wrk strace). `--small` takes a hundredth of everything, to see
whether it works. `--more` measures a component of 0.2 besides, with a bar for the CPU time of a
request in a fresh instance: languages that take long to build are not among the tests' guests.

CPU time is that of the server's processes, from /proc. The machine should have nothing else to do.
"""

import argparse
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
GUESTS = ROOT / "tests/guests"
TICK = 1 / os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Server:
    """A server of one worker that ends with the block."""

    def __init__(self, command):
        self.started = time.monotonic()
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, close_fds=False)
        address = None
        while address is None:
            line = self.process.stderr.readline().decode()
            if not line:
                raise SystemExit(f"{command[0]} serves nothing")
            address = re.search(r"http://([\d.]+):(\d+)", line)
        self.address = (address[1], int(address[2]))
        self.lines = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for _ in self.process.stderr:
            self.lines += 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def ids(self):
        """Of the processes that serve: the workers, or the only one there is."""
        own = self.process.pid
        return children(own) or [own]

    def sum(self, field):
        fields = (stat(pid) for pid in [self.process.pid, *children(self.process.pid)])
        return sum(int(each[field]) for each in fields)

    def cpu(self):
        return (self.sum(11) + self.sum(12)) * TICK

    def faults(self):
        return self.sum(7) + self.sum(9)

    def rss(self):
        return sum(int(stat(pid)[21]) for pid in self.ids()) * PAGE

    def connect(self):
        connection = socket.create_connection(self.address, timeout=60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection


def children(pid):
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def stat(pid):
    """The fields of proc(5) from the third on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


def response(file):
    """Status and body of the next response; raises where it is not whole."""
    first = file.readline()
    if not first:
        raise ConnectionError("closed")
    length, chunked = 0, False
    while (line := file.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
        chunked |= name.lower() == b"transfer-encoding"
    if chunked:
        body = b""
        while size := int(file.readline() or b"-", 16):
            body += file.read(size + 2)[:-2]
        while file.readline() not in (b"\r\n", b""):
            pass
        return int(first.split()[1]), body
    body = file.read(length)
    if len(body) < length:
        raise ConnectionError("cut")
    return int(first.split()[1]), body


def ask(connection, path="/memory"):
    """Sends a request, returns the response, the connection stays open."""
    connection.sendall(get(path))
    with connection.makefile("rb") as file:
        return response(file)


class Report:
    def __init__(self):
        self.failed = 0

    def row(self, what, figure, bar, holds):
        self.failed += not holds
        print(f"{what:58} {figure:>22} {bar:>16}  {'holds' if holds else 'DOES NOT HOLD'}", flush=True)

    def note(self, what, text):
        print(f"{what:58} {text:>22}", flush=True)


class Bench:
    def __init__(self, options, folder):
        self.options = options
        self.folder = Path(folder)
        self.report = Report()
        self.share = 100 if options.small else 1
        self.wasmtime = shutil.which("wasmtime")

    def build(self, guest, *flags):
        path = Path(guest)
        output = self.folder / f"{path.stem}{len(flags)}"
        if not output.exists():
            command = [self.options.wasmelt, "-q", path, "-o", output, *flags]
            subprocess.run(command, check=True)
        return output

    def serve(self, guest, *flags):
        exe = self.build(guest)
        return Server([exe, "--addr", "127.0.0.1:0", "--workers", "1", *flags])

    def serve_wasmtime(self, guest, *flags):
        compiled = self.folder / f"{Path(guest).stem}.cwasm"
        features = ["-Wcomponent-model-async"]
        if not compiled.exists():
            subprocess.run([self.wasmtime, "compile", *features, guest, "-o", compiled], check=True)
        command = [self.wasmtime, "serve", "-Scli", "-Sp3", *features, "--allow-precompiled"]
        return Server([*command, "--addr", "127.0.0.1:0", *flags, compiled])

    def load(self, server, path, connections, processors=None):
        """CPU seconds and page faults of a request under load by wrk, both on these processors."""
        seconds = 1 if self.options.small else 4
        processors = processors or os.sched_getaffinity(0)
        for pid in server.ids():
            os.sched_setaffinity(pid, processors)
        before = server.cpu(), server.faults()
        url = "http://{}:{}{}".format(*server.address, path)
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", url]
        client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        os.sched_setaffinity(client.pid, processors)
        printed, _ = client.communicate()
        count = int(re.search(r"(\d+) requests in", printed)[1])
        after = server.cpu(), server.faults()
        return tuple((late - early) / max(count, 1) for early, late in zip(before, after))

    def requests(self):
        cases = [("Rust 0.2", GUESTS / "p2-server.wasm", "/memory", reuse, bar)
                 for reuse, bar in [(1, 30), (128, 15)]]
        for more in self.options.more:
            name, file, bar = more.rsplit(":", 2)
            cases.append((name, file, "/", 1, int(bar)))
        # With one connection, waking a processor that sleeps can cost more than all else; so the
        # same is measured where none sleeps.
        first = {min(os.sched_getaffinity(0))}
        loads = [("1 connection", 1, None), ("on one processor", 1, first), ("16 connections", 16, None)]
        for name, guest, path, reuse, bar in cases:
            for load, connections, processors in loads:
                with self.serve(guest, "--reuse", str(reuse)) as server:
                    ask(server.connect(), path)
                    cpu, faults = self.load(server, path, connections, processors)
                what = f"{name}, {reuse} an instance, {load}: CPU"
                self.report.row(what, f"{cpu * 1e6:.1f} us", f"<= {bar} us", cpu * 1e6 <= bar)
                if reuse == 1 and connections == 16:
                    self.report.row("  page faults a request", f"{faults:.2f}", "<= 1", faults <= 1)
                if native := self.build_native():
                    with Server([native]) as server:
                        other, _ = self.load(server, path, connections, processors)
                    self.report.note("  a C program that does nothing", f"{other * 1e6:.1f} us")
                if self.wasmtime:
                    flags = "--max-instance-reuse-count", str(reuse)
                    with self.serve_wasmtime(guest, *flags) as server:
                        ask(server.connect(), path)
                        other, _ = self.load(server, path, connections, processors)
                    self.report.note("  wasmtime", f"{other * 1e6:.1f} us")

    def calls(self):
        if not shutil.which("strace"):
            return self.report.note("system calls a request", "needs strace")
        count = 1000
        with self.serve(GUESTS / "p2-server.wasm") as server:
            connection = server.connect()
            ask(connection)
            printed = self.folder / "calls"
            pid = str(server.ids()[0])
            tracer = subprocess.Popen(["strace", "-qq", "-p", pid, "-o", printed])
            time.sleep(1)
            for _ in range(count):
                ask(connection)
            tracer.terminate()
            tracer.wait()
        calls = len(printed.read_text().splitlines()) / count
        self.report.row("system calls a request, one connection", f"{calls:.2f}", "<= 5", calls <= 5)

    def start(self):
        self.build(GUESTS / "p2-server.wasm")
        times = []
        for _ in range(20):
            with self.serve(GUESTS / "p2-server.wasm") as server:
                ask(server.connect())
                times.append(time.monotonic() - server.started)
        median = statistics.median(times) * 1e3
        self.report.row("first response after start, median of 20", f"{median:.2f} ms", "<= 2 ms", median <= 2)
        with self.serve(GUESTS / "p2-server.wasm") as server:
            ask(server.connect())
            rss = server.rss() / 2**20
        self.report.row("memory of a worker at rest", f"{rss:.2f} MiB", "<= 3 MiB", rss <= 3)

    def sizes(self):
        for what, exe, bar in [
            ("size of a server", self.build(GUESTS / "p2-server.wasm"), 500_000),
            ("size with a client of HTTPS", self.build(GUESTS / "p2-requests.wasm", "-Shttp"), 2_000_000),
        ]:
            size = exe.stat().st_size
            self.report.row(what, f"{size:,}", f"<= {bar:,}", size <= bar)

    def idle(self):
        count = 10_000 // self.share
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        with self.serve(GUESTS / "p2-server.wasm") as server:
            first = server.connect()
            ask(first)
            before = server.rss()
            kept = []
            for _ in range(count):
                kept.append(server.connect())
                ask(kept[-1])
            each = (server.rss() - before) / count
            time.sleep(0.5)
            cpu = server.cpu()
            time.sleep(2)
            at_rest = (server.cpu() - cpu) / 2
            times = sorted(self.latency(first) for _ in range(100))
        what = f"{count:,} idle connections"
        late = times[-2] * 1e3
        self.report.row(f"{what}: the next request, 99th of 100", f"{late:.2f} ms", "< 5 ms", late < 5)
        self.report.row(f"{what}: memory of each", f"{each / 1000:.2f} KB", "<= 8 KB", each <= 8000)
        self.report.row(f"{what}: CPU at rest", f"{at_rest:.1%}", "<= 0.5 %", at_rest <= 0.005)

    def latency(self, connection):
        began = time.monotonic()
        ask(connection)
        return time.monotonic() - began

    def slow(self):
        count = 1000 // min(self.share, 10)
        with self.serve(GUESTS / "p2-server.wasm") as server:
            quick = server.connect()
            ask(quick)
            median = lambda: sorted(self.latency(quick) for _ in range(500))[250] * 1e3
            alone = median()
            kept = [server.connect() for _ in range(count)]
            for number, connection in enumerate(kept):
                connection.sendall(get("/memory")[: 1 + number % 20])
            among = median()
            del kept
        what = f"a request among {count:,} slow clients, and alone"
        self.report.row(what, f"{among:.2f}, {alone:.2f} ms", "the same", among <= 1.5 * alone + 0.2)

    def traps(self):
        count = 10_000 // self.share
        wrong = 0
        with self.serve(GUESTS / "p2-server.wasm") as server:
            def storm():
                nonlocal wrong
                connection = None
                for number in range(count):
                    connection = connection or server.connect()
                    traps = number % 10 == 0
                    path = ("/late-trap" if number % 20 else "/trap") if traps else "/memory"
                    try:
                        status, body = ask(connection, path)
                        wrong += (status, body) != (200, b"1") and not (traps and status == 500)
                    except (ConnectionError, ValueError):
                        wrong += not traps
                        status = 0
                    if status != 200:
                        connection.close()
                        connection = None
            # Memory that is kept for the next instances is no loss: what counts is that a second
            # storm takes no more.
            storm()
            workers, before = server.ids(), server.rss()
            storm()
            after, lost = server.rss(), workers != server.ids()
        what = f"{count:,} requests of which each tenth traps:"
        self.report.row(f"{what} wrong answers", str(wrong), "0", wrong == 0)
        self.report.row(f"{what} workers lost", str(int(lost)), "0", not lost)
        growth = after / before - 1
        self.report.row(f"{what} memory", f"{growth:+.1%}", "within 5 %", abs(growth) <= 0.05)

    def echo(self):
        size = 1024 // self.share * 2**20
        native = self.build_native()
        for guest in ("p2-server.wasm", "p3-server.wasm"):
            servers = {"": lambda: self.serve(GUESTS / guest)}
            if self.wasmtime:
                servers["wasmtime"] = lambda: self.serve_wasmtime(GUESTS / guest)
            if native:
                servers["C"] = lambda: Server([native])
            seconds = {name: [] for name in servers}
            growth = 0
            for _ in range(3):
                for name, serve in servers.items():
                    with serve() as server:
                        once, more = self.echo_once(server, size)
                    seconds[name].append(once)
                    growth = growth if name else max(growth, more)
            what = f"{guest[:2]}: echo of {size // 2**20:,} MiB"
            self.report.row(f"{what}: memory", f"{growth / 2**20:+.1f} MiB", "< 4 MiB", growth < 4 * 2**20)
            rates = {name: size / statistics.median(each) / 2**20 for name, each in seconds.items()}
            self.report.note(what, f"{rates['']:,.0f} MiB/s")
            if native:
                self.report.note("  by a C program", f"{rates['C']:,.0f} MiB/s")
            if self.wasmtime:
                ratio = rates[""] / rates["wasmtime"]
                self.report.row("  against wasmtime", f"{ratio:.2f} x", ">= 2 x", ratio >= 2)

    def build_native(self):
        """What does the least; nothing without a C compiler."""
        if not shutil.which("cc"):
            return None
        output = self.folder / "least"
        if not output.exists():
            source = ROOT / "tests/http/least.c"
            subprocess.run(["cc", "-O2", source, "-o", output], check=True)
        return output

    def echo_once(self, server, size):
        """Seconds, and how much memory it took at most."""
        ask(server.connect())
        before = peak = server.rss()
        connection = server.connect()
        block = bytes(2**20)

        def send():
            head = f"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
            connection.sendall(head.encode())
            for _ in range(size // len(block)):
                connection.sendall(block)

        began = time.monotonic()
        sender = threading.Thread(target=send)
        sender.start()
        received = looked = 0
        into = bytearray(2**20)
        while count := connection.recv_into(into):
            received += count
            if received >= looked:
                looked = received + 2**24
                peak = max(peak, server.rss())
        sender.join()
        if received < size:
            raise SystemExit(f"only {received} of {size} bytes came back")
        return time.monotonic() - began, peak - before

    def flushes(self):
        count = 1000 // min(self.share, 10)
        with self.serve(GUESTS / "p2-server.wasm") as server:
            connection = server.connect()
            connection.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            for number in range(count):
                word = b"%08d" % number
                connection.sendall(b"8\r\n" + word + b"\r\n")
                came = b""
                while word not in came:
                    came += connection.recv(4096)
        self.report.row("chunks that came back before the next was sent", f"{count:,}", "all", True)

    def term(self):
        """Ends a server while requests are on their way: those that were sent before are answered."""
        lost, answered, ended = [], [0], threading.Event()
        with self.serve(GUESTS / "p2-server.wasm") as server:
            def client():
                try:
                    while True:
                        connection = server.connect()
                        sent = time.monotonic()
                        connection.sendall(get("/memory"))
                        with connection.makefile("rb") as file:
                            response(file)
                        answered[0] += 1
                        connection.close()
                except OSError:
                    if "sent" in locals() and not ended.is_set():
                        lost.append(sent)

            clients = [threading.Thread(target=client) for _ in range(16)]
            for each in clients:
                each.start()
            time.sleep(1)
            ended.set()
            server.process.send_signal(signal.SIGTERM)
            code = server.process.wait(20)
            for each in clients:
                each.join(20)
        self.report.row("SIGTERM under load: requests lost", f"{len(lost)} of {answered[0]:,}", "0", not lost)
        self.report.row("SIGTERM under load: exit code", str(code), "0", code == 0)


PARTS = ["sizes", "start", "requests", "calls", "idle", "slow", "traps", "flushes", "echo", "term"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--wasmelt", default=str(ROOT / "target/release/wasmelt"))
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--more", action="append", default=[], metavar="NAME:FILE:MICROS")
    options = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("error: wrk is needed for the load: apt-get install wrk")
    if not shutil.which(options.wasmelt):
        sys.exit(f"error: there is no {options.wasmelt}; build it, or name one with --wasmelt")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, folder)
        for part in options.only or PARTS:
            getattr(bench, part)()
    sys.exit(1 if bench.report.failed else 0)


if __name__ == "__main__":
    main()
