#!/usr/bin/env python3
"""Uses the page of `examples/service` in Chromium: loads it, waits for its events, sends its form.

usage: tests/http/page.py [--wasmelt WASMELT]

Needs `chromedriver` and Chromium (Debian: chromium-driver). Exits with 0 if the page did what it
has to.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
WAIT_S = 60
# A browser that asks nobody but the page: nothing goes out of this machine.
BROWSER = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# What the WebDriver protocol names the reference of an element by.
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Browser:
    """A session of the WebDriver protocol with a `chromedriver` at `url`."""

    def __init__(self, url):
        self.url = url
        options = {"goog:chromeOptions": {"args": BROWSER}}
        answer = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": options}})
        self.url += "/session/" + answer["sessionId"]

    def ask(self, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data, method=method)
        with urllib.request.urlopen(request, timeout=WAIT_S) as response:
            return json.load(response)["value"]

    def find(self, selector):
        found = self.ask("POST", "/element", {"using": "css selector", "value": selector})
        return "/element/" + found[ELEMENT]

    def text(self, selector):
        return self.ask("GET", self.find(selector) + "/text")


def until(what, is_so):
    """Waits until `is_so()` gives something true."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        if is_so():
            print(f"ok: {what}")
            return
        time.sleep(0.05)
    sys.exit(f"page.py: not seen in {WAIT_S} s: {what}")


def line_with(stream, pattern):
    """What the first group of `pattern` is in the first line that has it."""
    for line in stream:
        if found := re.search(pattern, line):
            return found[1]
    sys.exit(f"page.py: it ended before it said `{pattern}`")


def use(browser, page):
    browser.ask("POST", "/url", {"url": page})
    until("the title", lambda: browser.ask("GET", "/title") == "Circles")
    until("three events or more", lambda: browser.text("#ticks").count(";") >= 3)
    radius = browser.find("input[name=radius]")
    browser.ask("POST", radius + "/clear", {})
    browser.ask("POST", radius + "/value", {"text": "2"})
    browser.ask("POST", browser.find("button") + "/click", {})
    until("the area of a circle", lambda: "12.56" in browser.text("#answer"))
    until("events on the next page", lambda: browser.text("#ticks").count(";") >= 3)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wasmelt", default=ROOT / "target/release/wasmelt")
    wasmelt = os.path.abspath(parser.parse_args().wasmelt)
    started = []
    with tempfile.TemporaryDirectory() as folder:
        service = os.path.join(folder, "service")
        wasm = ROOT / "examples/service/service.wasm"
        subprocess.run([wasmelt, wasm, "-S", "http", "-o", service], check=True)
        try:
            pipe = {"stdin": subprocess.DEVNULL, "text": True}
            server = subprocess.Popen(
                [service, "--addr", "127.0.0.1:0"], stderr=subprocess.PIPE, **pipe
            )
            started.append(server)
            page = line_with(server.stderr, r"Serving HTTP on (\S+)")
            driver = subprocess.Popen(
                ["chromedriver", "--port=0"], stdout=subprocess.PIPE, **pipe
            )
            started.append(driver)
            port = line_with(driver.stdout, r"started successfully on port (\d+)")
            browser = Browser(f"http://127.0.0.1:{port}")
            try:
                use(browser, page)
            finally:
                browser.ask("DELETE", "")
        finally:
            for process in started:
                process.terminate()
        if server.wait() != 0:
            sys.exit(f"page.py: the server ended with {server.returncode}")
        print("ok: the server has ended with 0")


if __name__ == "__main__":
    main()
