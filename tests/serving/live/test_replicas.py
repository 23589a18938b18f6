"""Two processes on one PostgreSQL, under load: as one would, and through a change of the model."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from features.store.events import EventStore
from models.bundle import load_bundle, save_bundle
from tests.serving.live.load import Sent, is_complete, is_true, some_call, undelivered, was_told
from tests.serving.live.process import Process, Receiver, eventually, running

pytestmark = pytest.mark.slow

_SECONDS = 4.0
"""Of load, before and after a change."""
_LEAST = 5
"""Scores read of each process after a change, however slow the machine."""
_WRITERS = 4


@dataclass
class Seen:
    """What readers were answered: failures, and the models that served, by process."""

    failures: list[str] = field(default_factory=list)
    versions: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    count: int = 0


@dataclass
class Load:
    """What is asked of two processes, and what came of it."""

    urls: list[str]
    draw: random.Random = field(default_factory=lambda: random.Random(4))  # noqa: S311 not a secret
    sent: Sent = field(default_factory=Sent)
    seen: Seen = field(default_factory=Seen)
    answered: Counter[str] = field(default_factory=Counter)
    leads: list[str] = field(default_factory=list)


async def _write(load: Load, draw: random.Random, done: asyncio.Event) -> None:
    """Send every batch to both processes, to one after the other or to both at once."""
    async with httpx2.AsyncClient(timeout=30) as client:
        while not done.is_set():
            calls = [some_call(draw, draw.getrandbits(60)) for _ in range(draw.choice((1, 1, 15)))]
            order = draw.sample(load.urls, 2)
            sending = [client.post(f"{url}/v1/batch", json={"batch": calls}) for url in order]
            if draw.random() < 0.5:
                answers = await asyncio.gather(*sending)
            else:
                answers = [await one for one in sending]
            for answer in answers:
                _keep(load, calls, answer)


def _keep(load: Load, calls: list[dict[str, Any]], answer: httpx2.Response) -> None:
    if answer.status_code != 200:
        load.sent.refused[answer.status_code] += 1
        return
    told = answer.json()
    assert told["rejected"] == []
    load.answered.update(accepted=told["accepted"], duplicates=told["duplicates"])
    load.sent.acknowledged.update(call["messageId"] for call in calls)
    load.leads += [call.get("userId") or call["anonymousId"] for call in calls]


async def _read(load: Load, draw: random.Random, done: asyncio.Event) -> None:
    """Ask each process in turn for scores, the queue and recommendations."""
    async with httpx2.AsyncClient(timeout=30) as client:
        while not done.is_set():
            await asyncio.sleep(0.02)
            if not load.leads:
                continue
            url, lead = draw.choice(load.urls), draw.choice(load.leads)
            asked = draw.choice(
                (
                    ("GET", f"/v1/leads/{quote(lead)}/score", None),
                    ("GET", "/v1/queue?limit=5", None),
                    ("POST", "/v1/recommendations", {"lead_id": lead}),
                    ("POST", "/v1/scores:batch", {"leads": [lead]}),
                )
            )
            answer = await client.request(asked[0], url + asked[1], json=asked[2])
            load.seen.count += 1
            if answer.status_code != 200:
                load.seen.failures.append(f"{asked}: {answer.status_code} {answer.text[:300]}")
            elif asked[1].endswith("/score"):
                load.seen.versions[url].append(answer.json()["model"]["version"])


async def _under_load(load: Load, change: Callable[[], object]) -> None:
    """Load for some seconds before a change, while it happens, and for as long after it."""
    done = asyncio.Event()
    works = [_write] * _WRITERS + [_read] * 2
    seeds = [load.draw.random() for _ in works]
    working = [
        asyncio.create_task(work(load, random.Random(seed), done))  # noqa: S311 not a secret
        for work, seed in zip(works, seeds, strict=True)
    ]
    await asyncio.sleep(_SECONDS)
    await asyncio.to_thread(change)
    before = {url: len(load.seen.versions[url]) for url in load.urls}
    await asyncio.sleep(_SECONDS)
    while any(len(load.seen.versions[url]) < before[url] + _LEAST for url in load.urls):
        await asyncio.sleep(0.1)
    done.set()
    await asyncio.gather(*working)


@contextmanager
def _two(url: str, bundle: Path, path: Path) -> Iterator[list[Process]]:
    with running(url, bundle, path) as first, running(url, bundle, path) as second:
        yield [first, second]


def _is_settled(store: EventStore, bundle: str) -> object:
    """Whether no lead waits for a score, none has one of another model, and all has been told."""
    scores = store.scores
    waiting = store.marks.waiting()[0], scores.full_run()[1], undelivered(store)
    return (waiting == (0, "", 0) and not scores.has_others(bundle)) or waiting


def _serves(processes: list[Process], version: str) -> object:
    found = [_ready(process)["checks"]["model"] for process in processes]
    return all(text.startswith(version) for text in found) or found


def _ready(process: Process) -> dict[str, Any]:
    found: dict[str, Any] = httpx2.get(f"{process.url}/readyz").json()
    return found


def _told_once(receiver: Receiver) -> None:
    """Nothing is told under two ids, and nothing came twice."""
    assert set(receiver.received.values()) == {1}
    told = defaultdict(list)
    for id_, body in receiver.bodies.items():
        if body["type"] == "step.completed":
            told[body["data"]["lead_id"], body["data"]["step"]].append((id_, body))
    assert [bodies for bodies in told.values() if len(bodies) > 1] == []


@pytest.fixture
def bundle(folder: Path, tmp_path: Path) -> Path:
    """The folder that both processes look at."""
    return Path(shutil.copytree(folder / "rates", tmp_path / "bundle"))


def test_two_processes(postgresql_url, folder, bundle, tmp_path):
    """What is sent to both is stored and told once; a new model comes without a failed request."""
    former, latter = load_bundle(bundle), load_bundle(folder / "fitted")

    def torn() -> None:
        manifest = (folder / "fitted" / "manifest.json").read_text()
        (bundle / "manifest.json").write_text(manifest)

    def promoted() -> None:
        save_bundle(latter, bundle)
        eventually(lambda: _serves(processes, latter.version))

    with Receiver() as receiver, _two(postgresql_url, bundle, tmp_path) as processes:
        hook = httpx2.post(f"{processes[0].url}/v1/webhooks", json={"url": receiver.url})
        assert hook.status_code == 201, hook.text
        load = Load([process.url for process in processes])
        asyncio.run(_under_load(load, torn))
        assert load.seen.failures == []
        for versions in load.seen.versions.values():
            assert set(versions) == {former.version}
        asyncio.run(_under_load(load, promoted))
        with EventStore.open(postgresql_url) as store:
            eventually(lambda: _is_settled(store, latter.hash))
            _became(load, former.version, latter.version)
            assert load.sent.refused == Counter()
            is_complete(store, load.sent, least=500)
            assert load.answered["accepted"] == len(load.sent.acknowledged)
            was_told(store, receiver)
            is_true(store, bundle)
    _told_once(receiver)
    told = [one for one in receiver.bodies.values() if one["type"] == "model.promoted"]
    assert [one["data"]["model_version"] for one in told] == [latter.version]


def _became(load: Load, former: str, latter: str) -> None:
    """No request failed, and each process went from one model to the other, once."""
    assert load.seen.failures == []
    assert load.seen.count > 100
    for url in load.urls:
        versions = load.seen.versions[url]
        change = versions.index(latter)
        assert set(versions[:change]) == {former}
        assert set(versions[change:]) == {latter}
