"""What waits, and what fails: scores, notifications, write-backs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa

from features.ladder.words import things
from features.store.database import Database, over
from features.store.kept.leases import Marks, Scorers
from features.store.schema import deliveries, endpoints
from models.bundle import Bundle
from serving.doctor.finding import Finding, fine, note, wrong
from serving.notifications.endpoints import LEASE_US
from serving.write_back.standing import CrmStanding, crm_standings

__all__ = ["marks", "notifications", "scorers", "written_back"]

_SLOW_US: Final = 60_000_000
_OVERDUE_US: Final = 300_000_000
_ON_REQUEST: Final = "on request"


def marks(database: Database, as_of: int) -> Iterator[Finding]:
    """Whether leads with news are scored soon."""
    count, since = Marks(database).waiting()
    if since is None or since > as_of - _SLOW_US:
        yield fine("scoring", "up to date" if not count else f"{things(count, 'id')} with news")
        return
    yield wrong(
        "scoring",
        f"{things(count, 'id')} with news, the oldest for {(as_of - since) / 1e6:,.0f} seconds",
        "scores and the queue are that old",
        "see that rung serve or rung work runs and has a model (its log); if so, start one more",
    )


def scorers(database: Database, bundle: Bundle | None, as_of: int) -> Iterator[Finding]:
    """Whether all who score in the store score with one ladder, and with one bundle for it.

    Parameters
    ----------
    bundle : what is to serve with the settings that are looked at; None where there is none.
    """
    found = Scorers(database).others("", as_of)
    other = next((one.ladder for one in found if bundle and one.ladder != bundle.ladder.name), "")
    if bundle is not None and other:
        yield wrong(
            "scoring",
            f"a process scores with the ladder {other} in this store,"
            f" and the bundle is for {bundle.ladder.name}",
            "one store has one ladder: a service with this bundle serves and scores nothing",
            f"give {bundle.ladder.name} a store of its own (RUNG_DATABASE_URL)",
        )
    elif bundle is not None and found and all(one.bundle != bundle.hash for one in found):
        yield note(
            "scoring",
            f"processes score with {found[0].bundle[:12]}, the bundle here is {bundle.version}",
            "of two bundles the one that began to serve last scores, and the other waits",
            "give all processes the same bundle (RUNG_BUNDLE, or RUNG_MODEL with a registry)",
        )


# ----------------------------------------------------------------------------------- Notifications


def notifications(database: Database, as_of: int, *, is_whole: bool = True) -> Iterator[Finding]:
    """Whether notifications reach those who want them.

    Parameters
    ----------
    is_whole : look for those that were given up as well, for which all of them are read.
    """
    with database.reading() as connection:
        found = [
            *_disabled(connection),
            *_undelivered(connection, as_of),
            *_failing(connection),
            *(_failed(connection) if is_whole else ()),
        ]
    what = "all are delivered" if is_whole else "none is late, and none fails now"
    yield from found or [fine("notifications", what)]


def _disabled(connection: sa.Connection) -> Iterator[Finding]:
    off = sa.and_(endpoints.c.disabled_at.is_not(None), endpoints.c.disabled_why != _ON_REQUEST)
    for row in connection.execute(sa.select(endpoints.c.id, endpoints.c.disabled_why).where(off)):
        yield wrong(
            "notifications",
            f"{row.id} is disabled: {row.disabled_why}",
            "it is told of nothing",
            f'repair it, PATCH /v1/webhooks/{row.id} with {{"enabled": true}}, then replay',
        )


def _undelivered(connection: sa.Connection, as_of: int) -> Iterator[Finding]:
    """What has been due for long, and nobody tries."""
    idle = over(deliveries.c.leased_until, as_of, LEASE_US)
    overdue = sa.and_(deliveries.c.due_at < as_of - _OVERDUE_US, idle)
    count = connection.scalar(sa.select(sa.func.count()).select_from(deliveries).where(overdue))
    if count:
        yield wrong(
            "notifications",
            f"{things(count, 'notification')} due for minutes",
            "nobody sends them",
            "see that a service runs, and what its log says of deliveries",
        )


def _failing(connection: sa.Connection) -> Iterator[Finding]:
    """What is tried again after it failed."""
    failing = sa.and_(deliveries.c.due_at >= 0, deliveries.c.error.is_not(None))  # by an index
    for endpoint, count, error in connection.execute(_by_endpoint(failing)):
        yield wrong(
            "notifications",
            f"{count:,} to {endpoint} failed and will be tried again, such as: {error}",
            "after the tenth attempt they are lost, and the endpoint is disabled",
            "repair the receiver",
        )


def _failed(connection: sa.Connection) -> Iterator[Finding]:
    """What was given up, of endpoints that are on."""
    failed = sa.and_(deliveries.c.due_at.is_(None), deliveries.c.delivered_at.is_(None))
    is_on = sa.select(endpoints.c.id).where(endpoints.c.disabled_at.is_(None))
    wanted = _by_endpoint(sa.and_(failed, deliveries.c.endpoint_id.in_(is_on)))
    for endpoint, count, error in connection.execute(wanted):
        yield note(
            "notifications",
            f"{count:,} to {endpoint} were given up, such as: {error}",
            "the receiver never heard of them",
            f"POST /v1/webhooks/{endpoint}/replay sends them again",
        )


def _by_endpoint(which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Endpoints with how many of their deliveries are such, and what one of them failed with."""
    endpoint = sa.func.coalesce(
        deliveries.c.endpoint_id, ""
    )  # not by its index: by what `which` says
    columns: tuple[Any, ...] = endpoint, sa.func.count(), sa.func.max(deliveries.c.error)
    return sa.select(*columns).where(which).group_by(endpoint)


# -------------------------------------------------------------------------------------- Write-back


def written_back(database: Database, as_of: int, *, is_whole: bool = True) -> Iterator[Finding]:
    """Whether CRMs are told of scores. What they answer is not shown: it may name people.

    Parameters
    ----------
    is_whole : look for those that were given up as well, for which all of them are read.
    """
    told = crm_standings(database, as_of, is_whole=is_whole)
    found = [said for one in told for said in _of_connector(one)]
    yield from found or [fine("write-back", "nothing fails" if is_whole else "nothing fails now")]


def _of_connector(crm: CrmStanding) -> Iterator[Finding]:
    connector, why = crm.connector, "people see scores there that are old"
    if crm.failing or crm.given_up:
        yield wrong(
            "write-back",
            f"{connector}: {crm.failing:,} failed and will be tried again"
            + (f", {crm.given_up:,} were given up" if crm.given_up else ""),
            why,
            "see what the log and the column error of write_backs say",
        )
    if crm.idle:
        yield wrong(
            "write-back",
            f"{connector}: {crm.idle:,} due for minutes, and nobody writes them",
            why,
            f"see that a service runs whose RUNG_CONNECTORS has [{connector}.write_back]",
        )
