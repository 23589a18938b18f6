"""What of arrivals may be kept: nothing that is of somebody who was erased for good.

One rule for whatever brings events. What is sent under an id of theirs is refused. So is what an id
tells of which nothing is known, together with an address or another tool's id of theirs: it is they
who come back. Whoever is known by then is somebody else, whatever they tell: their event is kept
without it, and links nothing. What stands within another property says of nobody who they are, and
is left out alike.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Sequence

import sqlalchemy as sa

from features.events.properties import parse_object
from features.store.arrivals import Arrival, Event
from features.store.database import in_parts
from features.store.identities.identification import Identification, links_between
from features.store.places import places_of
from features.store.privacy.suppressions import is_any_suppressed, suppressed_among
from features.store.schema import identities

__all__ = ["ids_named", "is_stripped", "screened", "screened_rows"]


def ids_named(arrivals: Iterable[Arrival]) -> set[str]:
    """All ids that arrivals name."""
    named: set[str | None] = set()
    for one in arrivals:
        named.update((one.sent_id, one.anonymous_id, one.previous_id))
        if one.links:
            named.update(_ends(one))
    return {one for one in named if one is not None}


def _ends(arrival: Arrival) -> Iterator[str]:
    """The ids that the further links of an arrival name."""
    return (one for _, source, target in arrival.links for one in (source, target))


def screened(connection: sa.Connection, arrivals: Sequence[Arrival]) -> Sequence[Arrival | None]:
    """Each arrival as it may be kept, in their order; None for one that may not be."""
    if not is_any_suppressed(connection):
        return arrivals
    identification = Identification.kept(connection)
    within = [_told_within(one, identification) for one in arrivals]
    out = suppressed_among(connection, ids_named(arrivals).union(*within))
    if not out:
        return arrivals
    beside = {one.sent_id for one in arrivals if out & set(_ends(one))}
    known = _known(connection, sorted(beside - out))
    kept: list[Arrival | None] = []
    for one, inner in zip(arrivals, within, strict=True):
        is_told = bool(out & set(_ends(one)))
        if one.sent_id in out or (is_told and one.sent_id not in known):
            kept.append(None)
            continue
        known.add(one.sent_id)
        tells = is_told or not out.isdisjoint(inner)
        kept.append(_without(one, out, identification if tells else None))
    return kept


def screened_rows(connection: sa.Connection, rows: Sequence[Event]) -> Sequence[Event]:
    """Those events of an import that may be kept, as they may be; see `screened`.

    They tell of who they are by the traits that the ladder in use tells people by.
    """
    if not is_any_suppressed(connection):
        return rows
    known_by = Identification.kept(connection)
    arrivals = [_arrival(row, known_by) for row in rows]
    return [Event(*one[:6]) for one in screened(connection, arrivals) if one is not None]


def _arrival(row: Event, known_by: Identification | None) -> Arrival:
    arrival = Arrival(row.message_id or "", *row[1:])
    if known_by is None or row.name != known_by.traits_event:
        return arrival
    told = known_by.of_traits(parse_object(row.properties) or {})
    return arrival._replace(links=links_between(row.lead_id, told, is_anonymous=False))


def is_stripped(sent: Arrival, kept: Arrival) -> bool:
    """Whether something that an arrival told of somebody else was left out."""
    return sent.properties != kept.properties


def _known(connection: sa.Connection, ids: Sequence[str]) -> set[str]:
    """Those of some ids of which something is known."""
    found: set[str] = set()
    for part in in_parts(ids):
        own = sa.select(places_of(connection.dialect.name, part).c.lead_id).distinct()
        joined = sa.select(identities.c.id).where(identities.c.id.in_(part))
        found |= {*connection.scalars(own), *connection.scalars(joined)}
    return found


def _without(arrival: Arrival, out: set[str], identification: Identification | None) -> Arrival:
    """An arrival that names none of some ids beside its own, nor tells what they are told by."""
    anonymous_id, previous_id = (
        None if one in out else one for one in (arrival.anonymous_id, arrival.previous_id)
    )
    links = tuple(one for one in arrival.links if not out.intersection(one[1:]))
    arrival = arrival._replace(anonymous_id=anonymous_id, previous_id=previous_id, links=links)
    if identification is None:
        return arrival
    told = parse_object(arrival.properties) or {}
    left = _left(told, out, identification)
    if left == told:
        return arrival
    return arrival._replace(properties=json.dumps(left, ensure_ascii=False, separators=(",", ":")))


def _told_within(arrival: Arrival, known_by: Identification | None) -> set[str]:
    """The ids that traits of a lead would tell if they did not stand within others."""
    if known_by is None or arrival.name != known_by.traits_event:
        return set()
    if "{" not in arrival.properties[1:] and "[" not in arrival.properties:
        return set()
    told = parse_object(arrival.properties) or {}
    return {one for name, value in _plain_values(told) if (one := known_by.of_trait(name, value))}


def _plain_values(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    """Every value that holds no others, at any depth, with the name that it stands under."""
    if isinstance(value, dict):
        for inner_name, inner in value.items():
            yield from _plain_values(inner, inner_name)
    elif isinstance(value, list):
        for inner in value:
            yield from _plain_values(inner, name)
    else:
        yield name, value


def _left(
    told: dict[str, object], out: Container[str], known_by: Identification
) -> dict[str, object]:
    """Properties without the values that tell of some ids, at any depth."""

    def is_left(name: str, value: object) -> bool:
        return isinstance(value, dict | list) or known_by.of_trait(name, value) not in out

    def pruned(name: str, value: object) -> object:
        if isinstance(value, dict):
            return {key: pruned(key, one) for key, one in value.items() if is_left(key, one)}
        if isinstance(value, list):
            return [pruned(name, one) for one in value if is_left(name, one)]
        return value

    return {name: pruned(name, value) for name, value in told.items() if is_left(name, value)}
