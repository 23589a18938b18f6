"""How an export of another tool is laid out: which of its columns says what of an event."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal

from features.json_paths import JsonPath, parse_path, value_at

__all__ = ["ClockUnit", "Dated", "Layout", "Places", "letters", "parts_of", "taken"]

ClockUnit = Literal["rfc3339", "us", "ms", "s", "h", "d"]
Places = tuple[str, ...]
"""Columns, or paths into them such as `properties.time`; the first that says something counts."""

_MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class Dated:
    """A date of a record that tells an event, such as the day on which a deal was won.

    Parameters
    ----------
    only_if : columns with the pattern that a value of one of them must match; empty: always.
    also : properties of the event, each with its columns.
    """

    event: str
    at: Places
    only_if: tuple[tuple[str, str], ...] = ()
    also: tuple[tuple[str, Places], ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of an export are laid out.

    Parameters
    ----------
    title : to be read after "looks like".
    marks : an export is known by having, of each of these groups, at least one column.
    never : columns that it has not.
    lead : where the id of the lead stands, that of a user before that of a device.
    alone : what stands before a record's own id where the record names nobody: it is a lead of its
        own, and not the person who happens to have its number; empty: it is a bad row.
    live : what stands before the lead's id where the same tool's webhooks name it: so it is found
        by both.
    anonymous : where the anonymous id stands that a row with a user's id links with it.
    unknown_unless : where false says that the lead has not said who they are. So it is without
        them where the lead's id is the anonymous one.
    event : where the name of the event stands.
    always : the name of events that have none there.
    names : what events are called here instead of their name there; "identify" is the event with
        traits, whatever the ladder calls it.
    unit, known_unit : of times that are numbers; h and d are hours and days.
    since : from when these count, in microseconds since the epoch.
    opened : objects whose members are properties; a member that stands before wins.
    traits : objects whose members are what is known of the lead: an event of its own where they
        differ from what an earlier row of the lead said.
    renamed : properties by their names here, each with its place.
    kept : other columns that are properties; `("*",)` stands for all that have a plain value.
    left_out : of those all that begin so.
    kind : "events" has an event a row, "calls" a call of the Segment specification, "records" a
        contact or a deal with several dates.
    dated : the dates of a record, in the order in which they usually come.
    zone : the time zone of times without one, where the publisher says so.
    """

    name: str
    title: str
    marks: tuple[Places, ...]
    lead: Places
    alone: str = ""
    live: str = ""
    anonymous: Places = ()
    unknown_unless: Places = ()
    event: Places = ()
    always: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    occurred_at: Places = ()
    unit: ClockUnit = "rfc3339"
    known_at: Places = ()
    known_unit: ClockUnit = "rfc3339"
    since: int = 0
    message_id: Places = ()
    opened: Places = ()
    traits: Places = ()
    kept: Places = ()
    left_out: tuple[str, ...] = ()
    kind: Literal["events", "calls", "records"] = "events"
    dated: tuple[Dated, ...] = ()
    zone: str | None = None
    never: Places = ()
    renamed: tuple[tuple[str, str], ...] = ()

    def lacks(self, names: Sequence[str]) -> list[str]:
        """The columns that a file with these ones lacks to be such an export."""
        have = {self._spelt(name) for name in names}
        missing = [group for group in self.marks if not any(self._in(one, have) for one in group)]
        return [_either(group) for group in missing]

    def fits(self, names: Sequence[str]) -> bool:
        """Whether a file with these columns may be such an export."""
        return not self.lacks(names) and not any(one in names for one in self.never)

    def _in(self, place: str, have: set[str]) -> bool:
        """Whether a place is among columns, or its beginning is where it lies deeper."""
        parts = parts_of(place)
        top = f"{parts[0]}.{parts[1]}" if len(parts) > 2 else self._spelt(place)
        return top in have

    def _spelt(self, column: str) -> str:
        return letters(column) if self.kind == "records" else column

    def sentence(self, names: Sequence[str]) -> str:
        """What an export with these columns is taken for, and what that means."""
        have = {self._spelt(name) for name in names}

        def there(places: Places) -> str:
            return _either(tuple(one for one in places if self._in(one, have)) or places)

        otherwise = f", or {self.alone} and {there(self.message_id)}" if self.alone else ""
        said = [f"looks like {self.title}: {there(self.lead)}{otherwise} is the lead"]
        if any(self._in(one, have) for one in self.anonymous):
            said.append(f"{there(self.anonymous)} beside it is linked to it")
        if self.kind == "records":
            said.append("a row is an event for each of its dates")
        else:
            said.append(f"{there(self.event) if self.event else repr(self.always)} the event")
            said.append(f"{there(self.occurred_at)} when it happened")
        return ", ".join(said)


def _either(places: Places) -> str:
    return " or ".join(places)


def taken(row: Mapping[str, object], places: Places) -> object:
    """What the first of some places says that says something; None where none does."""
    for place in places:
        value = row.get(place, _MISSING)
        if value is _MISSING:
            path = parts_of(place)
            value = value_at(row, path) if len(path) > 1 else None
        if value is not None and value != "":
            return value
    return None


@lru_cache(maxsize=1024)
def parts_of(place: str) -> JsonPath:
    """The parts of a place; a name that is no path stands for itself."""
    return parse_path(place) or (place,)


_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_ODD: Final = re.compile(r"[^0-9a-z]+")


@lru_cache(maxsize=4096)
def letters(column: str) -> str:
    """A column as exports of records spell it alike: small letters and digits, _ between words."""
    return _ODD.sub("_", _HUMP.sub("_", column).casefold()).strip("_")
