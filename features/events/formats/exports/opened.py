"""Rows of an export as events of ours: one, none or several of a row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from features.events.formats.exports.records import tells_what_came_later
from features.events.formats.layout import Layout, Places, letters, taken
from features.events.junk_ids import is_junk
from features.events.properties import parse_object, property_json

__all__ = ["Exported", "Opener"]

IDENTIFY: Final = "identify"
_VIEWED: Final = {"page": "page_viewed", "screen": "screen_viewed"}
_DEVICE: Final = "$device:"
"""What Mixpanel writes before the id of a device that nobody has used by name."""
_PARAMETERS: Final = ("string_value", "int_value", "float_value", "double_value")
_WHOLE: Final = re.compile(r"-?[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Exported:
    """An event as an export tells it, each part in whatever type it has there.

    Parameters
    ----------
    is_unknown : whether the lead has not said who they are.
    """

    lead: object
    anonymous: object
    name: object
    occurred_at: object
    known_at: object
    message_id: object
    properties: dict[str, Any]
    is_unknown: bool = False


@dataclass(slots=True)
class Opener:
    """Makes events of the rows of one export.

    Parameters
    ----------
    traits : what the ladder calls the event with what is known of a lead.
    nested : the properties that a ladder reads whose names are paths, such as `plan.name`.
    later : the columns of records that were left out, as they tell what came later.
    """

    layout: Layout
    traits: str = IDENTIFY
    nested: tuple[str, ...] = ()
    later: set[str] = field(default_factory=set)
    _known: dict[str, str] = field(default_factory=dict)
    _read: frozenset[str] = frozenset()
    _read_inside: frozenset[str] = frozenset()
    _packed: frozenset[str] = frozenset()
    _of_users: Places = ()

    def __post_init__(self) -> None:
        """Which columns, and which members of theirs, say something else than a property."""
        layout = self.layout
        places = {*layout.lead, *layout.anonymous, *layout.event, *layout.occurred_at}
        self._of_users = tuple(one for one in layout.lead if one not in layout.anonymous)
        places |= {*layout.known_at, *layout.message_id, *layout.opened, *layout.traits}
        self._read = frozenset(places)
        self._packed = frozenset(place.partition(".")[0] for place in places if "." in place)
        self._read_inside = frozenset(place.partition(".")[2] for place in places)

    def events(self, row: Mapping[str, Any]) -> Iterator[Exported]:
        """The events that a row tells."""
        kind = self.layout.kind
        texts = {name: _unpacked(row.get(name)) for name in self._packed}
        row = {**row, **{name: value for name, value in texts.items() if value is not None}}
        if kind == "records":
            yield from self._record({letters(name): value for name, value in row.items()})
        elif kind == "calls":
            yield self._call(row)
        else:
            yield from self._event(row)

    # ------------------------------------------------------------------------------------- events

    def _event(self, row: Mapping[str, Any]) -> Iterator[Exported]:
        layout = self.layout
        name = taken(row, layout.event) if layout.event else layout.always
        name = layout.names.get(name, name) if isinstance(name, str) else name
        name = layout.always if name is None and layout.always else name
        known = _opened(row, layout.traits)
        properties = {**self._kept(row), **self._inner(row)}
        if name == IDENTIFY:
            properties = {**properties, **known}
        found = self._told(row, self.traits if name == IDENTIFY else name, properties)
        if known and name != IDENTIFY and self._are_news(found.lead, known):
            id_ = found.message_id
            yield Exported(
                found.lead, None, self.traits, found.occurred_at, found.known_at,
                f"{id_}/traits"[:_LONGEST] if isinstance(id_, str) else None, known,
            )  # fmt: skip
        yield found

    def _inner(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The members of the opened objects but those that say something else than a property."""
        found = _opened(row, self.layout.opened)
        return {name: value for name, value in found.items() if name not in self._read_inside}

    def _are_news(self, lead: object, known: dict[str, Any]) -> bool:
        text = property_json(known)
        if self._known.get(str(lead)) == text:
            return False
        self._known[str(lead)] = text
        return True

    def _kept(self, row: Mapping[str, Any]) -> dict[str, Any]:
        layout = self.layout
        if layout.renamed:
            return {name: taken(row, (place,)) for name, place in layout.renamed}
        if layout.kept != ("*",):
            return {name: row[name] for name in layout.kept if row.get(name) not in (None, "")}
        return {
            name: value
            for name, value in row.items()
            if name not in self._read
            and not (layout.left_out and name.startswith(layout.left_out))
            and value not in (None, "")
            and not isinstance(value, dict | list)
        }

    def _told(self, row: Mapping[str, Any], name: object, properties: dict[str, Any]) -> Exported:
        layout = self.layout
        for path in self.nested:
            if path not in properties:
                properties[path] = taken(properties, (path,))
        lead = _first_id(row, layout.lead)
        return Exported(
            lead=lead,
            anonymous=_first_id(row, layout.anonymous),
            name=name,
            occurred_at=taken(row, layout.occurred_at),
            known_at=taken(row, layout.known_at),
            message_id=taken(row, layout.message_id),
            properties={key: value for key, value in properties.items() if value is not None},
            is_unknown=self._is_unknown(row),
        )

    def _is_unknown(self, row: Mapping[str, Any]) -> bool:
        """Whether a row names a device alone, or somebody who has not said who they are."""
        layout = self.layout
        if not layout.anonymous:
            return False
        if layout.unknown_unless:
            said = [taken(row, (place,)) for place in layout.unknown_unless]
            if any(str(one).lower() == "false" for one in said):
                return True
            if str(said[0]).lower() == "true":
                return False
        user = _first_id(row, self._of_users)
        if self._of_users != layout.lead:
            return user is None
        device = _first_id(row, layout.anonymous)
        return user is not None and user in (device, f"{_DEVICE}{device}")

    # -------------------------------------------------------------------------------------- calls

    def _call(self, row: Mapping[str, Any]) -> Exported:
        call = row.get("type")
        properties = _opened(row, ("properties",))
        name = row.get("event") if call == "track" else call
        if call == "identify":
            name = self.traits
            properties = _opened(row, ("traits",)) or _opened(row, ("context.traits",))
        elif call in _VIEWED:
            name = _VIEWED[str(call)]
            titles = {part: row[part] for part in ("name", "category") if row.get(part)}
            properties = {**titles, **properties}
        elif call == "group":
            properties = {**_opened(row, ("traits",)), "group_id": row.get("groupId")}
        found = self._told(row, name, properties)
        if call == "alias" and found.anonymous is None:
            # What a visitor was called before: the user claims it, as by an anonymous id.
            previous = _first_id(row, ("previousId",))
            found = replace(found, anonymous=previous)
        return found

    # ------------------------------------------------------------------------------------ records

    def _record(self, row: Mapping[str, Any]) -> Iterator[Exported]:
        layout = self.layout
        id_ = taken(row, _spelt(layout.message_id))
        lead = _first_of_several(_first_id(row, _spelt(layout.lead)))
        live = f"{layout.live}{lead}" if layout.live and lead is not None else None
        if lead is None and layout.alone and id_ is not None:
            lead = f"{layout.alone}{id_}"
        ids = lead, live
        told = 0
        for number, dated in enumerate(layout.dated):
            at = taken(row, _spelt(dated.at))
            if at is None or not _holds(row, dated.only_if):
                continue
            also = {name: taken(row, _spelt(places)) for name, places in dated.also}
            properties = {name: value for name, value in also.items() if value is not None}
            if not number and (known := self._traits_of(row)):
                yield self._at(ids, self.traits, at, id_, known)
            yield self._at(ids, dated.event, at, id_, properties)
            told += 1
        if not told:  # without any date it is no event: it is refused, and not forgotten
            yield self._at(ids, layout.dated[0].event, None, id_, {})

    def _at(
        self, ids: tuple[object, str | None], name: str, at: object, id_: object,
        properties: dict[str, Any],
    ) -> Exported:  # fmt: skip
        """An event of a record, whose lead has an id, and perhaps another one."""
        message_id = None if id_ is None else f"{self.layout.name}/{id_}/{name}"
        return Exported(*ids, name, at, None, message_id, properties)

    def _traits_of(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """What a record says of a lead, but what was filled in as it went on."""
        layout = self.layout
        used = {
            letters(place)
            for places in (layout.lead, layout.message_id, *(one.at for one in layout.dated))
            for place in places
        }
        said = {n: v for n, v in row.items() if n and n not in used and v not in (None, "")}
        later = {name for name in said if tells_what_came_later(name)}
        self.later |= later
        return {name: value for name, value in said.items() if name not in later}


_LONGEST: Final = 132
_SEVERAL: Final = re.compile(r"\s*([0-9]+)(?:\s*[;,]\s*[0-9]+)+\s*")


def _unpacked(value: object) -> object:
    """An object that a column holds as its JSON text; None for anything else."""
    return parse_object(value) if isinstance(value, str) and value[:1] == "{" else None


def _holds(row: Mapping[str, Any], conditions: tuple[tuple[str, str], ...]) -> bool:
    return not conditions or any(
        re.fullmatch(pattern, str(row.get(letters(column)) or "").strip())
        for column, pattern in conditions
    )


def _spelt(places: Places) -> Places:
    return tuple(letters(place) for place in places)


def _first_id(row: Mapping[str, Any], places: Places) -> object:
    """The first id that is somebody's."""
    found = (taken(row, (place,)) for place in places)
    return next((one for one in found if one is not None and not _is_nobody(one)), None)


def _first_of_several(id_: object) -> object:
    """Of the numbers of several people in one cell the first, as the webhooks take it."""
    several = _SEVERAL.fullmatch(id_) if isinstance(id_, str) else None
    return several[1] if several else id_


def _is_nobody(id_: object) -> bool:
    return isinstance(id_, str) and is_junk(id_)


def _opened(row: Mapping[str, Any], places: Places) -> dict[str, Any]:
    """The members of some objects, of which that of the first place wins."""
    found: dict[str, Any] = {}
    for place in reversed(places):
        found |= _members(taken(row, (place,)))
    return found


def _members(value: object) -> dict[str, Any]:
    """An object, its JSON text, or a list of keys with values as GA4 has it, as an object."""
    if isinstance(value, str):
        text = value.strip()
        value = parse_object(text if text[:1] != "[" else f'{{"list": {text}}}') or {}
        value = value.get("list", value)
    if isinstance(value, dict):
        return value
    if not isinstance(value, list):
        return {}
    return {
        str(one["key"]): _parameter(one.get("value"))
        for one in value
        if isinstance(one, dict) and one.get("key")
    }


def _parameter(value: object) -> object:
    """The one value that is there of those of several types; whole numbers may come as texts."""
    if not isinstance(value, dict):
        return value
    for kind in _PARAMETERS:
        found = value.get(kind)
        if found is not None:
            is_text = kind == "int_value" and isinstance(found, str) and _WHOLE.fullmatch(found)
            return int(found) if is_text else found
    return None
