"""A real browser, where the machine has one."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from contextlib import contextmanager

import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
_PATIENCE_MS = 30_000
"""For what comes at once on a machine that has nothing else to do."""


def browse(tmp_path, *arguments):
    """Run it without a window; what it prints."""
    assert CHROMIUM is not None
    quiet = ("--no-first-run", "--disable-background-networking", "--disable-component-update")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-sync", *quiet]
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    done = subprocess.run(
        [*command, profile, *arguments], capture_output=True, text=True, timeout=300
    )
    return done.stdout


@contextmanager
def driven():
    """The browser, driven: pages of it are opened with `opened`."""
    assert CHROMIUM is not None
    expect.set_options(timeout=_PATIENCE_MS)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser, address, width=1280, height=800, **options):
    """An empty sheet of a browser; what goes wrong on it is an error at its end.

    A load that fails, a script that throws and a rule of the page's own that is broken all count.
    """
    context = browser.new_context(
        base_url=address, viewport={"width": width, "height": height}, **options
    )
    sheet, wrong = context.new_page(), []
    sheet.set_default_timeout(_PATIENCE_MS)
    sheet.on("pageerror", lambda error: wrong.append(str(error)))
    sheet.on("console", lambda line: wrong.extend([line.text] * (line.type == "error")))
    try:
        yield sheet
    finally:
        context.close()
    assert wrong == []


def unfold(sheet):
    """Open all that is folded."""
    sheet.evaluate("for (const one of document.querySelectorAll('main details')) one.open = true")


def violations(sheet):
    """What keeps a page from being used by all: rules of axe-core that it breaks, with where."""
    found = Axe().run(sheet).response["violations"]
    return [(one["id"], one["nodes"][0]["html"][:200]) for one in found]


def overflow(sheet):
    """By how many pixels a page is wider than its window."""
    return sheet.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )


@contextmanager
def served(app):
    """A service on a port of its own; its address."""
    config = uvicorn.Config(app, port=0, log_level="error", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    until = time.monotonic() + 60
    while not server.started and time.monotonic() < until:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
