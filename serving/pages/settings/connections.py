"""What comes in from other tools and what goes out to CRMs: which are on, when last, what fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from features.ladder.ladder import Ladder
from serving.connectors.configuration import VENDORS, Connectors
from serving.connectors.errors import UnknownConnector
from serving.connectors.received import Received, ReceivedNotes
from serving.pages.common import words
from serving.pages.settings.sections import Moment, moment
from serving.process.service import Service
from serving.write_back.standing import CrmStanding, crm_standings, failures_of

__all__ = ["Incoming", "Outgoing", "incoming", "outgoing"]

_TITLES: Final = {
    "calendly": "Calendly",
    "customerio": "Customer.io",
    "dynamics": "Dynamics 365",
    "hubspot": "HubSpot",
    "mautic": "Mautic",
    "salesforce": "Salesforce",
    "stripe": "Stripe",
    "zoom": "Zoom",
}
_CRMS: Final = ("customerio", "dynamics", "hubspot", "mautic", "salesforce")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A tool that tells of leads.

    Parameters
    ----------
    is_own : whether the ladder file describes it.
    path : what the tool sends to.
    taken_at, refused_at : when a request was last taken, and last refused.
    why : it was refused.
    """

    name: str
    title: str
    is_on: bool
    is_own: bool
    path: str
    taken_at: Moment | None
    refused_at: Moment | None
    why: str
    is_failing: bool

    @property
    def state(self) -> tuple[str, str]:
        """In a word, and how that is coloured."""
        if not self.is_on:
            return "Off", "off"
        if self.is_failing:
            return "Refused", "failing"
        return ("On", "on") if self.taken_at else ("On, nothing yet", "paused")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A CRM that is told of scores, or was once.

    Parameters
    ----------
    written_at : when it last took one.
    held, waiting, failing, given_up : leads, see `CrmStanding`.
    failures : what their records failed with, and how many; for who may see people's data.
    """

    name: str
    title: str
    is_on: bool
    written_at: Moment | None
    held: int = 0
    waiting: int = 0
    failing: int = 0
    given_up: int = 0
    idle: int = 0
    failures: tuple[tuple[str, int], ...] = ()

    @property
    def state(self) -> tuple[str, str]:
        """In a word, and how that is coloured."""
        if not self.is_on:
            return "Off", "off"
        if self.failing or self.given_up or self.idle:
            return "Failing", "failing"
        return ("On", "on") if self.written_at else ("On, nothing yet", "paused")


def incoming(
    service: Service, connectors: Connectors, notes: ReceivedNotes, *, with_why: bool
) -> list[Incoming]:
    """Every tool that Rung understands, those that are on first.

    Parameters
    ----------
    with_why : tell why requests were refused.
    """
    ladder, now = service.ladder, service.clock()
    own = [one.name for one in (connectors.ladder or ladder).sources]
    received = notes.of([*VENDORS, *own])
    found = []
    for name in [*VENDORS, *own]:
        told = received.get(name, Received())
        found.append(
            Incoming(
                name=name,
                title=_TITLES.get(name) or words.titled(name),
                is_on=_is_on(connectors, name, ladder),
                is_own=name in own,
                path=f"/v1/connectors/{name}",
                taken_at=moment(told.taken_at, now),
                refused_at=moment(told.refused_at, now),
                why=told.why if with_why else "",
                is_failing=told.is_failing,
            )
        )
    return sorted(found, key=lambda one: (not one.is_on, one.title.lower()))


def _is_on(connectors: Connectors, name: str, ladder: Ladder) -> bool:
    try:
        connectors.named(name, ladder)
    except UnknownConnector:
        return False
    return True


def outgoing(service: Service, *, with_why: bool) -> list[Outgoing]:
    """Every CRM that Rung can tell of scores, those that are on first.

    Parameters
    ----------
    with_why : tell what CRMs answered where they took nothing, which may name people.
    """
    now, database = service.clock(), service.store.database
    on = {one.connector for one in service.write_backs}
    standing = {one.connector: one for one in crm_standings(database, now)}
    found = []
    for name in _CRMS:
        one = standing.get(name)
        failures = failures_of(database, name) if with_why and one and _fails(one) else []
        found.append(_outgoing(name, name in on, one, failures, now))
    return sorted(found, key=lambda one: (not one.is_on, not one.held, one.title.lower()))


def _fails(one: CrmStanding) -> bool:
    return bool(one.failing or one.given_up)


def _outgoing(
    name: str,
    is_on: bool,
    one: CrmStanding | None,
    failures: Sequence[tuple[str, int]],
    now: int,
) -> Outgoing:
    if one is None:
        return Outgoing(name, _TITLES[name], is_on, None)
    return Outgoing(
        name=name,
        title=_TITLES[name],
        is_on=is_on,
        written_at=moment(one.written_at, now),
        held=one.held,
        waiting=one.waiting,
        failing=one.failing,
        given_up=one.given_up,
        idle=one.idle,
        failures=tuple(failures),
    )
