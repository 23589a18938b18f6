"""Endpoints of notifications as the settings show them, and the form of one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from features.clock import FIRST, LAST, microseconds
from features.store.kept.notifications import TYPES
from serving.edge.parameters import packed, unpacked
from serving.notifications.addresses import AddressRule
from serving.notifications.bodies import INCLUDES
from serving.notifications.endpoints import (
    AfterDelivery,
    Delivery,
    DeliveryState,
    Endpoint,
    Endpoints,
)
from serving.notifications.errors import ForbiddenAddress
from serving.notifications.tally import Tally, tallies
from serving.pages.common import words
from serving.pages.settings.sections import Moment, moment
from serving.process.service import Service

__all__ = [
    "DELIVERY_WORDS",
    "INCLUDE_WORDS",
    "DeliveryShown",
    "EndpointForm",
    "EndpointShown",
    "after_of",
    "deliveries_shown",
    "endpoint_shown",
    "endpoints_of",
    "endpoints_shown",
    "form_of_endpoint",
    "read_endpoint_form",
    "type_words",
]

INCLUDE_WORDS: Final[Mapping[str, str]] = {
    "ids": "all ids of the lead",
    "traits": "what is known of it, contact data left out",
    "offer": "what is suggested",
    "reasons": "why it was scored so",
}
DELIVERY_WORDS: Final[Mapping[DeliveryState, tuple[str, str]]] = {
    "waiting": ("Waiting", "paused"),
    "delivered": ("Delivered", "on"),
    "failed": ("Given up", "failing"),
}
_TEST: Final = "webhook.test"
_LONGEST_URL: Final = 2048
_LONGEST_DESCRIPTION: Final = 500
_FIRST_US: Final = microseconds(FIRST)
_LAST_US: Final = microseconds(LAST)


@dataclass(frozen=True, slots=True)
class EndpointShown:
    """Where notifications go, how it stands, and what it wants.

    Parameters
    ----------
    why : it is off; "" while it is on.
    wants : in words.
    """

    id: str
    url: str
    description: str
    is_on: bool
    why: str
    wants: tuple[str, ...]
    made_at: Moment | None
    former_until: Moment | None
    off_since: Moment | None
    delivered_at: Moment | None
    tally: Tally

    @property
    def told(self) -> str:
        """What it wants, in one sentence without its end."""
        return words.sentence("; ".join(one[:1].lower() + one[1:] for one in self.wants))

    @property
    def state(self) -> tuple[str, str]:
        """In a word, and how that is coloured."""
        if not self.is_on:
            return ("Off", "off") if self.why == "on request" else ("Off, it failed", "failing")
        if self.tally.retried or self.tally.failed:
            return "Failing", "failing"
        return ("On", "on") if self.delivered_at else ("On, nothing yet", "paused")


@dataclass(frozen=True, slots=True)
class DeliveryShown:
    """One notification on its way to an endpoint."""

    id: str
    made_at: Moment | None
    what: str
    lead_id: str
    state: str
    state_kind: str
    attempts: int
    next_at: Moment | None
    delivered_at: Moment | None
    error: str


@dataclass(frozen=True, slots=True)
class EndpointForm:
    """What stands in the form of an endpoint, and what is wrong with it, by field."""

    url: str = ""
    description: str = ""
    types: frozenset[str] = frozenset()
    include: frozenset[str] = frozenset()
    wrong: Mapping[str, str] = field(default_factory=dict)

    def mistake(self, name: str) -> str:
        """What is wrong with a field; "" where nothing is."""
        return self.wrong.get(name, "")

    @property
    def mark(self) -> str:
        """The same for the same settings: whether somebody else has changed them meanwhile."""
        held = (self.url, self.description, sorted(self.types), sorted(self.include))
        return hashlib.sha256(repr(held).encode()).hexdigest()[:16]

    @property
    def type_boxes(self) -> list[tuple[str, str, bool]]:
        """The types to tick: the name of the box, what it tells, whether it is on."""
        return [
            (f"type:{one}", words.sentence(told), one in self.types)
            for one, told in TYPES.items()
            if one != _TEST
        ]

    @property
    def include_boxes(self) -> list[tuple[str, str, bool]]:
        """What to tick that bodies hold beside."""
        return [
            (f"include:{one}", words.sentence(INCLUDE_WORDS[one]), one in self.include)
            for one in INCLUDES
        ]


def endpoints_of(service: Service) -> Endpoints:
    """The endpoints of a running service."""
    return Endpoints(service.store.database, service.clock)


def endpoints_shown(service: Service) -> list[EndpointShown]:
    """Every endpoint, the oldest first."""
    counted = tallies(service.store.database)
    return [
        _shown(one, counted.get(one.id, Tally()), service.clock())
        for one in endpoints_of(service).all()
    ]


def endpoint_shown(service: Service, endpoint_id: str) -> EndpointShown:
    """One endpoint; UnknownEndpoint where there is none."""
    one = endpoints_of(service).one(endpoint_id)
    counted = tallies(service.store.database)
    return _shown(one, counted.get(one.id, Tally()), service.clock())


def _shown(one: Endpoint, tally: Tally, now: int) -> EndpointShown:
    return EndpointShown(
        id=one.id,
        url=one.url,
        description=one.description,
        is_on=one.disabled_at is None,
        why=one.disabled_why or "",
        wants=tuple(map(type_words, one.types)),
        made_at=moment(one.created_at, now),
        former_until=moment(one.former_until, now) if now < (one.former_until or 0) else None,
        off_since=moment(one.disabled_at, now),
        delivered_at=moment(tally.delivered_at, now),
        tally=tally,
    )


def type_words(type_: str) -> str:
    """What a notification tells, in a sentence without its end."""
    return words.sentence(TYPES.get(type_, type_))


# ----------------------------------------------------------------------------------------- the form


def form_of_endpoint(one: Endpoint) -> EndpointForm:
    """The form that shows an endpoint."""
    return EndpointForm(one.url, one.description, frozenset(one.types), frozenset(one.include))


def read_endpoint_form(
    given: Mapping[str, str], rule: AddressRule, others: Sequence[Endpoint]
) -> EndpointForm:
    """The form as it was filled in, its address in the normal form, with what is wrong.

    Parameters
    ----------
    others : endpoints that there are; the same one is not made twice.
    """
    form = EndpointForm(
        given.get("url", "").strip(),
        " ".join(given.get("description", "").split()),
        frozenset(one for one in TYPES if f"type:{one}" in given),
        frozenset(one for one in INCLUDES if f"include:{one}" in given),
    )
    wrong = {}
    if len(form.description) > _LONGEST_DESCRIPTION or "\0" in form.description:
        wrong["description"] = f"{_LONGEST_DESCRIPTION} letters are enough."
    try:
        if not form.url or len(form.url) > _LONGEST_URL:
            raise ForbiddenAddress("write where it is, such as https://hooks.example.com/rung")
        form = replace(form, url=str(rule.url(form.url)))
    except ForbiddenAddress as error:
        wrong["url"] = f"{words.sentence(str(error))}."
    if any(form == form_of_endpoint(one) for one in others):
        wrong["url"] = "There is an endpoint that is the same already."
    return replace(form, wrong=wrong)


# --------------------------------------------------------------------------------------- deliveries


def deliveries_shown(
    service: Service,
    endpoint_id: str,
    limit: int,
    state: DeliveryState | None,
    after: AfterDelivery | None,
) -> tuple[list[DeliveryShown], str]:
    """A page of deliveries, the latest first, and where it goes on; "" at the end.

    Raises
    ------
    UnknownEndpoint : there is none.
    """
    found = endpoints_of(service).deliveries(endpoint_id, limit + 1, state, after)
    page, now = found[:limit], service.clock()
    last = page[-1] if len(found) > limit else None
    cursor = packed([last.created_at, last.notification_id]) if last else ""
    return [_delivery(one, now) for one in page], cursor


def _delivery(one: Delivery, now: int) -> DeliveryShown:
    state, kind = DELIVERY_WORDS[one.state]
    return DeliveryShown(
        id=one.notification_id,
        made_at=moment(one.created_at, now),
        what=type_words(one.type),
        lead_id=one.lead_id or "",
        state=state,
        state_kind=kind,
        attempts=one.attempts,
        next_at=moment(one.due_at, now),
        delivered_at=moment(one.delivered_at, now),
        error=(one.error or "") if one.state != "delivered" else "",
    )


def after_of(cursor: str) -> AfterDelivery | None:
    """The reverse of the cursor of `deliveries_shown`; None where it is none."""
    match unpacked(cursor):
        case [int(at), str(id_)] if id_ and _FIRST_US <= at <= _LAST_US:
            return at, id_
    return None
