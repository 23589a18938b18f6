"""Delivery: at least once, each by one process, patient with receivers, and never for ever."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections import Counter
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from standardwebhooks import Webhook

from features.clock import now
from serving.notifications import delivery as subject
from serving.notifications.attempt import Answer
from serving.notifications.claims import claimed
from serving.notifications.delivery import keep_delivering
from serving.notifications.endpoints import Endpoints
from serving.settings import Settings
from tests.serving.callers import said_here
from tests.serving.notifications.receiver import (
    SECOND,
    START,
    Reply,
    World,
    announce,
    deliver_due,
    notice,
    receiving,
    sending,
)


def test_delivered(world):
    """What is due is sent once, to those that want it, and counts as delivered after a 2xx."""

    async def run():
        async with receiving() as receiver, sending(world.database, world.clock) as sender:
            wants = world.endpoint(receiver, types=["step.completed"])
            other = world.endpoint(receiver, types=["model.promoted"])
            world.announce("a")
            assert await deliver_due(sender) == 1
            assert await deliver_due(sender) == 0
            return wants, other, receiver.got

    wants, other, got = asyncio.run(run())
    row = world.row("a", wants)
    assert (row["status"], row["error"], row["attempts"]) == (200, None, 1)
    assert (row["delivered_at"], row["due_at"], row["leased_until"]) == (START, None, 0)
    assert world.kept.deliveries(other, 5) == []
    (one,) = got
    assert json.loads(one.body) == {
        "type": "step.completed",
        "timestamp": "2026-09-21T14:13:20Z",
        "data": {"lead_id": "lead-1"},
    }
    assert one.id == "a"
    assert one.headers["webhook-timestamp"] == "1790000000"


def test_verified_during_a_rotation(world):
    """The reference library accepts what arrives, with either secret for a day, then with one."""
    world.clock.at = now()

    async def run():
        async with receiving() as receiver, sending(world.database, world.clock) as sender:
            made, former = world.kept.add(receiver.url(), "", [])
            _, secret = world.kept.rotate(made.id)
            world.announce("a")
            await deliver_due(sender)
            world.clock.later(24 * 3600)
            world.announce("b")
            await deliver_due(sender)
            return former, secret, receiver.got

    former, secret, (during, after) = asyncio.run(run())
    for one in (former, secret):
        assert Webhook(one).verify(during.body, during.headers)["type"] == "step.completed"
    assert len(during.headers["webhook-signature"].split()) == 2
    assert len(after.headers["webhook-signature"].split()) == 1


@pytest.mark.parametrize("place", ["body_of", "signed_headers", "post"])
@pytest.mark.parametrize("error", [OverflowError("too large"), UnicodeError("no name"), KeyError()])
def test_an_error_of_ours_is_a_failed_attempt(world, monkeypatch, caplog, place, error):
    """Whatever an attempt fails with, it counts, says so, and the next is made after its pause."""
    true, calls = getattr(subject, place), []

    def fails(*given):
        calls.append(given)
        if len(calls) == 1:
            raise error
        return true(*given)

    monkeypatch.setattr(subject, place, fails)

    async def run():
        async with receiving() as receiver, sending(world.database, world.clock) as sender:
            endpoint = world.endpoint(receiver)
            world.announce("a")
            assert await deliver_due(sender) == 1
            failed = world.row("a", endpoint)
            assert await deliver_due(sender) == 0
            world.clock.later(5)
            assert await deliver_due(sender) == 1
            return failed, world.row("a", endpoint), sender.attempts

    with caplog.at_level(logging.ERROR, "rung"):
        failed, done, attempts = asyncio.run(run())
    name = type(error).__name__
    assert failed["error"] == f"an error of Rung's own, {name}; see its log"
    assert (failed["attempts"], failed["due_at"]) == (1, START + 5 * SECOND)
    assert (done["attempts"], done["delivered_at"]) == (2, START + 5 * SECOND)
    assert attempts == {"unanswered": 1, "delivered": 1}
    assert [one.message for one in said_here(caplog)] == ["delivery failed"]


def test_an_outcome_that_cannot_be_kept_is_a_failure(world, monkeypatch, caplog):
    """An answer that nobody can keep is kept as a failure without its particulars."""
    strange = Answer(503, error="a\0b" if not world.database.is_sqlite else "\ud800", wait=1.0)

    async def answer(*_):
        return strange

    monkeypatch.setattr(subject, "post", answer)

    async def run():
        async with receiving() as receiver, sending(world.database, world.clock) as sender:
            endpoint = world.endpoint(receiver)
            world.announce("a")
            await deliver_due(sender)
            return world.row("a", endpoint)

    with caplog.at_level(logging.ERROR, "rung"):
        row = asyncio.run(run())
    assert (row["attempts"], row["status"], row["due_at"]) == (1, 503, START + 5 * SECOND)
    assert row["error"].startswith("an error of Rung's own, ")


def test_replayed(world):
    """A replay is sent under the id that the receiver knows already."""

    async def run():
        async with receiving() as receiver, sending(world.database, world.clock) as sender:
            endpoint = world.endpoint(receiver)
            world.announce("a")
            await deliver_due(sender)
            world.clock.later(5)
            world.kept.replay(endpoint, ["a"])
            assert await deliver_due(sender) == 1
            return receiver.got

    first, second = asyncio.run(run())
    assert (first.id, first.body) == (second.id, second.body)


def test_no_secret_anywhere(world, caplog, monkeypatch):
    """A secret is in no log and in no error, not even where things go wrong."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(subject, "body_of", lambda *_: (_ for _ in ()).throw(OSError("broken")))

    async def run():
        async with receiving() as receiver, sending(world.database, world.clock) as sender:
            made, secret = world.kept.add(receiver.url(), "", [])
            _, second = world.kept.rotate(made.id)
            world.announce("a")
            (claim,) = claimed(sender, made.id)
            await subject._deliver(sender, claim)
            return repr(claim), secret, second

    printed, *secrets = asyncio.run(run())
    assert "delivery failed" in caplog.text
    for secret in secrets:
        assert secret.removeprefix("whsec_") not in caplog.text + printed


_SECONDS = 60.0
"""Until something surely does not happen any more, however busy the machine is."""


def service_of(database) -> Any:
    return SimpleNamespace(
        settings=Settings(webhook_private="allow"),
        store=SimpleNamespace(database=database),
        clock=now,
        attempts=Counter(),
        stopping=threading.Event(),
    )


async def until(claim):
    """Wait until something is so."""
    async with asyncio.timeout(_SECONDS):
        while not claim():
            await asyncio.sleep(0.005)


@pytest.fixture
def live(database):
    """A world whose clock is the true one."""
    world = World(database)
    world.kept = Endpoints(database, now)
    return world


def is_delivered(world, *pairs):
    return all(world.row(id_, endpoint)["delivered_at"] is not None for id_, endpoint in pairs)


@asynccontextmanager
async def delivering(service, monkeypatch, told=None):
    """The loop, and a call that tells it to end and waits until it claims nothing more."""
    ending, end = asyncio.Event(), subject._end

    async def ended(lanes):
        ending.set()
        await end(lanes)

    monkeypatch.setattr(subject, "_end", ended)
    running = asyncio.create_task(keep_delivering(service, told))

    async def stop():
        service.stopping.set()
        if told is not None:
            told.set()
        await asyncio.wait_for(ending.wait(), _SECONDS)

    yield stop
    # Not cancelled: a thread may still have a connection, and the database closes.
    await stop()
    await asyncio.wait_for(running, _SECONDS)


def test_loop(live, monkeypatch):
    """The loop delivers what is due, at once when told, and ends when told to stop."""
    rounds, fill = 0, subject._fill
    monkeypatch.setattr(subject, "_PAUSE_SECONDS", 10 * _SECONDS)  # it is no pause that ends

    async def counted(*given):
        nonlocal rounds
        await fill(*given)
        rounds += 1

    monkeypatch.setattr(subject, "_fill", counted)

    async def run():
        service, told = service_of(live.database), asyncio.Event()
        async with receiving() as receiver:
            endpoint = live.endpoint(receiver)
            async with delivering(service, monkeypatch, told):
                await until(lambda: rounds == 1)
                announce(live.database, [notice("a", now())])
                told.set()
                await until(lambda: is_delivered(live, ("a", endpoint)))

    asyncio.run(run())


def test_slow_endpoint(live, monkeypatch):
    """An endpoint that does not answer holds up no other, nor the end."""
    monkeypatch.setattr(subject, "_LAST_SECONDS", _SECONDS)
    gate = asyncio.Event()

    async def answering(got):
        if got.path == "/slow":
            await gate.wait()
        return Reply()

    async def run():
        service = service_of(live.database)
        async with receiving(answering) as receiver:
            slow, quick = live.endpoint(receiver, path="/slow"), live.endpoint(receiver)
            announce(live.database, [notice(f"n{at:02}", now()) for at in range(30)])
            async with delivering(service, monkeypatch) as stop:
                await until(lambda: len(live.kept.deliveries(quick, 50, "delivered")) == 30)
                await until(lambda: sum(got.path == "/slow" for got in receiver.got) == 8)
                assert live.kept.deliveries(slow, 50, "delivered") == []
                await stop()
                gate.set()
            paths = Counter(got.path for got in receiver.got)
        delivered = live.kept.deliveries(slow, 50, "delivered")
        assert len(delivered) == paths["/slow"] == 8

    asyncio.run(run())


def test_end_without_an_answer(live, monkeypatch):
    """What does not end in time is let go of, unkept: another process sends it again."""
    monkeypatch.setattr(subject, "_LAST_SECONDS", 0.1)

    async def never(_):
        await asyncio.sleep(10 * _SECONDS)
        return Reply()

    async def run():
        service = service_of(live.database)
        async with receiving(never) as receiver:
            endpoint = live.endpoint(receiver)
            announce(live.database, [notice("a", now())])
            async with delivering(service, monkeypatch):
                await until(lambda: receiver.got)
            return live.row("a", endpoint)

    row = asyncio.run(run())
    assert (row["attempts"], row["delivered_at"]) == (0, None)
    assert row["leased_until"] > now()


def test_loop_goes_on(live, monkeypatch, caplog):
    """A failure of the loop itself is logged, and the next round goes on."""
    to_fail = ["ready", "purge"]

    def failing(name):
        true = getattr(subject, name)

        def fail(asked, *arguments):
            # Services that other tests share deliver in the background: theirs does not fail.
            if name in to_fail and live.database in (asked, getattr(asked, "database", None)):
                to_fail.remove(name)
                raise OSError("gone")
            return true(asked, *arguments)

        return fail

    monkeypatch.setattr(subject, "_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(subject, "ready", failing("ready"))
    monkeypatch.setattr(subject, "purge", failing("purge"))

    async def run():
        async with receiving() as receiver:
            endpoint = live.endpoint(receiver)
            announce(live.database, [notice("a", now())])
            service = service_of(live.database)
            async with delivering(service, monkeypatch):
                await until(lambda: is_delivered(live, ("a", endpoint)))

    asyncio.run(run())
    assert sorted(record.getMessage() for record in caplog.records if record.exc_info) == [
        "deliveries cannot be read",
        "old notifications cannot be forgotten",
    ]


def test_loop_purges(live, monkeypatch, caplog):
    """The loop forgets what is old."""
    caplog.set_level(logging.INFO)
    announce(live.database, [notice("old", 1)])

    async def run():
        service = service_of(live.database)
        async with delivering(service, monkeypatch):
            await until(lambda: "old notifications forgotten" in caplog.text)

    asyncio.run(run())
    assert not live.types()
