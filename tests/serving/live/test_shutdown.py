"""The service is asked to stop under load: it answers what it has begun, and ends well."""

from __future__ import annotations

import asyncio
import json
import os
import time
from dataclasses import dataclass, field

import httpx2
import pytest
import sqlalchemy as sa

from features.store.events import EventStore
from features.store.schema import deliveries, events
from serving import app as serving_app
from tests.serving.live.process import LocalServer, Process, QuietHandler, eventually

_CLIENTS = 8
_MOST_SECONDS = 15.0


@dataclass
class Told:
    """What clients were told of their events."""

    accepted: set[str] = field(default_factory=set)
    sent: set[str] = field(default_factory=set)
    statuses: set[int] = field(default_factory=set)
    refused_connections: int = 0


async def _client(url: str, number: int, told: Told) -> None:
    """Sends events until the service takes no connection any more."""
    for count in range(1_000_000):
        message_id = f"m-{number}-{count}"
        call = {"messageId": message_id, "userId": f"user-{number}", "event": "page_viewed"}
        told.sent.add(message_id)
        try:
            async with httpx2.AsyncClient(timeout=20) as client:
                answer = await client.post(f"{url}/v1/track", json=call)
        except httpx2.ConnectError:
            told.refused_connections += 1
            return
        except httpx2.TransportError:
            continue  # no answer, so nothing was promised
        told.statuses.add(answer.status_code)
        if answer.status_code == 200:
            assert answer.json()["accepted"] == 1
            told.accepted.add(message_id)


async def _stopped_under_load(process: Process, told: Told) -> tuple[int, float]:
    clients = [asyncio.create_task(_client(process.url, at, told)) for at in range(_CLIENTS)]
    await asyncio.sleep(1.0)
    while len(told.accepted) <= 10:  # on a busy machine it takes longer
        await asyncio.sleep(0.2)
    await asyncio.sleep(1.0)
    started = time.monotonic()
    code = await asyncio.to_thread(process.stop)
    seconds = time.monotonic() - started
    await asyncio.gather(*clients)
    return code, seconds


@pytest.mark.slow
def test_stopped_under_load(database_url, folder, tmp_path):
    """Whoever got an answer got a true one, nobody waits for long, and the exit code is 0."""
    process, told = Process(database_url, folder / "rates", tmp_path / "log"), Told()
    process.start()
    group = process.pid
    code, seconds = asyncio.run(_stopped_under_load(process, told))
    assert code == 0, process.said()
    with pytest.raises(ProcessLookupError):  # the process that scores has ended too
        os.killpg(group, 0)
    assert seconds < _MOST_SECONDS
    assert told.statuses <= {200, 503}
    assert len(told.accepted) > 10
    assert told.refused_connections == _CLIENTS
    with EventStore.open(database_url) as store, store.database.reading() as connection:
        stored = set(connection.scalars(sa.select(events.c.message_id)))
    assert told.accepted <= stored <= told.sent


@pytest.mark.slow
def test_a_delivery_under_way_is_finished(database_url, folder, tmp_path):
    """A notification that is being sent when the service stops is sent, and kept as delivered."""
    process = Process(database_url, folder / "rates", tmp_path / "log")
    with SlowReceiver(seconds=3.0) as receiver:
        process.start()
        made = httpx2.post(f"{process.url}/v1/webhooks", json={"url": receiver.url}).json()
        httpx2.post(f"{process.url}/v1/webhooks/{made['id']}/test").raise_for_status()
        eventually(lambda: receiver.begun == 1 or receiver.begun)
        started = time.monotonic()
        assert process.stop() == 0, process.said()
        assert time.monotonic() - started < _MOST_SECONDS
        assert (receiver.begun, receiver.done) == (1, 1)
    with EventStore.open(database_url) as store, store.database.reading() as connection:
        assert connection.scalar(sa.select(deliveries.c.delivered_at)) is not None


@pytest.mark.slow
def test_its_last_lines(folder, tmp_path):
    """From the first line to the last, what a process logs is JSON."""
    url = f"sqlite:///{tmp_path / 'rung.db'}"
    log = tmp_path / "log"
    process = Process(url, folder / "rates", log, RUNG_LOG_LEVEL="info")
    process.start()
    assert process.stop() == 0
    lines = [line for line in process.said().splitlines() if not line.startswith("no key")]
    said = [str(json.loads(line)["event"]) for line in lines]
    assert any(event.startswith("Finished server process") for event in said)


def test_work_that_does_not_end_is_left(monkeypatch, caplog):
    """A process does not wait for ever for what it is at; it says what that was."""
    monkeypatch.setattr(serving_app, "_END_SECONDS", 0.05)

    async def stubborn() -> None:
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(60)
        await asyncio.sleep(60)

    async def stop() -> None:
        work = asyncio.create_task(stubborn(), name="keep_stubborn")
        await asyncio.sleep(0)
        work.cancel()
        await serving_app._ended([work])
        work.cancel()

    asyncio.run(stop())
    (record,) = [
        one for one in caplog.records if one.getMessage() == "background work does not end"
    ]
    assert record.values == {"work": ["keep_stubborn"]}


class SlowReceiver(LocalServer):
    """Takes notifications, each for some seconds."""

    def __init__(self, seconds: float) -> None:
        self.begun = 0
        self.done = 0
        receiver = self

        class Handler(QuietHandler):
            def do_POST(self) -> None:
                receiver.begun += 1
                self.rfile.read(int(self.headers["Content-Length"]))
                time.sleep(seconds)
                receiver.done += 1
                self.send_response(204)
                self.end_headers()

        super().__init__(Handler, "/hook")
