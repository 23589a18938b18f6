"""What is due, when it is due again, and which process may attempt it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from features.clock import SKEW_US
from features.store.database import over
from features.store.kept.notifications import KEPT_US
from features.store.schema import deliveries, endpoints, notifications
from serving.notifications.bodies import fill
from serving.notifications.endpoints import LEASE_US
from serving.notifications.sender import Sender

__all__ = [
    "AS_OF",
    "JITTER",
    "OF_ENDPOINT",
    "RETRY_SECONDS",
    "SECOND_US",
    "Claim",
    "claimed",
    "ready",
]

SECOND_US: Final = 1_000_000
RETRY_SECONDS: Final = (
    *(0, 5, 5 * 60, 30 * 60),
    *(hours * 3600 for hours in (2, 5, 10, 14, 20, 24)),
)
"""The pause before each attempt; after the last one a delivery has failed."""
JITTER: Final = 0.1
"""A pause gets longer by up to this share, so that retries do not come all at once."""
_LONGEST_US: Final = round(RETRY_SECONDS[-1] * (1.0 + JITTER) * SECOND_US)
"""The longest that a delivery waits for its next attempt."""
_AT_ONCE: Final = 8
"""Deliveries to one endpoint at the same time, of one process."""


@dataclass(frozen=True, slots=True)
class Claim:
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


def ready(sender: Sender) -> list[str]:
    """The endpoints that something is due for."""
    as_of = sender.clock()
    with sender.database.reading() as connection:
        return sorted(connection.scalars(_READY, {"as_of": as_of}))


def claimed(sender: Sender, endpoint_id: str) -> list[Claim]:
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
AS_OF: Final = sa.bindparam("as_of", type_=sa.BigInteger)
_BEGUN: Final = sa.func.coalesce(deliveries.c.attempted_at, notifications.c.created_at)
_UNCLAIMED: Final = over(deliveries.c.leased_until, AS_OF, LEASE_US)
_FREE: Final = sa.and_(
    deliveries.c.due_at.is_not(None),
    notifications.c.created_at >= AS_OF - KEPT_US,
    sa.or_(over(deliveries.c.due_at, AS_OF, _LONGEST_US), _BEGUN > AS_OF + SKEW_US),
    _UNCLAIMED,
)
"""Due, and claimed by nobody.

What is older than notifications are kept is no news: where nothing was sent for months, nobody is
to act by what was recommended then.
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
OF_ENDPOINT: Final[sa.BindParameter[str]] = sa.bindparam("endpoint")
_CLAIM: Final = (
    sa.update(deliveries)
    .where(deliveries.c.endpoint_id == OF_ENDPOINT, deliveries.c.due_at.is_not(None), _UNCLAIMED)
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
    .where(endpoints.c.disabled_at.is_(None), endpoints.c.id == OF_ENDPOINT, _FREE)
    .order_by(deliveries.c.due_at, deliveries.c.notification_id)
    .limit(_AT_ONCE)
    .with_for_update(of=deliveries, skip_locked=True)
)


def _claim(row: sa.RowMapping, extra: str | None, as_of: int, until: int) -> Claim:
    values = {**row, "extra": extra}
    del values["include"]
    secret, former = values.pop("secret"), values.pop("former_secret")
    former_until = values.pop("former_until")
    still = former is not None and former_until is not None and as_of < former_until
    return Claim(**values, secrets=(secret, former) if still else (secret,), leased_until=until)
