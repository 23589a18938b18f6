"""What comes of an attempt: when it is made again, and when an endpoint gets nothing more."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import replace

import pytest

from serving.notifications import delivery as subject
from serving.notifications.attempt import Answer
from serving.notifications.claims import RETRY_SECONDS, claimed
from serving.notifications.outcomes import give_up_old, keep
from serving.notifications.sender import Sender
from tests.serving.notifications.receiver import (
    HOUR,
    SECOND,
    START,
    Reply,
    always,
    deliver_due,
    receiving,
    sending,
)


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


def test_given_up_by_age(world):
    """After months without sending only what is new is sent; what is old is said to have failed."""

    async def run():
        async with receiving() as receiver, sending(world.database, world.clock) as sender:
            endpoint = world.endpoint(receiver)
            world.announce("old")
            world.clock.later(30 * 24 * 3600 + 1)
            world.announce("new")
            assert await deliver_due(sender) == 1
            assert give_up_old(world.database, world.clock()) == 1
            assert give_up_old(world.database, world.clock()) == 0
            row = world.row("old", endpoint)
            assert (row["due_at"], row["attempts"]) == (None, 0)
            assert row["error"] == "it was not delivered within 30 days"
            # Where only the clock was wrong it can be sent again, as long as it is there.
            world.clock.later(-24 * 3600)
            assert world.kept.replay(endpoint, ["old"]) == ["old"]
            assert await deliver_due(sender) == 1
            return [one.id for one in receiver.got]

    assert asyncio.run(run()) == ["new", "old"]


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
