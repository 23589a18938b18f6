"""Other clients that people have, as they are: a thousand events each, found once, and right."""

from __future__ import annotations

import functools
import http.server
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import customerio.analytics.client  # type: ignore[import-untyped]
import pytest
import rudderstack.analytics.client  # type: ignore[import-untyped]
from posthog import Posthog

from features.clock import when
from features.store.events import EventStore
from tests.serving.browser import CHROMIUM
from tests.serving.live.clients import (
    INSTALLED,
    NPM,
    Live,
    key_of,
    live,
    rows_of,
    why_no_npm,
)
from tests.serving.live.process import Process, eventually, running

pytestmark = pytest.mark.slow

COUNT = 1000
FIRST_US = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
WORD = "Zoë ☂ 𝄞"
NAMES = ("Demo Requested", "identify", "page_viewed")
needs_npm = pytest.mark.skipif(why_no_npm() != "", reason=why_no_npm() or "they are there")


def check(rows: list[dict[str, Any]], client: str, names: tuple[str, ...] = NAMES) -> None:
    """Each event once, of the right lead and name, with what it said, at the time it happened."""
    told = [(json.loads(row["properties"]), row) for row in rows]
    assert sorted(properties["number"] for properties, _ in told) == list(range(COUNT))
    for properties, row in told:
        number = properties["number"]
        assert row["lead_id"] == f"{client}-{number % 50}"
        assert row["name"] == names[number % len(names)]
        assert properties["word"] == WORD
        happened = FIRST_US + number * 1_000_000
        assert abs(row["occurred_at"] - happened) < 60_000_000, (number, row["occurred_at"])


@pytest.fixture(scope="module")
def for_all(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One service for all clients that it outlives."""
    path = tmp_path_factory.mktemp("clients")
    with live(f"sqlite:///{path / 'rung.db'}", folder / "rates", path) as running_one:
        yield running_one


@pytest.fixture
def service(for_all: Live) -> Live:
    """That service; what it is told from now on is new, also after a test that failed."""
    for_all.new_rows()
    return for_all


# ---------------------------------------------------------------------------------------- From npm


def node(client: str, process: Process, key: str) -> subprocess.Popen[str]:
    """Tells a service of events with a client from npm."""
    first = str(FIRST_US // 1000)
    return subprocess.Popen(
        ["node", NPM / "others.js", client, process.url, key, str(COUNT), first],
        env={**os.environ, "NODE_PATH": str(INSTALLED / "node_modules")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@needs_npm
@pytest.mark.parametrize(
    ("client", "names"),
    [
        ("rudder-node", NAMES),
        ("analytics-node", NAMES),
        ("customerio-node", NAMES),
        ("posthog-node", NAMES),
        ("cloudevents-js", ("Demo Requested",)),
    ],
)
def test_from_npm(service, client, names):
    """What each was told is stored once."""
    sending = node(client, service.process, service.key)
    said, _ = sending.communicate(timeout=120)
    assert sending.returncode == 0, said[-2000:]
    check(service.new_rows(), client, names)


# --------------------------------------------------------------------------------------- In Python


def _segment_like(client: Any, name: str) -> None:
    for number in range(COUNT):
        said = {"number": number, "word": WORD}
        who = {"user_id": f"{name}-{number % 50}", "timestamp": when(FIRST_US + number * 1_000_000)}
        calls = (
            functools.partial(client.track, event="Demo Requested", properties=said),
            functools.partial(client.identify, traits=said),
            functools.partial(client.page, name="Pricing", properties=said),
        )
        calls[number % 3](**who)
    client.join() if name == "customerio" else client.shutdown()


def _rudder(url: str, key: str) -> None:
    failures: list[object] = []
    client = rudderstack.analytics.client.Client(
        key, host=url, on_error=lambda *told: failures.append(told), max_queue_size=5000
    )
    _segment_like(client, "rudder")
    assert failures == []


def _customerio(url: str, key: str) -> None:
    failures: list[object] = []
    client = customerio.analytics.client.Client(
        key, host=url, on_error=lambda *told: failures.append(told), max_queue_size=5000
    )
    client.flush()
    _segment_like_flushed(client)
    assert failures == []


def _segment_like_flushed(client: Any) -> None:
    real = client.join
    client.join = lambda: (client.flush(), real())
    _segment_like(client, "customerio")


def _posthog(url: str, key: str) -> None:
    failures: list[object] = []
    client = Posthog(key, host=url, on_error=lambda *told: failures.append(told))
    for number in range(COUNT):
        said = {"number": number, "word": WORD}
        id_ = f"posthog-{number % 50}"
        at = when(FIRST_US + number * 1_000_000)
        if number % 3 == 0:
            client.capture("Demo Requested", distinct_id=id_, properties=said, timestamp=at)
        elif number % 3 == 1:
            client.set(distinct_id=id_, properties=said, timestamp=at)
        else:
            client.capture("$pageview", distinct_id=id_, properties=said, timestamp=at)
    client.shutdown()
    assert failures == []


@pytest.mark.parametrize(
    ("client", "send"), [("rudder", _rudder), ("customerio", _customerio), ("posthog", _posthog)]
)
def test_in_python(service, client: str, send: Callable[[str, str], None]):
    """What each was told is stored once."""
    send(service.process.url, service.key)
    check(service.new_rows(), client)


# ------------------------------------------------------------------------------------- In a browser

PAGES = {
    "segment": """<!doctype html><meta charset="utf-8"><script>
      window.analytics = [];
      for (const call of ["track", "identify", "page"]) {
        window.analytics[call] = (...said) => window.analytics.push([call, ...said]);
      }
      window.analytics._writeKey = "KEY";
      window.analytics._cdn = "URL";
    </script>
    <script src="/node_modules/@segment/analytics-next/dist/umd/standalone.js"></script><script>
      CALLS
    </script>""",
    "rudder": """<!doctype html><meta charset="utf-8">
    <script src="/node_modules/@rudderstack/analytics-js/dist/npm/modern/bundled/umd/index.js">
    </script><script>
      window.analytics = new window.rudderanalytics.RudderAnalytics();
      window.analytics.load("KEY", "URL", {configUrl: "URL", queueOptions: QUEUE});
      CALLS
    </script>""",
}
QUEUE = "{maxItems: 2000}"
"""RudderStack's client keeps 100 events at most while it waits, unless it is told otherwise."""
CALLS = """
  (async () => {
    for (let number = 0; number < COUNT; number += 1) {
      const said = {number, word: "WORD"};
      if (number % 3 === 0) window.analytics.track("Demo Requested", said);
      if (number % 3 === 1) window.analytics.identify("CLIENT", said);
      if (number % 3 === 2) window.analytics.page("Pricing", said);
      if (number % 10 === 9) await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
"""


@contextmanager
def site(page: Callable[[str], str]) -> Iterator[str]:
    """A web site of its own, with a page and npm's packages; its origin."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/":
                super().do_GET()
                return
            body = page("").encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    served = functools.partial(Handler, directory=str(INSTALLED))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), served)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def browsing(address: str, profile: Path) -> Iterator[None]:
    """A browser that looks at a page, for as long as the block lasts."""
    assert CHROMIUM is not None
    quiet = ("--no-first-run", "--disable-background-networking", "--disable-component-update")
    process = subprocess.Popen(
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-sync", *quiet),
            *("--disable-quic", f"--user-data-dir={profile}", "--remote-debugging-port=0", address),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def _page(client: str, url: str, key: str, queue: str) -> str:
    calls = CALLS.replace("COUNT", str(COUNT)).replace("WORD", WORD).replace("CLIENT", client)
    page = PAGES[client].replace('"KEY"', f'"{key}"').replace('"URL"', f'"{url}"')
    return page.replace("CALLS", calls).replace("QUEUE", queue)


def _numbers(url: str) -> list[int]:
    found = (json.loads(row["properties"]) for row in rows_of(url))
    return sorted(one["number"] for one in found if "number" in one)


@needs_npm
@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")
@pytest.mark.parametrize("client", PAGES)
def test_in_a_browser(folder, tmp_path, client):
    """A page of another site sends a thousand events; its visitor becomes the user it names."""
    url = f"sqlite:///{tmp_path / 'rung.db'}"
    settings = {"RUNG_BROWSER_RATE_LIMIT": "60"}  # it is told to wait, where it can send as fast
    holder: dict[str, str] = {}
    with site(lambda _: holder["page"]) as origin:
        key = key_of(url, origin)
        since = time.time_ns() // 1000 - 1_000_000
        with running(url, folder / "rates", tmp_path, **settings) as process:
            holder["page"] = _page(client, process.url, key, QUEUE)
            with browsing(f"{origin}/", tmp_path / "profile"):
                eventually(lambda: _numbers(url) == list(range(COUNT)) or len(_numbers(url)), 90)
    rows = rows_of(url)
    leads = set()
    for row in rows:
        told = json.loads(row["properties"])
        if "number" not in told:
            continue
        assert row["name"] == NAMES[told["number"] % 3]
        assert told["word"] == WORD
        assert since <= row["occurred_at"] <= row["known_at"]
        leads.add(row["lead_id"])
    with EventStore.open(url) as store:  # what came before `identify` is the visitor's
        assert {store.lead_of(one) for one in leads} == {client}


# --------------------------------------------------------------------------- Killed in mid-stream


@needs_npm
def test_a_server_client_through_a_kill(folder, tmp_path):
    """What a client was told while the service was killed, and started again, is there once."""
    url = f"sqlite:///{tmp_path / 'rung.db'}"
    key = key_of(url)
    with running(url, folder / "rates", tmp_path) as process:
        sending = node("posthog-node", process, key)
        eventually(lambda: len(rows_of(url)) > 20 or len(rows_of(url)))
        process.kill()
        process.start()
        said, _ = sending.communicate(timeout=120)
    assert sending.returncode == 0, said[-2000:]
    check(rows_of(url), "posthog-node")


@needs_npm
@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")
def test_a_page_through_a_kill(folder, tmp_path):
    """As above, of a page: its client keeps what it could not send, and tries again."""
    url = f"sqlite:///{tmp_path / 'rung.db'}"
    holder: dict[str, str] = {}
    with site(lambda _: holder["page"]) as origin:
        key = key_of(url, origin)
        settings = {"RUNG_BROWSER_RATE_LIMIT": "0"}
        with running(url, folder / "rates", tmp_path, **settings) as process:
            holder["page"] = _page("rudder", process.url, key, QUEUE)
            with browsing(f"{origin}/", tmp_path / "profile"):
                eventually(lambda: len(_numbers(url)) > 50 or len(_numbers(url)))
                process.kill()
                process.start()
                eventually(lambda: _numbers(url) == list(range(COUNT)) or len(_numbers(url)), 120)
