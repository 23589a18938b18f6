"""What is due is claimed by one process, whatever its clock says."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
import sqlalchemy as sa

from features.store.database import Database
from features.store.schema import deliveries
from serving.notifications.claims import claimed
from tests.serving.notifications.receiver import (
    HOUR,
    SECOND,
    START,
    Reply,
    deliver_due,
    receiving,
    sending,
    settle,
)

_SECONDS = 60.0
"""Until something surely does not happen any more, however busy the machine is."""


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


@pytest.mark.parametrize("ahead", [120, HOUR // SECOND, 86_400, 29 * 86_400])
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
