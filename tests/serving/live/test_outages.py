"""The store goes away under load and comes back: 503 meanwhile, and nothing promised is lost."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import resource
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from features.store.events import EventStore
from tests.databases import started_server
from tests.proofs import size, tell
from tests.serving.live.load import Sent, is_complete, put_load
from tests.serving.live.process import Process

SECONDS = float(os.environ.get("PROOF_OUTAGE_SECONDS", "0")) or size(part=4, full=60)
_AWAY_SECONDS = 1.5
_READY_SECONDS = 5.0
_LEAST = 50
"""Events that are acknowledged, before, between and after outages."""

Outage = Callable[[], Any]
"""A context in which the store is away."""


# -------------------------------------------------------------------------------------- PostgreSQL


class OwnServer:
    """A PostgreSQL server that a test may stop."""

    def __init__(self, started: Any) -> None:
        self._server = started
        self.url: str = self._server.get_uri()
        self._engine = sa.create_engine(
            sa.make_url(self.url).set(drivername="postgresql+psycopg"),
            isolation_level="AUTOCOMMIT",
            poolclass=sa.NullPool,
            connect_args={"options": "-c default_transaction_read_only=off"},
        )

    def run(self, statement: str) -> None:
        with self._engine.connect() as connection:
            connection.exec_driver_sql(statement)

    @contextmanager
    def stopped(self, how: signal.Signals, seconds: float) -> Iterator[None]:
        pid = self._server.get_pid()
        assert pid is not None
        os.kill(pid, how)
        while Path(f"/proc/{pid}").exists():
            time.sleep(0.01)
        time.sleep(seconds)
        yield
        self._server.ensure_postgres_running()

    @contextmanager
    def immediately_stopped(self) -> Iterator[None]:
        with self.stopped(signal.SIGQUIT, _AWAY_SECONDS):
            yield

    @contextmanager
    def restarted(self) -> Iterator[None]:
        with self.stopped(signal.SIGINT, 0.0):
            yield

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """As a server that was the first one before a failover."""
        self.run("ALTER DATABASE postgres SET default_transaction_read_only = on")
        self.run(_CUT)
        time.sleep(_AWAY_SECONDS)
        yield
        self.run("ALTER DATABASE postgres SET default_transaction_read_only = off")

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        """Connections end in mid-query, again and again."""
        until = time.monotonic() + _AWAY_SECONDS
        while time.monotonic() < until:
            self.run(_CUT)
            time.sleep(0.02)
        yield


_CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@pytest.fixture(scope="module")
def own_server() -> Iterator[OwnServer]:
    with started_server() as started:
        yield OwnServer(started)


# ------------------------------------------------------------------------------------------ SQLite


def full_disk(process: Process) -> Outage:
    @contextmanager
    def outage() -> Iterator[None]:
        """No file of the service's grows."""
        soft, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        _limit(process, (1, hard))
        time.sleep(_AWAY_SECONDS)
        yield
        _limit(process, (soft, hard))

    return outage


def _limit(process: Process, limit: tuple[int, int]) -> None:
    """How large files may become; processes come and go, and who comes has its parent's limit."""
    for pid in _group(process.pid):
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limit)


def _group(leader: int) -> list[int]:
    """The processes of a group."""
    pids = [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()]
    return [pid for pid in pids if _group_of(pid) == leader]


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return -1


def vanished(folder: Path) -> Outage:
    @contextmanager
    def outage() -> Iterator[None]:
        """The folder is moved away, as when a disk is no longer there."""
        away = folder.with_name("away")
        folder.rename(away)
        time.sleep(_AWAY_SECONDS)
        yield
        away.rename(folder)

    return outage


# -------------------------------------------------------------------------------------------- Load


async def _read(url: str, answers: Counter[str], until: float) -> None:
    """Scores, next steps, the page and the metrics, as tools and people ask for them."""
    async with httpx2.AsyncClient(base_url=url, timeout=20) as client:
        person = 0
        while time.monotonic() < until:
            person = (person + 1) % 60
            for method, path, body in (
                ("GET", f"/v1/leads/user-{person}/score", None),
                ("POST", "/v1/recommendations", {"lead_id": f"user-{person}"}),
                ("GET", "/v1/queue", None),
                ("GET", "/metrics", None),
                ("GET", "/readyz", None),
            ):
                answer = await client.request(method, path, json=body)
                answers[f"{path.split('/user')[0]} {answer.status_code}"] += 1
                if answer.status_code == 503:
                    assert answer.headers["Retry-After"]


async def _with_outages(
    process: Process, outages: list[Outage], sent: Sent, answers: Counter[str]
) -> float:
    """Load for a while on each of some outages; the most seconds until it was ready again."""
    await _ready(process)
    seconds = SECONDS * len(outages)
    until = time.monotonic() + seconds
    draw = random.Random(11)  # noqa: S311 not a secret
    load = [
        asyncio.create_task(put_load(process.url, sent, draw, seconds)),
        asyncio.create_task(_read(process.url, answers, until)),
    ]
    slowest = 0.0
    for outage in itertools.cycle(outages):
        await asyncio.sleep(0.5)
        await asyncio.to_thread(_pass, outage)
        back = time.monotonic()
        await _ready(process)
        slowest = max(slowest, time.monotonic() - back)
        if time.monotonic() > until - _AWAY_SECONDS:
            break
    await asyncio.gather(*load)
    ends = time.monotonic() + 60
    while len(sent.acknowledged) < _LEAST and time.monotonic() < ends:  # on a busy machine
        await put_load(process.url, sent, draw, 1.0)
    return slowest


async def _ready(process: Process) -> None:
    until = time.monotonic() + 60
    async with httpx2.AsyncClient(base_url=process.url, timeout=20) as client:
        while (answer := await client.get("/readyz")).status_code != 200:
            assert time.monotonic() < until, answer.text + process.said()[-3000:]
            await asyncio.sleep(0.05)


def _pass(outage: Outage) -> None:
    with outage():
        pass


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_under_load(kind, own_server, folder, tmp_path):
    """No answer of 500, nothing lost or stored twice, ready again within five seconds."""
    home = tmp_path / "store"
    home.mkdir()
    url = f"sqlite:///{home / 'rung.db'}" if kind == "sqlite" else own_server.url
    process = Process(url, folder / "rates", tmp_path / "log")
    process.start()
    outages: list[Outage] = [full_disk(process), vanished(home)]
    if kind == "postgresql":
        stopped, restarted = own_server.immediately_stopped, own_server.restarted
        outages = [stopped, restarted, own_server.read_only, own_server.cut_off]
    sent, answers = Sent(), Counter[str]()
    try:
        slowest = asyncio.run(_with_outages(process, outages, sent, answers))
    finally:
        process.stop()
    assert set(sent.refused) == {503}, sent.refused
    assert {one.rpartition(" ")[2] for one in answers} <= {"200", "404", "503"}, answers
    assert answers["/readyz 503"]
    assert not answers["/metrics 503"]
    assert slowest < _READY_SECONDS
    assert "Traceback" not in process.said()
    assert ", line " not in process.said()  # nor one within a line of the log
    with EventStore.open(url) as store:
        is_complete(store, sent, least=_LEAST)
    tell(f"store away, {kind}: seconds until it was ready", slowest, "5 at most", len(outages))
