"""The service is killed at random moments under load: nothing acknowledged is lost or doubled."""

from __future__ import annotations

import asyncio
import os
import random

import httpx2
import pytest

from features.store.events import EventStore
from tests.proofs import size, tell
from tests.serving.live.load import (
    Sent,
    is_complete,
    is_true,
    put_load,
    undelivered,
    was_told,
)
from tests.serving.live.process import Process, Receiver, eventually

KILLS = int(os.environ.get("PROOF_KILLS", "0")) or size(part=2, full=100)
_LEAST = 50
"""Events acknowledged before each."""


def _kind(url: str) -> str:
    return url.partition(":")[0].partition("+")[0]


async def _killed_under_load(process: Process, sent: Sent, draw: random.Random) -> None:
    """At a random moment, but not before some events were acknowledged."""
    enough = len(sent.acknowledged) + _LEAST
    loading = asyncio.create_task(put_load(process.url, sent, draw, 60.0))
    await asyncio.sleep(draw.uniform(0.05, 1.5))
    while len(sent.acknowledged) < enough and not loading.done():
        await asyncio.sleep(draw.uniform(0.001, 0.05))
    await asyncio.to_thread(process.kill)
    await loading


@pytest.mark.slow
def test_killed_at_random_moments(database_url, folder, tmp_path):
    """Acknowledged events are there once, notifications came with one id, the queue is true."""
    draw = random.Random(4)  # noqa: S311 not a secret
    sent = Sent()
    process = Process(database_url, folder / "rates", tmp_path / "log")
    with Receiver() as receiver:
        process.start()
        made = httpx2.post(f"{process.url}/v1/webhooks", json={"url": receiver.url})
        assert made.status_code == 201, made.text
        try:
            for _ in range(KILLS):
                asyncio.run(_killed_under_load(process, sent, draw))
                process.start()
            asyncio.run(put_load(process.url, sent, draw, 1.0))
            with EventStore.open(database_url) as store:
                eventually(lambda: store.marks.waiting()[0] == 0 or store.marks.waiting())
                eventually(lambda: undelivered(store) == 0 or undelivered(store))
        finally:
            if process.is_running:
                process.stop()
        assert set(sent.refused) <= {503}, sent.refused
        with EventStore.open(database_url) as store:
            is_complete(store, sent, least=_LEAST * KILLS)
            was_told(store, receiver)
            is_true(store, folder / "rates")
    tell(f"kill -9: acknowledged events kept, {_kind(database_url)}", 1.0, "all of them", KILLS)
