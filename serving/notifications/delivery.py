"""Delivers notifications: claims what is due, sends it, and keeps what came of it.

A delivery counts as done after a 2xx that is kept, so one whose sender dies in between is sent
again, under the same id. Processes share the work through leases: a claim holds for a minute, and
no attempt lasts so long. Clocks of different machines may differ by half of that.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import httpx2
import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool

from features.clock import SKEW_US, is_over
from features.errors import StoreError
from features.store.database import Database, over
from features.store.kept.notifications import Notice, add_notices
from features.store.schema import deliveries, endpoints, notifications
from serving.edge.logs import log, log_failure
from serving.notifications.addresses import AddressRule
from serving.notifications.attempt import Answer, new_client, post
from serving.notifications.bodies import body_of, fill
from serving.notifications.endpoints import LEASE_US, lock, turn_off
from serving.notifications.errors import UnknownEndpoint
from serving.notifications.signature import signed_headers
from serving.process.service import Service

__all__ = ["RETRY_SECONDS", "Sender", "keep_delivering", "purge"]

RETRY_SECONDS: Final = (
    *(0, 5, 5 * 60, 30 * 60),
    *(hours * 3600 for hours in (2, 5, 10, 14, 20, 24)),
)
"""The pause before each attempt; after the last one a delivery has failed."""
_JITTER: Final = 0.1
"""A pause gets longer by up to this share, so that retries do not come all at once."""
_THROTTLING: Final = frozenset({429, 502, 503, 504})
_GONE: Final = 410
_THROTTLE_SECONDS: Final = 300.0
"""The longest pause of an endpoint that asks for one and does not say how long."""
_AT_ONCE: Final = 8
"""Deliveries to one endpoint at the same time, of one process."""
_SECOND_US: Final = 1_000_000
_LONGEST_US: Final = round(RETRY_SECONDS[-1] * (1.0 + _JITTER) * _SECOND_US)
"""The longest that a delivery waits for its next attempt."""
_KEPT_US: Final = 30 * 86_400 * _SECOND_US
_PURGED_AT_ONCE: Final = 500
_PURGE_PAUSE_US: Final = 3_600 * _SECOND_US
_PAUSE_SECONDS: Final = 1.0
_LAST_SECONDS: Final = 10.0


def _own_source() -> random.Random:
    return random.Random()  # noqa: S311 - it spreads attempts, and keeps no secret


@dataclass(frozen=True, slots=True)
class Sender:
    """What it takes to deliver.

    Parameters
    ----------
    clock : the present in microseconds since the epoch.
    jitter : a number in [0, 1), another one each time. Its source is the sender's own: who seeds
        or watches that of `random`, as Hypothesis does, has it to itself.
    timeout_seconds : of one attempt, at most 30: a claim must outlast it.
    paused : endpoints that asked for a pause, until when, and how long it is; in microseconds.
    closing : set to claim nothing more.
    attempts : counted by outcome.
    """

    database: Database
    client: httpx2.AsyncClient
    clock: Callable[[], int]
    jitter: Callable[[], float] = field(default_factory=lambda: _own_source().random)
    timeout_seconds: float = 20.0
    paused: dict[str, tuple[int, int]] = field(default_factory=dict)
    closing: threading.Event = field(default_factory=threading.Event)
    attempts: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, service: Service) -> Sender:
        """The sender of a running service."""
        private = service.settings.webhook_private == "allow"
        client = new_client(AddressRule(private))
        return cls(service.store.database, client, service.clock, attempts=service.attempts)

    def may_claim(self, endpoint_id: str) -> bool:
        """Whether something may be sent to an endpoint now."""
        until, wait = self.paused.get(endpoint_id, (0, 0))
        return not self.closing.is_set() and is_over(until, self.clock(), wait)


async def keep_delivering(service: Service, told: asyncio.Event | None = None) -> None:
    """Deliver what is due, every second and whenever `told` is set, until cancelled or stopping.

    Then nothing more is claimed, and what is being sent has ten seconds to end.
    """
    sender = Sender.of(service)
    lanes: dict[str, asyncio.Task[None]] = {}
    purge_at = 0
    try:
        while not service.stopping.is_set():
            await _fill(sender, lanes)
            if is_over(purge_at, sender.clock(), _PURGE_PAUSE_US):
                purge_at = sender.clock() + _PURGE_PAUSE_US
                await run_in_threadpool(_purge_quietly, sender)
            await _told(told)
    finally:
        sender.closing.set()
        await _end(lanes)
        await sender.client.aclose()


# -------------------------------------------------------------------------------------------- Lanes


async def _fill(sender: Sender, lanes: dict[str, asyncio.Task[None]]) -> None:
    """Start a lane for each endpoint that something is due for: a slow one holds up no other."""
    for endpoint_id in [one for one, lane in lanes.items() if lane.done()]:
        del lanes[endpoint_id]
    try:
        ready = await run_in_threadpool(_ready, sender)
    except Exception as error:  # the edge of the process: nobody else would hear of it
        log_failure("deliveries cannot be read", error)
        return
    for endpoint_id in ready:
        if endpoint_id not in lanes and sender.may_claim(endpoint_id):
            lanes[endpoint_id] = asyncio.create_task(_lane(sender, endpoint_id))


async def _lane(sender: Sender, endpoint_id: str) -> None:
    """Batch after batch to one endpoint, while something is due."""
    try:
        while sender.may_claim(endpoint_id) and await _batch(sender, endpoint_id):
            pass
    except Exception as error:  # likewise
        log_failure("delivery failed", error, endpoint=endpoint_id)


async def _told(told: asyncio.Event | None) -> None:
    """Wait for a second, or until told."""
    if told is None:
        await asyncio.sleep(_PAUSE_SECONDS)
        return
    with suppress(TimeoutError):
        await asyncio.wait_for(told.wait(), _PAUSE_SECONDS)
    told.clear()


async def _end(lanes: dict[str, asyncio.Task[None]]) -> None:
    """Wait for what is being sent, and let go of what does not end: its claim runs out."""
    if not lanes:
        return
    _, left = await asyncio.wait(lanes.values(), timeout=_LAST_SECONDS)
    for lane in left:
        lane.cancel()
    await asyncio.gather(*left, return_exceptions=True)


async def _batch(sender: Sender, endpoint_id: str) -> int:
    """Send some of what is due for one endpoint; how many."""
    claims = await run_in_threadpool(_claimed, sender, endpoint_id)
    await asyncio.gather(*(_deliver(sender, claim) for claim in claims))
    return len(claims)


async def _deliver(sender: Sender, claim: _Claim) -> None:
    """One attempt, and what came of it, kept: whatever went wrong, it counts."""
    try:
        answer = await _attempted(sender, claim)
    except Exception as error:  # ours: uncounted, it would be made again without end
        answer = _failed_here(claim, None, error)
    sender.attempts[_outcome(answer)] += 1
    try:
        await run_in_threadpool(_keep, sender, claim, answer)
    except Exception as error:  # likewise
        await _keep_after(sender, claim, answer, error)


async def _attempted(sender: Sender, claim: _Claim) -> Answer:
    at = sender.clock()
    body = body_of(claim.type, claim.lead_id, claim.created_at, claim.data, claim.extra)
    headers = signed_headers(claim.notification_id, at, body, claim.secrets)
    return await post(sender.client, claim.url, headers, body, sender.timeout_seconds, at)


def _failed_here(claim: _Claim, status: int | None, error: Exception) -> Answer:
    """What an attempt comes to that an error of ours has ended."""
    log_failure("delivery failed", error, endpoint=claim.endpoint_id)
    return Answer(status, f"an error of Rung's own, {type(error).__name__}; see its log")


async def _keep_after(sender: Sender, claim: _Claim, answer: Answer, error: Exception) -> None:
    """Keep that an attempt failed whose outcome would not be kept.

    One that was delivered is left alone, and so is all while the store is away: when the claim has
    run out it is sent again, under the same id.
    """
    failed = _failed_here(claim, answer.status, error)
    if not answer.error or isinstance(error, StoreError):
        return
    try:
        await run_in_threadpool(_keep, sender, claim, failed)
    except Exception as again:  # the edge of the process: nobody else would hear of it
        log_failure("delivery failed", again, endpoint=claim.endpoint_id)


def _outcome(answer: Answer) -> str:
    """What an attempt counts as."""
    if not answer.error:
        return "delivered"
    if answer.status is None:
        return "unanswered"
    return "throttled" if answer.status in _THROTTLING else "refused"


# ------------------------------------------------------------------------------------------- Claims


@dataclass(frozen=True, slots=True)
class _Claim:
    """A delivery that is ours to attempt until `leased_until`."""

    notification_id: str
    type: str
    lead_id: str | None
    created_at: int
    data: str = field(repr=False)
    extra: str | None = field(repr=False)
    attempts: int
    endpoint_id: str
    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    leased_until: int


def _ready(sender: Sender) -> list[str]:
    """The endpoints that something is due for."""
    as_of = sender.clock()
    with sender.database.reading() as connection:
        return sorted(connection.scalars(_READY, {"as_of": as_of}))


def _claimed(sender: Sender, endpoint_id: str) -> list[_Claim]:
    """Some of what is due for an endpoint, claimed; what another process is about to claim is not.

    Both the lock and the UPDATE's own condition keep two processes apart: SQLite has no locks of
    rows, and lets one writer at a time in.
    """
    at = sender.clock()
    until = at + LEASE_US
    with sender.database.writing() as connection:
        asked = {"endpoint": endpoint_id, "as_of": at}
        found = connection.execute(_DUE, asked).mappings().all()
        ids = [row["notification_id"] for row in found]
        claim = asked | {"ids": ids, "until": until}
        ours = set(connection.scalars(_CLAIM, claim)) if ids else set()
        rows = [row for row in found if row["notification_id"] in ours]
        extra = fill(connection, endpoint_id, rows)
    return [_claim(row, extra.get(row["notification_id"]), at, until) for row in rows]


# Every process asks each second, whether there is something to do or not: statements are made once.
_AS_OF: Final = sa.bindparam("as_of", type_=sa.BigInteger)
_BEGUN: Final = sa.func.coalesce(deliveries.c.attempted_at, notifications.c.created_at)
_UNCLAIMED: Final = over(deliveries.c.leased_until, _AS_OF, LEASE_US)
_FREE: Final = sa.and_(
    deliveries.c.due_at.is_not(None),
    sa.or_(over(deliveries.c.due_at, _AS_OF, _LONGEST_US), _BEGUN > _AS_OF + SKEW_US),
    _UNCLAIMED,
)
"""Due, and claimed by nobody.

What was put off by a clock that was ahead is due now: the attempt before, or the notification where
there was none, is of an instant that is still to come.
"""
_READY: Final = (
    sa.select(deliveries.c.endpoint_id)
    .join_from(deliveries, endpoints, deliveries.c.endpoint_id == endpoints.c.id)
    .join(notifications, deliveries.c.notification_id == notifications.c.id)
    .where(endpoints.c.disabled_at.is_(None), _FREE)
    .distinct()
)
_OF_ENDPOINT: Final[sa.BindParameter[str]] = sa.bindparam("endpoint")
_CLAIM: Final = (
    sa.update(deliveries)
    .where(deliveries.c.endpoint_id == _OF_ENDPOINT, deliveries.c.due_at.is_not(None), _UNCLAIMED)
    .where(deliveries.c.notification_id.in_(sa.bindparam("ids", expanding=True)))
    .values(leased_until=sa.bindparam("until", type_=sa.BigInteger))
    .returning(deliveries.c.notification_id)
)
_DUE: Final = (
    sa.select(
        *(notifications.c.type, notifications.c.lead_id, notifications.c.created_at),
        *(notifications.c.data, deliveries.c.notification_id, deliveries.c.attempts),
        *(deliveries.c.extra, endpoints.c.include),
        *(endpoints.c.id.label("endpoint_id"), endpoints.c.url, endpoints.c.secret),
        *(endpoints.c.former_secret, endpoints.c.former_until),
    )
    .join_from(deliveries, notifications, deliveries.c.notification_id == notifications.c.id)
    .join(endpoints, deliveries.c.endpoint_id == endpoints.c.id)
    .where(endpoints.c.disabled_at.is_(None), endpoints.c.id == _OF_ENDPOINT, _FREE)
    .order_by(deliveries.c.due_at, deliveries.c.notification_id)
    .limit(_AT_ONCE)
    .with_for_update(of=deliveries, skip_locked=True)
)


def _claim(row: sa.RowMapping, extra: str | None, as_of: int, until: int) -> _Claim:
    values = {**row, "extra": extra}
    del values["include"]
    secret, former = values.pop("secret"), values.pop("former_secret")
    former_until = values.pop("former_until")
    still = former is not None and former_until is not None and as_of < former_until
    return _Claim(**values, secrets=(secret, former) if still else (secret,), leased_until=until)


# ----------------------------------------------------------------------------------------- Outcomes


def _keep(sender: Sender, claim: _Claim, answer: Answer) -> None:
    """Keep what came of an attempt."""
    at = sender.clock()
    if not answer.error:
        with sender.database.writing() as connection:
            connection.execute(_DONE, _attempt(claim, answer, at))
        return
    if answer.status in _THROTTLING:
        wait = _throttle(claim, answer)
        sender.paused[claim.endpoint_id] = at + wait, wait
    why = ""
    with sender.database.writing() as connection, suppress(UnknownEndpoint):
        why = _keep_failure(connection, sender, claim, answer, at)
    if why:
        log("endpoint disabled", logging.WARNING, endpoint=claim.endpoint_id, why=why)


def _keep_failure(
    connection: sa.Connection, sender: Sender, claim: _Claim, answer: Answer, as_of: int
) -> str:
    """Keep a failure; why it disabled the endpoint, "" where it did not."""
    is_on = lock(connection, claim.endpoint_id)
    due = _due_again(claim, answer, as_of, sender.jitter()) if is_on else None
    made = _attempt(claim, answer, as_of) | {"due": due, "why": answer.error}
    made |= {"lease": claim.leased_until}
    if not connection.execute(_FAILED, made).rowcount:
        return ""  # another process has claimed it since
    if answer.status in _THROTTLING:
        _put_off(connection, claim.endpoint_id, as_of + _throttle(claim, answer))
    why = _why_off(connection, claim, answer, due)
    if not why or not turn_off(connection, claim.endpoint_id, why, as_of):
        return ""
    data = json.dumps({"endpoint_id": claim.endpoint_id, "why": why})
    notice = Notice(f"disabled-{claim.endpoint_id}-{as_of}", "webhook.disabled", None, as_of, data)
    add_notices(connection, [notice])
    return why


def _attempt(claim: _Claim, answer: Answer, as_of: int) -> dict[str, object]:
    """What any attempt leaves behind."""
    return {
        "notification": claim.notification_id,
        "endpoint": claim.endpoint_id,
        "made": claim.attempts + 1,
        "as_of": as_of,
        "answered": answer.status,
    }


_MADE: Final = (
    sa.update(deliveries)
    .where(deliveries.c.notification_id == sa.bindparam("notification"))
    .where(deliveries.c.endpoint_id == _OF_ENDPOINT)
    .values(
        attempts=sa.bindparam("made", type_=sa.Integer),
        attempted_at=_AS_OF,
        status=sa.bindparam("answered", type_=sa.Integer),
        leased_until=0,
    )
)
_DONE: Final = _MADE.values(delivered_at=_AS_OF, due_at=None, error=None)
_FAILED: Final = _MADE.where(
    deliveries.c.leased_until == sa.bindparam("lease", type_=sa.BigInteger)
).values(due_at=sa.bindparam("due", type_=sa.BigInteger), error=sa.bindparam("why", type_=sa.Text))


def _pause(claim: _Claim) -> float | None:
    """The seconds before the next attempt; None where there is none."""
    made = claim.attempts + 1
    return float(RETRY_SECONDS[made]) if made < len(RETRY_SECONDS) else None


def _due_again(claim: _Claim, answer: Answer, as_of: int, jitter: float) -> int | None:
    pause = _pause(claim)
    if pause is None or answer.status == _GONE:
        return None
    asked = (answer.wait or 0.0) if answer.status in _THROTTLING else 0.0
    return as_of + round(max(pause * (1.0 + _JITTER * jitter), asked) * _SECOND_US)


def _throttle(claim: _Claim, answer: Answer) -> int:
    """For how many microseconds the endpoint gets nothing."""
    asked = answer.wait
    if asked is None:
        asked = min(_pause(claim) or _THROTTLE_SECONDS, _THROTTLE_SECONDS)
    return round(asked * _SECOND_US)


def _put_off(connection: sa.Connection, endpoint_id: str, until: int) -> None:
    """Let nothing be due for an endpoint before an instant."""
    sooner = sa.and_(deliveries.c.endpoint_id == endpoint_id, deliveries.c.due_at < until)
    connection.execute(sa.update(deliveries).where(sooner).values(due_at=until))


def _why_off(connection: sa.Connection, claim: _Claim, answer: Answer, due: int | None) -> str:
    """Why an endpoint is to get nothing more, "" where it is to stay.

    One notification that a receiver cannot take is no reason, as long as it takes others.
    """
    if answer.status == _GONE:
        return "it answered 410, that it is gone"
    if due is not None:
        return ""
    since = deliveries.c.delivered_at >= claim.created_at
    its = sa.select(deliveries.c.endpoint_id).where(deliveries.c.endpoint_id == claim.endpoint_id)
    if connection.scalar(its.where(since).limit(1)) is not None:
        return ""
    return f"nothing was delivered in {len(RETRY_SECONDS)} attempts; the last one: {answer.error}"


# -------------------------------------------------------------------------------------------- Purge


def _purge_quietly(sender: Sender) -> None:
    try:
        count = purge(sender.database, sender.clock())
    except Exception as error:  # the edge of the process
        log_failure("old notifications cannot be forgotten", error)
        return
    if count:
        log("old notifications forgotten", count=count)


def purge(database: Database, as_of: int) -> int:
    """Forget notifications older than 30 days for which nothing is due any more; how many.

    Parameters
    ----------
    as_of : the present in microseconds since the epoch.
    """
    count = 0
    while ids := _purged(database, as_of - _KEPT_US):
        count += len(ids)
    return count


def _purged(database: Database, before: int) -> list[str]:
    waits = sa.and_(
        deliveries.c.notification_id == notifications.c.id, deliveries.c.due_at.is_not(None)
    )
    old = (
        sa.select(notifications.c.id)
        .where(notifications.c.created_at < before, ~sa.exists().where(waits))
        .order_by(notifications.c.created_at)
        .limit(_PURGED_AT_ONCE)
        .with_for_update(of=notifications, skip_locked=True)
    )
    with database.writing() as connection:
        ids = list(connection.scalars(old))
        connection.execute(sa.delete(deliveries).where(deliveries.c.notification_id.in_(ids)))
        connection.execute(sa.delete(notifications).where(notifications.c.id.in_(ids)))
    return ids
