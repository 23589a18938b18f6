"""What tests of assistants share: a pass-through that listens, and the official client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, Self

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult

from features.store.migrations import open_database
from serving.edge.access.keys import Keys
from tests.serving.live.process import ROOT, LocalServer, QuietHandler, free_port

SAID_BY_US = {"left out: too long"}
"""Words of an answer that the service has not said."""


class Listener(LocalServer):
    """Passes requests on to the service, and keeps what was asked and answered."""

    def __init__(self, url: str) -> None:
        self.bodies: list[Any] = []
        self.asked: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        listener = self
        http = self.http = httpx2.Client(base_url=url)

        class Handler(QuietHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._pass_on()

            def do_POST(self) -> None:
                self._pass_on()

            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                kept = ("authorization", "content-type", "x-forwarded-for")
                headers = {name: self.headers[name] for name in kept if name in self.headers}
                answer = http.request(self.command, self.path, headers=headers, content=body)
                listener.bodies.append(answer.json())
                listener.asked.append((self.command, self.path))
                listener.headers.append(headers)
                self.send_response(answer.status_code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

        super().__init__(Handler)

    def __enter__(self) -> Self:
        super().__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self.http.close()

    def forget(self) -> None:
        """Begin anew, before the next question."""
        self.bodies.clear()
        self.asked.clear()
        self.headers.clear()


def new_key(database_url: str, *scopes: str) -> str:
    """A key with some scopes."""
    with open_database(database_url) as database:
        return Keys(database).create("assistant", list(scopes), as_of=1)[1]


def waited_for_queue(address: str, key: str) -> list[dict[str, Any]]:
    """The first page of the queue, as soon as leads were scored."""
    headers = {"Authorization": f"Bearer {key}"}
    until = time.monotonic() + 60
    while True:
        answer = httpx2.get(f"{address}/v1/queue", headers=headers).json()
        if found := answer.get("data"):
            return list(found)
        assert time.monotonic() < until, answer
        time.sleep(0.1)


def on_standard_input(url: str, key: str, mode: str = "auto") -> Client:
    """The official client, with `rung mcp` on the other end of a pipe."""
    return Client(
        StdioServerParameters(
            command=sys.executable,
            args=["-m", "rung", "mcp", "--url", url, "--key-env", "A_KEY"],
            env={"A_KEY": key} if key else {"A_KEY": "rung_none_none"},
            cwd=ROOT,
        ),
        mode=mode,
    )


@contextmanager
def over_http(url: str) -> Iterator[str]:
    """`rung mcp --http`; the address of it. No key of its own environment is for others."""
    port = free_port()
    environment = {**os.environ, "RUNG_KEY": "rung_not_for-others"}
    process = subprocess.Popen(
        [sys.executable, "-m", "rung", "mcp", "--url", url, "--http", str(port)],
        env=environment,
        cwd=ROOT,
        stderr=subprocess.PIPE,
    )
    address = f"http://127.0.0.1:{port}/mcp"
    try:
        until = time.monotonic() + 60
        while True:
            try:
                httpx2.get(f"http://127.0.0.1:{port}/")
                break
            except httpx2.TransportError:
                assert time.monotonic() < until
                assert process.poll() is None, process.communicate()[1].decode()
                time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.communicate(timeout=60)


def http_client(address: str, http: httpx2.AsyncClient) -> Client:
    """The official client over streamable HTTP, with what `http` shows."""
    transport: AbstractAsyncContextManager[Any] = streamable_http_client(address, http_client=http)
    return Client(transport)


def text_of(result: CallToolResult) -> str:
    """The only content of an answer."""
    (content,) = result.content
    assert content.type == "text"
    return content.text


def told(result: CallToolResult) -> Any:
    """An answer that is none of an error."""
    assert not result.is_error, text_of(result)
    return json.loads(text_of(result))


def leaves(value: Any) -> Iterator[Any]:
    """Every number, text and truth in a JSON value."""
    if isinstance(value, dict):
        for one in value.values():
            yield from leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one)
    elif value is not None:
        yield value


def unmarked(value: Any) -> Iterator[str]:
    """Every text, and every name of a member, that does not stand under `untrusted_text`."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield name
            if name != "untrusted_text":
                yield from unmarked(one)
    elif isinstance(value, list):
        for one in value:
            yield from unmarked(one)
    elif isinstance(value, str):
        yield value
