"""Delivery: at least once, each by one process, patient with receivers, and never for ever."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import threading
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from standardwebhooks import Webhook

from features.clock import now
from features.store.database import Database
from features.store.schema import deliveries, notifications
from serving.notifications import delivery as subject
from serving.notifications.attempt import Answer
from serving.notifications.bodies import body_of
from serving.notifications.claims import RETRY_SECONDS, claimed
from serving.notifications.delivery import keep_delivering
from serving.notifications.endpoints import Endpoints
from serving.notifications.outcomes import keep
from serving.notifications.sender import Sender
from serving.settings import Settings
from tests.serving.callers import said_here
from tests.serving.notifications.receiver import (
    HOUR,
    SECOND,
    START,
    Clock,
    Reply,
    announce,
    deliver_due,
    delivery,
    notice,
    receiving,
    sending,
    settle,
)


class World:
    """A database, a clock, endpoints at a receiver."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = Clock()
        self.kept = Endpoints(database, self.clock)

    def endpoint(self, receiver, **options) -> str:
        options = {"description": "", "types": [], "path": "/hook", **options}
        url = receiver.url(path=options.pop("path"))
        return self.kept.add(url, **options)[0].id

    def announce(self, *ids: str) -> None:
        announce(self.database, [notice(id_, self.clock()) for id_ in ids])

    def row(self, notification_id: str, endpoint_id: str) -> sa.RowMapping:
        return delivery(self.database, notification_id, endpoint_id)

    def types(self) -> Counter[str]:
        with self.database.reading() as connection:
            return Counter(connection.scalars(sa.select(notifications.c.type)))


@pytest.fixture
def world(database):
    return World(database)


def always(status, **headers):
    return lambda _: Reply(status, {name.replace("_", "-"): one for name, one in headers.items()})


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


def test_nothing_before_it_is_due(world):
    """What is due later waits until then."""

    async def run():
        async with receiving() as receiver, sending(world.database, world.clock) as sender:
            world.endpoint(receiver)
            world.announce("a")
            world.clock.at -= 1
            assert await deliver_due(sender) == 0
            world.clock.at += 1
            assert await deliver_due(sender) == 1

    asyncio.run(run())


def test_retries(world):
    """A failure is tried again after each pause of the table, under the same id and a new time."""

    async def run():
        async with (
            receiving(always(500)) as receiver,
            sending(world.database, world.clock) as sender,
        ):
            endpoint = world.endpoint(receiver)
            world.announce("a")
            for made, pause in enumerate(RETRY_SECONDS):
                world.clock.later(pause - 1 if pause else 0)
                assert await deliver_due(sender) == (0 if pause else 1)
                if pause:
                    world.clock.later(1)
                    assert await deliver_due(sender) == 1
                row = world.row("a", endpoint)
                assert (row["attempts"], row["status"]) == (made + 1, 500)
                assert row["error"] == "answered 500"
            return endpoint, receiver.got

    endpoint, got = asyncio.run(run())
    assert [*RETRY_SECONDS] == [0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    assert world.row("a", endpoint)["due_at"] is None
    assert {one.id for one in got} == {"a"}
    assert len({one.body for one in got}) == 1
    assert len({one.headers["webhook-timestamp"] for one in got}) == len(RETRY_SECONDS) == 10


def test_jitter(world):
    """A pause gets longer by up to a tenth, never shorter."""

    async def run(jitter):
        async with (
            receiving(always(500)) as receiver,
            sending(world.database, world.clock) as sender,
        ):
            endpoint = world.endpoint(receiver)
            world.announce(f"a{jitter}")
            await deliver_due(replace(sender, jitter=lambda: jitter))
            return world.row(f"a{jitter}", endpoint)["due_at"] - world.clock()

    assert asyncio.run(run(0.0)) == 5 * SECOND
    assert asyncio.run(run(0.99)) == pytest.approx(5.495 * SECOND)


def test_own_jitter(world):
    """Pauses are drawn without a hand on the source of random numbers that all share."""

    async def run():
        async with (
            receiving(always(500)) as receiver,
            sending(world.database, world.clock) as quiet,
        ):
            sender = Sender(quiet.database, quiet.client, quiet.clock)
            endpoint = world.endpoint(receiver)
            world.announce("a")
            before = random.getstate()
            await deliver_due(sender)
            drawn = {sender.jitter() for _ in range(9)}
            assert random.getstate() == before
            return world.row("a", endpoint)["due_at"] - world.clock(), drawn

    pause, drawn = asyncio.run(run())
    assert 5 * SECOND <= pause < 5.5 * SECOND
    assert len(drawn) == 9
    assert all(0 <= one < 1 for one in drawn)


def test_given_up(world):
    """An endpoint that took nothing through all attempts is disabled, and others are told."""

    async def run():
        async with (
            receiving(always(500)) as receiver,
            receiving() as well,
            sending(world.database, world.clock) as sender,
        ):
            dead, other = world.endpoint(receiver), world.endpoint(well)
            world.announce("a")
            for pause in RETRY_SECONDS:
                assert world.kept.one(dead).disabled_at is None
                world.clock.later(pause)
                await deliver_due(sender)
            world.announce("b")
            await deliver_due(sender)
            return dead, other, receiver.got, well.got

    dead, other, got, told = asyncio.run(run())
    assert world.kept.one(other).disabled_at is None
    off = world.kept.one(dead)
    assert off.disabled_at == world.clock()
    assert off.disabled_why == "nothing was delivered in 10 attempts; the last one: answered 500"
    assert len(got) == 10
    bodies = [json.loads(one.body) for one in told]
    (disabled,) = [body for body in bodies if body["type"] == "webhook.disabled"]
    assert disabled["data"] == {"endpoint_id": dead, "why": off.disabled_why}
    assert {one.id for one in told} >= {"a", "b"}


def test_one_bad_notification(world):
    """An endpoint that takes all but one notification stays on; that one has failed."""

    async def run():
        async with (
            receiving(lambda got: Reply(500 if got.id == "bad" else 200)) as receiver,
            sending(world.database, world.clock) as sender,
        ):
            endpoint = world.endpoint(receiver)
            world.announce("bad", "good")
            for pause in RETRY_SECONDS:
                world.clock.later(pause)
                await deliver_due(sender)
            return endpoint

    endpoint = asyncio.run(run())
    assert world.kept.one(endpoint).disabled_at is None
    assert [one.notification_id for one in world.kept.deliveries(endpoint, 5, "failed")] == ["bad"]


def test_gone(world):
    """A 410 disables the endpoint at once; nothing that waits is sent."""

    async def run():
        async with (
            receiving(always(410)) as receiver,
            sending(world.database, world.clock) as sender,
        ):
            gone = world.endpoint(receiver)
            world.announce("a")
            await deliver_due(sender)
            world.clock.later(3600)
            await deliver_due(sender)
            return gone, receiver.got

    gone, got = asyncio.run(run())
    assert world.kept.one(gone).disabled_why == "it answered 410, that it is gone"
    assert len(got) == 1
    assert world.types()["webhook.disabled"] == 1
    assert world.kept.deliveries(gone, 5)[0].state == "failed"


def test_gone_for_many(world):
    """Several answers of 410 at once disable an endpoint once, and are told once."""

    async def run():
        async with (
            receiving(always(410)) as receiver,
            sending(world.database, world.clock) as sender,
        ):
            gone = world.endpoint(receiver)
            world.announce(*"abcdefghijklmnop")
            await deliver_due(sender)
            return gone

    gone = asyncio.run(run())
    assert {one.state for one in world.kept.deliveries(gone, 50)} == {"failed"}
    assert world.types()["webhook.disabled"] == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("Mon, 21 Sep 2026 14:23:20 GMT", 600),
        ("999999", 86_400),
        ("2", 2),
        (None, 5),
    ],
)
def test_throttled(world, status, header, seconds):
    """An endpoint that asks for a pause gets nothing in it, neither old nor new."""

    async def run():
        answering = always(status, **({"Retry_After": header} if header else {}))
        async with (
            receiving(answering) as receiver,
            receiving() as other,
            sending(world.database, world.clock) as sender,
        ):
            endpoint = world.endpoint(receiver)
            world.endpoint(other)
            world.announce("a")
            assert await deliver_due(sender) == 2
            world.announce("b")
            world.clock.later(seconds - 0.001)
            assert await deliver_due(sender) == 1
            assert [one.id for one in receiver.got] == ["a"]
            assert [one.id for one in other.got] == ["a", "b"]
            assert world.row("a", endpoint)["due_at"] == START + max(seconds, 5) * SECOND
            world.clock.later(0.001)
            assert await deliver_due(sender) == (1 if seconds < 5 else 2)

    asyncio.run(run())


def test_throttled_for_all_processes(world):
    """What waits for an endpoint that asked for a pause is put off in the database."""

    async def run():
        async with (
            receiving(always(429, Retry_After="3600")) as receiver,
            sending(world.database, world.clock) as sender,
            sending(world.database, world.clock) as other,
        ):
            endpoint = world.endpoint(receiver)
            world.announce(*(f"n{at:02}" for at in range(20)))
            assert await deliver_due(sender) == 8
            assert await deliver_due(other) == 0
            return endpoint

    endpoint = asyncio.run(run())
    assert {one.due_at for one in world.kept.deliveries(endpoint, 50)} == {START + HOUR}


def test_retry_after_of_another_failure(world):
    """Retry-After counts for the statuses that ask for a pause, for no other."""

    async def run():
        async with (
            receiving(always(500, Retry_After="3600")) as receiver,
            sending(world.database, world.clock) as sender,
        ):
            endpoint = world.endpoint(receiver)
            world.announce("a")
            await deliver_due(sender)
            return world.row("a", endpoint)

    assert asyncio.run(run())["due_at"] == START + 5 * SECOND


@pytest.mark.parametrize(
    "header",
    [
        "Fri, 31 Dec 99999999999 23:59:59 GMT",
        "Fri, 31 Dec 2026 99999999999:59:59 GMT",
        "1e400",
        "-86400",
        "Wed, 99 Foo",
    ],
)
def test_retry_after_of_any_shape(world, header):
    """A pause that cannot be read is the usual one; the attempt is counted, and the last ends."""

    async def run():
        async with (
            receiving(always(429, Retry_After=header)) as receiver,
            sending(world.database, world.clock) as sender,
        ):
            endpoint = world.endpoint(receiver)
            world.announce("a")
            await deliver_due(sender)
            first = world.row("a", endpoint)
            for seconds in RETRY_SECONDS[1:]:
                world.clock.later(seconds)
                await deliver_due(sender)
            return first, world.row("a", endpoint), sender.attempts

    first, last, attempts = asyncio.run(run())
    assert (first["attempts"], first["status"]) == (1, 429)
    assert (first["due_at"], first["error"]) == (START + 5 * SECOND, "answered 429")
    assert (last["attempts"], last["due_at"]) == (len(RETRY_SECONDS), None)
    assert attempts == {"throttled": len(RETRY_SECONDS)}


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


def test_kept_only_after_the_answer(world, monkeypatch, caplog):
    """What was sent and not kept is sent again, under the same id, when the claim has run out."""
    true = keep
    monkeypatch.setattr(subject, "keep", lambda *_: (_ for _ in ()).throw(OSError("killed")))

    async def run():
        async with receiving() as receiver, sending(world.database, world.clock) as sender:
            endpoint = world.endpoint(receiver)
            world.announce("a")
            await deliver_due(sender)
            assert world.row("a", endpoint)["delivered_at"] is None
            monkeypatch.setattr(subject, "keep", true)
            world.clock.later(59.999)
            assert await deliver_due(sender) == 0
            world.clock.later(0.001)
            assert await deliver_due(sender) == 1
            assert world.row("a", endpoint)["delivered_at"] == world.clock()
            return receiver.got

    first, second = asyncio.run(run())
    assert (first.id, first.body) == (second.id, second.body)
    assert [record.getMessage() for record in caplog.records if record.exc_info] == [
        "delivery failed"
    ]


@pytest.mark.parametrize("ahead", [120, HOUR // SECOND, 86_400, 400 * 86_400])
@pytest.mark.parametrize("status", [500, 429])
def test_a_clock_that_was_ahead(world, ahead, status):
    """Attempts, claims, pauses and notifications of the future are due as soon as it is over."""
    answers = [Reply(status, {"Retry-After": "60"})]

    async def run():
        async with (
            receiving(lambda _: answers.pop() if answers else Reply()) as receiver,
            sending(world.database, world.clock) as sender,
        ):
            endpoint = world.endpoint(receiver)
            world.announce("before")
            world.clock.later(ahead)
            assert await deliver_due(sender) == 1  # it fails, and is put off
            world.announce("then")
            assert len(claimed(sender, endpoint)) == 1
            world.clock.later(1 - ahead)
            assert await deliver_due(sender) == 2
            return [world.row(one, endpoint) for one in ("before", "then")]

    before, then = asyncio.run(run())
    assert (before["attempts"], before["delivered_at"]) == (2, START + SECOND)
    assert (then["attempts"], then["delivered_at"]) == (1, START + SECOND)


def test_a_claim_of_a_clock_that_was_ahead_can_be_replayed(world):
    """Nobody is at work on what was claimed until far in the future."""

    async def run():
        async with receiving() as receiver, sending(world.database, world.clock) as sender:
            endpoint = world.endpoint(receiver)
            world.announce("a")
            settle(world.database, "a", endpoint, leased_until=START + 86_400 * SECOND)
            assert world.kept.replay(endpoint, ["a"]) == ["a"]
            assert await deliver_due(sender) == 1

    asyncio.run(run())


def test_late_answers(world):
    """After a claim has run out a failure no longer counts, and a success still does."""

    async def run():
        async with receiving() as receiver, sending(world.database, world.clock) as sender:
            endpoint = world.endpoint(receiver)
            world.announce("a")
            (late,) = claimed(sender, endpoint)
            world.clock.later(61)
            (current,) = claimed(sender, endpoint)
            keep(sender, late, Answer(500, "answered 500"))
            row = world.row("a", endpoint)
            assert (row["attempts"], row["leased_until"]) == (0, current.leased_until)
            keep(sender, late, Answer(200))
            keep(sender, current, Answer(500, "answered 500"))
            return world.row("a", endpoint)

    row = asyncio.run(run())
    assert (row["delivered_at"], row["status"], row["due_at"]) == (world.clock(), 200, None)


def test_two_workers(world, database_url):
    """Two workers on one database send each notification once, and between them all of it."""

    async def run(second):
        async with (
            receiving() as receiver,
            sending(world.database, world.clock) as one,
            sending(second, world.clock) as other,
        ):
            ids = [f"n{at:03}" for at in range(60)]
            endpoints = [world.endpoint(receiver, path=f"/{at}") for at in range(3)]
            world.announce(*ids)
            while sum(await asyncio.gather(deliver_due(one), deliver_due(other))):
                pass
            sent = Counter((got.path, got.id) for got in receiver.got)
            assert sent == Counter(
                {(f"/{at}", id_): 1 for at in range(len(endpoints)) for id_ in ids}
            )

    with Database.open(database_url) as second:
        asyncio.run(run(second))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_no_worker_waits_for_another(world, database_url):
    """A worker takes what another one is not claiming right now, without waiting for it.

    SQLite lets one writer at a time in, so there is nothing to see there.
    """

    async def run(second):
        async with (
            receiving() as receiver,
            sending(second, world.clock) as sender,
        ):
            endpoint = world.endpoint(receiver)
            world.announce(*(f"n{at:02}" for at in range(12)))
            with world.database.writing() as connection:
                first = (
                    sa.select(deliveries.c.notification_id)
                    .order_by(deliveries.c.notification_id)
                    .limit(8)
                    .with_for_update()
                )
                held = set(connection.scalars(first))
                claims = await asyncio.wait_for(
                    asyncio.to_thread(claimed, sender, endpoint), _SECONDS
                )
            assert {one.notification_id for one in claims} == {"n08", "n09", "n10", "n11"}
            assert len(held) == 8

    with Database.open(database_url) as second:
        asyncio.run(run(second))


def test_removed_meanwhile(world):
    """What comes of an attempt at an endpoint that was removed meanwhile is forgotten."""

    async def run():
        async with (
            receiving(always(500)) as receiver,
            sending(world.database, world.clock) as sender,
        ):
            endpoint = world.endpoint(receiver)
            world.announce("a")
            (claim,) = claimed(sender, endpoint)
            world.kept.remove(endpoint)
            await subject._deliver(sender, claim)
            assert len(receiver.got) == 1

    asyncio.run(run())
    assert world.kept.all() == []


def test_disabled_meanwhile(world):
    """A failure at an endpoint that was disabled meanwhile is not tried again."""

    async def run():
        async with (
            receiving(always(500)) as receiver,
            sending(world.database, world.clock) as sender,
        ):
            endpoint = world.endpoint(receiver)
            world.announce("a")
            (claim,) = claimed(sender, endpoint)
            world.kept.change(endpoint, enabled=False)
            await subject._deliver(sender, claim)
            return endpoint

    endpoint = asyncio.run(run())
    assert world.row("a", endpoint)["due_at"] is None
    assert world.kept.one(endpoint).disabled_why == "on request"
    assert world.types()["webhook.disabled"] == 0


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


# ------------------------------------------------------------------------------------------- Bodies


def test_body():
    """The data stands in the body as it is kept."""
    body = body_of("step.completed", "ann", START, '{"text": "ä \\ud800"}')
    assert body == (
        b'{"type":"step.completed","timestamp":"2026-09-21T14:13:20Z",'
        b'"data":{"text": "\xc3\xa4 \\ud800"}}'
    )


@pytest.mark.parametrize("size", [19_000, 19_940, 20_000, 40_000])
def test_body_size(size):
    """A body is below 20 KB; too long data is left out, and the body says so."""
    data = json.dumps({"lead_id": "ann", "text": "x" * size})
    body = body_of("step.completed", "ann", START, data)
    assert len(body) < 20_000
    short = size < 19_900
    found = json.loads(body)["data"]
    assert found == (json.loads(data) if short else {"lead_id": "ann", "omitted": True})


# ----------------------------------------------------------------------------------------- The loop


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
