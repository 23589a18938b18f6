"""`rung demo`, from nothing."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from features.reading import read_events
from models.bundle import load_bundle
from serving.app import create_app
from serving.settings import Settings
from tests.rung.scene import call, done
from tests.serving.browser import CHROMIUM, driven, opened, served
from tests.serving.conftest import wait_until_scored

MOST_BYTES = 100_000
"""Of a page, before it is compressed; a timeline may have more."""
TABS = tuple(f"/?tab={tab}" for tab in ("reply", "talk", "mine", "marketing", "quiet"))
PAGES = ("/", *TABS, "/ladder", "/ladder/causes", "/experiments", "/models", "/settings")


def demo(where: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """The demo as a user types it in a folder."""
    found = subprocess.run(
        [sys.executable, "-m", "rung", "demo", "--once", *more],
        cwd=where,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert found.returncode == 0, found.stderr
    return found


@pytest.mark.slow
def test_demo(tmp_path):
    """`rung demo --once` makes everything from nothing and prints the top of a queue."""
    found = demo(tmp_path, "--leads", "150")
    assert "The top of the queue" in found.stdout
    assert "  1. " in found.stdout
    assert "rung-b2b version 1" in found.stdout
    folder = tmp_path / "artifacts" / "demo"
    assert {path.name for path in tmp_path.iterdir()} == {"artifacts"}
    made = {"bundle", "report", "events.parquet", "events.db", "mlflow.db", "ladder.toml"}
    assert made <= {path.name for path in folder.iterdir()}
    log, _ = read_events(f"sqlite:///{folder / 'events.db'}", load_bundle(folder / "bundle").ladder)
    assert len(log.leads) == 150


def test_a_demo_that_could_not_be_looked_at_is_not_begun(tmp_path, monkeypatch):
    """Where its port is taken that is said at once, and not after the simulation."""
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as other:
        said = call("demo", "--port", str(other.getsockname()[1]))
    assert said.code == 1
    assert "another program answers at 127.0.0.1" in said.err
    assert "(--port)" in said.err
    assert not list(tmp_path.iterdir())


def sizes(client: TestClient, most: int = 140) -> Iterator[tuple[str, int]]:
    """The addresses of pages that a reader comes to from the first ones, with their bytes."""
    seen, open_ = set(PAGES), [*PAGES]
    while open_ and most:
        address, most = open_.pop(0), most - 1
        answer = client.get(address, headers={"Accept-Encoding": "identity"})
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        yield address, len(answer.content)
        links = map(unescape, re.findall(r'<a [^>]*href="(/[^"#]*)', answer.text))
        new = [one for one in dict.fromkeys(links) if one not in seen and "csv" not in one]
        seen.update(new)
        further = [one for one in new if "cursor=" in one]
        open_ = [*further, *open_, *(one for one in new if one not in further)]


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> FastAPI:
    """The service of a demo, with all looks taken; with enough leads for pages that are full."""
    where = tmp_path_factory.mktemp("demo")
    demo(where, "--leads", "600")
    folder = where / "artifacts" / "demo"
    url, bundle = f"sqlite:///{folder / 'events.db'}", folder / "bundle"
    done("funnel", url, "--bundle", bundle)
    done("champion", "judge", url, "--bundle", bundle)
    return create_app(Settings(url, bundle, rescore_seconds=3600.0))


@pytest.mark.slow
def test_no_page_of_the_demo_is_heavy(app):
    """Whatever a reader comes to in the store of a demo."""
    here = "http://127.0.0.1:8000"
    with TestClient(app, base_url=here, client=("127.0.0.1", 50_000)) as client:
        wait_until_scored(app.state.service)
        found = dict(sizes(client))
    kinds = {re.sub(r"[?].*", "", one).split("/")[1] for one in found}
    assert {"", "leads", "ladder", "experiments", "models", "settings"} <= kinds
    assert sum(one.startswith("/leads/") for one in found) > 40
    assert sum("cursor=" in one for one in found) > 5
    assert {one: size for one, size in found.items() if size >= MOST_BYTES} == {}
    assert max(size for one, size in found.items() if one.startswith("/?")) > MOST_BYTES // 2


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here to look at the pages with")
def test_eight_leads_of_the_demo_stand_on_the_first_screen(app):
    """On a laptop, whole, by the height of a row: how many are to be called depends on the day."""
    with served(app) as address, driven() as browser, opened(browser, address) as sheet:
        wait_until_scored(app.state.service)
        heights = []
        for tab in ("talk", "marketing"):
            sheet.goto(f"/?tab={tab}")
            rows = sheet.locator("#rows > .lead").all()
            heights += [row.bounding_box()["height"] for row in rows]
            first = rows[0].bounding_box()["y"]
        assert len(heights) > 20
        assert first + 7.5 * sum(heights) / len(heights) <= 800  # those of mails say more
