"""The service as a process of its own, and a receiver of its notifications."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import httpx2

ROOT = Path(__file__).resolve().parents[3]
_START_SECONDS = 90.0


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class Process:
    """`rung serve` on a store and a bundle; it can be killed and started again."""

    def __init__(self, database_url: str, bundle: Path, log: Path, **settings: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = log
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RUNG_")},
            "RUNG_DATABASE_URL": database_url,
            "RUNG_BUNDLE": str(bundle),
            "RUNG_PORT": str(self.port),
            "RUNG_LOG_LEVEL": "warning",
            "RUNG_WEBHOOK_PRIVATE": "allow",
            "RUNG_RATE_LIMIT": "0",
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "rung", "serve"],
                env=self._environment,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + _START_SECONDS
        while True:
            try:
                if httpx2.get(f"{self.url}/healthz").status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            if time.monotonic() > until or self._process.poll() is not None:
                raise AssertionError(f"it does not start: {self._log.read_text()[-2000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """End it, and the process that scores beside it, as a power cut would."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(60)
        self._process = None

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(how)
        code = self._process.wait(60)
        self._process = None
        return code

    @property
    def pid(self) -> int:
        """Its number, and that of the group of processes that it starts."""
        assert self._process is not None
        return self._process.pid

    @property
    def most_memory(self) -> int:
        """The most bytes of memory that the process which answers ever had, on Linux."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def said(self) -> str:
        """What it has logged."""
        return self._log.read_text()


@contextmanager
def running(database_url: str, bundle: Path, folder: Path, **settings: str) -> Iterator[Process]:
    """A process that has been started, and is stopped at the end."""
    process = Process(database_url, bundle, folder / f"log-{time.monotonic_ns()}", **settings)
    process.start()
    try:
        yield process
    finally:
        if process.is_running:
            process.stop()


class QuietHandler(BaseHTTPRequestHandler):
    """Answers requests, and prints nothing of them."""

    def log_message(self, *_: object) -> None:
        pass


class LocalServer:
    """An HTTP server on this machine, for as long as the block lasts."""

    def __init__(self, handler: type[BaseHTTPRequestHandler], path: str = "") -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}{path}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Receiver(LocalServer):
    """Takes notifications on this machine, and counts how often each id came."""

    def __init__(self) -> None:
        self.received: Counter[str] = Counter()
        self.bodies: dict[str, dict[str, Any]] = {}
        self.headers: dict[str, dict[str, str]] = {}
        self.raw: dict[str, bytes] = {}
        receiver = self

        class Handler(QuietHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                name = self.headers["webhook-id"]
                receiver.received[name] += 1
                receiver.bodies[name] = json.loads(body)
                receiver.headers[name] = dict(self.headers)
                receiver.raw[name] = body
                self.send_response(204)
                self.send_header("Content-Length", "0")
                self.end_headers()

        super().__init__(Handler, "/hook")


def eventually(claim: Any, seconds: float = 60.0) -> None:
    """Wait until a claim holds; what it returns, or raises, is shown if it never does."""
    until = time.monotonic() + seconds
    while True:
        found = claim()
        if found is True:
            return
        assert time.monotonic() < until, found
        time.sleep(0.1)
