"""Who an event is of, from the ids that it names: those that stand for nobody name no lead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from features.events.junk_ids import FOR_NOBODY, is_junk
from features.store.arrivals import Arrival, Remark
from serving.edge.parameters import Place
from serving.ingestion.places import shown
from serving.ingestion.values import EventRefused

__all__ = ["GivenId", "People", "junk_refused", "people_of"]

_NOBODY: Final = f"is {FOR_NOBODY}; it was passed over, and links nothing"

GivenId = tuple[Place, str | None]
"""Where in an event an id may stand, and what stands there."""


class People(NamedTuple):
    """The ids of an event that name somebody.

    Parameters
    ----------
    sent_id : the first one of a lead, or else the anonymous one; the event is kept under it.
    passed_over : where ids stood that name nobody.
    is_anonymous : whether no id of a lead was given, but that of somebody unknown.
    """

    sent_id: str
    anonymous_id: str | None
    previous_id: str | None
    passed_over: tuple[str, ...]
    is_anonymous: bool

    @property
    def ids(self) -> tuple[str, str | None, str | None]:
        """As `values.arrival` takes them."""
        return self.sent_id, self.anonymous_id, self.previous_id

    def noted(self, arrival: Arrival) -> Arrival:
        """An arrival that says which ids were passed over."""
        if not self.passed_over:
            return arrival
        remark = Remark("junk_id", f"{' and '.join(self.passed_over)} {_NOBODY}")
        return arrival._replace(remarks=(*arrival.remarks, remark))


def people_of(
    leads: Sequence[GivenId], anonymous: Sequence[GivenId] = (), previous: Sequence[GivenId] = ()
) -> People | None:
    """Who is named; None where no id was given at all.

    Raises
    ------
    EventRefused : ids were given, and none names anybody.
    """
    junk: list[Place] = []

    def first(given: Sequence[GivenId]) -> str | None:
        found = None
        for place, id_ in given:
            if id_ is None:
                continue
            if is_junk(id_):
                junk.append(place)
            else:
                found = found or id_
        return found

    user, visitor, former = first(leads), first(anonymous), first(previous)
    sent_id = user or visitor
    if sent_id is None:
        if junk:
            raise junk_refused(junk[0])
        return None
    passed_over = tuple(map(shown, junk))
    return People(sent_id, visitor if user else None, former, passed_over, user is None)


def junk_refused(place: Place) -> EventRefused:
    """The refusal of an event for an id that stands for nobody."""
    return EventRefused(
        "junk_id",
        place,
        f"{shown(place)} is {FOR_NOBODY}; send the id of one person, or an anonymous id",
    )
