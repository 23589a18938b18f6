"""What came of an attempt is kept: when it is made again, and when an endpoint gets nothing more.

Notifications are forgotten after 30 days; what was not delivered by then is given up.
"""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from typing import Final

import sqlalchemy as sa

from features.store.database import Database, over
from features.store.kept.notifications import KEPT_US, Notice, add_notices
from features.store.schema import deliveries, notifications
from serving.edge.logs import log
from serving.notifications.attempt import Answer
from serving.notifications.claims import (
    AS_OF,
    JITTER,
    OF_ENDPOINT,
    RETRY_SECONDS,
    SECOND_US,
    Claim,
)
from serving.notifications.endpoints import LEASE_US, lock, turn_off
from serving.notifications.errors import UnknownEndpoint
from serving.notifications.sender import Sender

__all__ = ["THROTTLING", "give_up_old", "keep", "purge"]

THROTTLING: Final = frozenset({429, 502, 503, 504})
_GONE: Final = 410
_THROTTLE_SECONDS: Final = 300.0
"""The longest pause of an endpoint that asks for one and does not say how long."""
_PURGED_AT_ONCE: Final = 500


def keep(sender: Sender, claim: Claim, answer: Answer) -> None:
    """Keep what came of an attempt."""
    at = sender.clock()
    if not answer.error:
        with sender.database.writing() as connection:
            connection.execute(_DONE, _attempt(claim, answer, at))
        return
    if answer.status in THROTTLING:
        wait = _throttle(claim, answer)
        sender.paused[claim.endpoint_id] = at + wait, wait
    why = ""
    with sender.database.writing() as connection, suppress(UnknownEndpoint):
        why = _keep_failure(connection, sender, claim, answer, at)
    if why:
        log("endpoint disabled", logging.WARNING, endpoint=claim.endpoint_id, why=why)


def _keep_failure(
    connection: sa.Connection, sender: Sender, claim: Claim, answer: Answer, as_of: int
) -> str:
    """Keep a failure; why it disabled the endpoint, "" where it did not."""
    is_on = lock(connection, claim.endpoint_id)
    due = _due_again(claim, answer, as_of, sender.jitter()) if is_on else None
    made = _attempt(claim, answer, as_of) | {"due": due, "why": answer.error}
    made |= {"lease": claim.leased_until}
    if not connection.execute(_FAILED, made).rowcount:
        return ""  # another process has claimed it since
    if answer.status in THROTTLING:
        _put_off(connection, claim.endpoint_id, as_of + _throttle(claim, answer))
    why = _why_off(connection, claim, answer, due)
    if not why or not turn_off(connection, claim.endpoint_id, why, as_of):
        return ""
    data = json.dumps({"endpoint_id": claim.endpoint_id, "why": why})
    notice = Notice(f"disabled-{claim.endpoint_id}-{as_of}", "webhook.disabled", None, as_of, data)
    add_notices(connection, [notice])
    return why


def _attempt(claim: Claim, answer: Answer, as_of: int) -> dict[str, object]:
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
    .where(deliveries.c.endpoint_id == OF_ENDPOINT)
    .values(
        attempts=sa.bindparam("made", type_=sa.Integer),
        attempted_at=AS_OF,
        status=sa.bindparam("answered", type_=sa.Integer),
        leased_until=0,
    )
)
_DONE: Final = _MADE.values(delivered_at=AS_OF, due_at=None, error=None)
_FAILED: Final = _MADE.where(
    deliveries.c.leased_until == sa.bindparam("lease", type_=sa.BigInteger)
).values(due_at=sa.bindparam("due", type_=sa.BigInteger), error=sa.bindparam("why", type_=sa.Text))


def _pause(claim: Claim) -> float | None:
    """The seconds before the next attempt; None where there is none."""
    made = claim.attempts + 1
    return float(RETRY_SECONDS[made]) if made < len(RETRY_SECONDS) else None


def _due_again(claim: Claim, answer: Answer, as_of: int, jitter: float) -> int | None:
    pause = _pause(claim)
    if pause is None or answer.status == _GONE:
        return None
    asked = (answer.wait or 0.0) if answer.status in THROTTLING else 0.0
    return as_of + round(max(pause * (1.0 + JITTER * jitter), asked) * SECOND_US)


def _throttle(claim: Claim, answer: Answer) -> int:
    """For how many microseconds the endpoint gets nothing."""
    asked = answer.wait
    if asked is None:
        asked = min(_pause(claim) or _THROTTLE_SECONDS, _THROTTLE_SECONDS)
    return round(asked * SECOND_US)


def _put_off(connection: sa.Connection, endpoint_id: str, until: int) -> None:
    """Let nothing be due for an endpoint before an instant."""
    sooner = sa.and_(deliveries.c.endpoint_id == endpoint_id, deliveries.c.due_at < until)
    connection.execute(sa.update(deliveries).where(sooner).values(due_at=until))


def _why_off(connection: sa.Connection, claim: Claim, answer: Answer, due: int | None) -> str:
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


def purge(database: Database, as_of: int) -> int:
    """Forget notifications older than 30 days for which nothing is due any more; how many.

    Parameters
    ----------
    as_of : the present in microseconds since the epoch.
    """
    count = 0
    while ids := _purged(database, as_of - KEPT_US):
        count += len(ids)
    return count


def give_up_old(database: Database, as_of: int) -> int:
    """Let what was not delivered within 30 days have failed; how many deliveries.

    They are forgotten by the next purge, and not by this one: until then it can be seen, and sent
    again where only a clock was wrong.

    Parameters
    ----------
    as_of : the present in microseconds since the epoch.
    """
    old = sa.select(notifications.c.id).where(notifications.c.created_at < as_of - KEPT_US)
    waiting = sa.and_(
        deliveries.c.due_at.is_not(None),
        deliveries.c.notification_id.in_(old),
        over(deliveries.c.leased_until, as_of, LEASE_US),
    )
    with database.reading() as connection:
        found = sa.select(deliveries.c.endpoint_id).where(waiting).distinct()
        endpoint_ids = sorted(connection.scalars(found))
    count = 0
    for endpoint_id in endpoint_ids:
        its = sa.and_(deliveries.c.endpoint_id == endpoint_id, waiting)
        change = sa.update(deliveries).where(its).values(due_at=None, error=_TOO_OLD)
        with suppress(UnknownEndpoint), database.writing() as connection:
            lock(connection, endpoint_id)
            count += connection.execute(change).rowcount
    return count


_TOO_OLD: Final = "it was not delivered within 30 days"


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
