"""Reads TOML tables for people who own the file: typed values, and all mistakes at once.

A `Table` hands out values and notes what is wrong with them at the path where it stands. It knows
TOML and nothing of ladders; what the keys mean is in `features.ladder.file`.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from itertools import islice
from typing import Any, Final, Literal, TypeVar

from features.errors import LadderError, Mistake, did_you_mean

__all__ = [
    "FileOrder",
    "Found",
    "PropertyUse",
    "Table",
    "as_number",
    "as_texts",
    "listed",
    "parse_toml",
]

T = TypeVar("T")
_Holder = dict[str, object] | list[object]
SpanUnit = Literal["days", "hours", "minutes"]

_MOST_DAYS: Final = 36_500
_LONGEST: Final[Mapping[SpanUnit, int]] = {
    "days": _MOST_DAYS,
    "hours": 24 * _MOST_DAYS,
    "minutes": 24 * 60 * _MOST_DAYS,
}
"""A hundred years. What is longer is in another unit, and instants that far away have no number."""
_MOST_LEVELS: Final = 50
"""Tables and lists in each other; no file of ours needs ten."""
_BYTE_ORDER_MARK: Final = "\ufeff"

_HEADER = re.compile(r"^[^\S\n]*(\[\[?)\s*([A-Za-z0-9_-]+)\s*\]", re.MULTILINE)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""What no text is meant to hold: a NUL no database takes. Lines and tabs may be."""
_NO_LINE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""What a title does not hold: beside those, all that ends a line or moves along it."""
_PART: Final = re.compile(r"[.\[]")
"""What a further part of a path begins with."""
_LARGEST: Final = 1e12
_MOST_LISTED: Final = 50
"""Of more options nobody reads a list; each of many mistakes would bring it anew."""
_TOML_PLACE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")


# --------------------------------------------------------------------------------- Text and order


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """The values of a TOML text; `source` is what an error calls it.

    A byte order mark, with which editors on Windows begin a file, is passed over.

    Raises
    ------
    LadderError : with one mistake: the syntax error and its line, or tables and lists in each other
        without an end.
    """
    try:
        values = tomllib.loads(text.removeprefix(_BYTE_ORDER_MARK))
    except tomllib.TOMLDecodeError as error:
        place = _TOML_PLACE.search(str(error))
        last = text.count("\n") + 1
        line = place[1] if place and place[1] else str(last)
        problem = f"is not TOML: {_TOML_PLACE.sub('', str(error))}"
        raise LadderError(source, [Mistake(f"line {line}", problem)]) from error
    except RecursionError as error:  # lists and tables in lines, which are read by recursion
        raise LadderError(source, [_too_deep("file")]) from error
    for key, value in values.items():  # dotted keys and headers are not
        if _levels(value) > _MOST_LEVELS:
            raise LadderError(source, [_too_deep(key)])
    return values


def _too_deep(path: str) -> Mistake:
    return Mistake(path, f"has more than {_MOST_LEVELS} tables and lists in each other")


def _levels(value: object) -> int:
    """How many tables and lists are in each other, counted up to one more than may be."""
    level, levels = _held([value]), 0
    while level and levels <= _MOST_LEVELS:
        level, levels = [inner for outer in level for inner in _held(_inside(outer))], levels + 1
    return levels


def _held(values: Iterable[object]) -> list[_Holder]:
    return [value for value in values if isinstance(value, dict | list)]


def _inside(holder: _Holder) -> Iterable[object]:
    return holder.values() if isinstance(holder, dict) else holder


class FileOrder:
    """Where each path stands in the file. Steps and offers may alternate: headers are looked up."""

    def __init__(self, text: str, values: Mapping[str, object]) -> None:
        self._places = {path: place for place, path in enumerate(_paths(values, ""))}
        self._headers = _headers(text)

    def rank(self, path: str) -> tuple[int, int]:
        """A sort key: the header that the path stands under, then its place in the table."""
        while path not in self._places:  # a missing key stands where its table does
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        top = path.split(".", 1)[0]
        return self._headers.get(top, 0), self._places[path]


def _paths(value: object, path: str) -> Iterator[str]:
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _paths(inner, f"{path}[{index}]")


def _headers(text: str) -> dict[str, int]:
    """The offset of every top-level header: by `name`, and by `name[0]`, `name[1]` in arrays."""
    offsets: dict[str, int] = {}
    counts: dict[str, int] = {}
    for header in _HEADER.finditer(text):
        brackets, name = header.groups()
        offsets.setdefault(name, header.start())
        if brackets == "[[":
            index = counts.get(name, 0)
            counts[name] = index + 1
            offsets[f"{name}[{index}]"] = header.start()
    return offsets


# ------------------------------------------------------------------------------------ The reader


@dataclass(frozen=True, slots=True)
class PropertyUse:
    """One place that reads a property as a text or as a number."""

    property: str
    path: str
    is_text: bool


@dataclass(slots=True)
class Found:
    """What reading a file brought to light so far."""

    mistakes: list[Mistake] = field(default_factory=list)
    uses: list[PropertyUse] = field(default_factory=list)
    _wrong: set[str] = field(default_factory=set)
    """The paths of the mistakes, and the tables that hold them."""

    def wrong(self, path: str, problem: str, remedy: str = "") -> None:
        """Note a mistake."""
        self.note(Mistake(path, problem, remedy))

    def note(self, mistake: Mistake) -> None:
        """Note a mistake that was made out before."""
        self.mistakes.append(mistake)
        ends = islice(_PART.finditer(mistake.path), _MOST_LEVELS)  # a key may be made of dots
        self._wrong.update(mistake.path[: end.start()] for end in ends)
        self._wrong.add(mistake.path)

    def is_wrong(self, path: str) -> bool:
        """Whether a mistake was found at the path or below it."""
        return path in self._wrong


class Table:
    """One TOML table: hands out typed values, notes mistakes, knows its path and keys asked for.

    A value that is absent or wrong is replaced by one of the right type, so that reading goes on;
    who reads lets no such value out once a mistake was found.
    """

    def __init__(
        self, values: Mapping[str, object], path: str, found: Found, index: int = 0
    ) -> None:
        self.path = path
        self.found = found
        self.index = index
        self._values = values
        self._known: list[str] = []
        self._absent: dict[str, Mistake] = {}

    def at(self, key: str) -> str:
        """The path of a key of this table."""
        return f"{self.path}.{key}" if self.path else key

    def has(self, key: str) -> bool:
        """Whether the key is there, with a value of whatever type."""
        return key in self._values

    def is_doubtful(self, key: str) -> bool:
        """Whether a list of tables is none, or is perhaps incomplete for a misspelt header."""
        given = self._values.get(key, [])
        others = [other for other in self._values if other not in self._known]
        return not isinstance(given, list) or bool(get_close_matches(key, others))

    def wrong(self, key: str, problem: str, remedy: str = "") -> None:
        """Note a mistake at a key. One about an absent key waits: it may only be misspelt."""
        if self.has(key):
            self.found.wrong(self.at(key), problem, remedy)
        else:
            self._absent.setdefault(key, Mistake(self.at(key), problem, remedy))

    def close(self) -> None:
        """Note the keys that nobody asked for, and the absent ones that these do not explain."""
        for key in self._values:
            if key not in self._known:
                self.found.wrong(self.at(key), f"is not a key{did_you_mean(key, self._known)}")
                for meant in get_close_matches(key, self._known, n=1):
                    self._absent.pop(meant, None)
        for mistake in self._absent.values():
            self.found.note(mistake)

    def take(self, key: str) -> object:
        """The value as TOML has it; None where it is absent."""
        self._known.append(key)
        return self._values.get(key)

    def text(self, key: str, default: str | None = None) -> str:
        """A text; required without a default, and empty only where the default is."""
        value = self.take(key)
        if isinstance(value, str) and (value.strip() or default == ""):
            if _CONTROL.search(value):
                self.wrong(key, "has control characters")
            return value
        if value is not None:
            self.wrong(key, "is empty" if isinstance(value, str) else "must be a text")
        elif default is None:
            self.wrong(key, "is missing")
        return default or ""

    def line(self, key: str, default: str | None = None) -> str:
        """As `text`, of one line, as a title is: it stands in tables, lists and sentences."""
        value = self.text(key, default)
        if _NO_LINE.search(value) and not _CONTROL.search(value):
            self.wrong(key, "has a line break, a tab or another control character", "one line")
        return value

    def text_if_any(self, key: str) -> str:
        """A text that says something; "" where it is absent."""
        if self.has(key):
            return self.text(key)
        self.take(key)
        return ""

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, none of them twice; empty where it is absent."""
        value = self.take(key)
        if value is None:
            return ()
        names = as_texts(value)
        if names is None:
            self.wrong(key, "must be a list of texts")
        elif any(map(_CONTROL.search, names)):
            self.wrong(key, "has control characters")
        elif len(set(names)) < len(names):
            self.wrong(key, "names one thing twice")
        return names or ()

    def text_map(self, key: str) -> dict[str, str]:
        """A table of texts, which may be empty; an empty one where it is absent."""
        value = self.take(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.wrong(key, "must be a table of texts")
            return {}
        for name, text in value.items():
            if not isinstance(text, str):
                remedy = "a name with dots stands in quotes" if isinstance(text, dict) else ""
                self.found.wrong(f"{self.at(key)}.{name}", "must be a text", remedy)
        return {name: text for name, text in value.items() if isinstance(text, str)}

    def number(
        self, key: str, default: float | None = None, *, above: float | None = None
    ) -> float:
        """A finite number, at least 0 or else above a bound; without a default it is required.

        Sums and products of such numbers are finite as well.
        """
        number = self._number(key, default, above)
        if number > _LARGEST:
            self.wrong(key, f"must be at most {_LARGEST:g}")
        return number

    def _number(self, key: str, default: float | None, above: float | None) -> float:
        if above is None:
            return self.number_that(key, default, lambda number: number >= 0, "not be negative")
        return self.number_that(key, default, lambda number: number > above, f"be above {above:g}")

    def number_that(
        self, key: str, default: float | None, fits: Callable[[float], bool], must: str
    ) -> float:
        """A finite number that fits; `must` says what it must do to fit, as in "be above 1"."""
        value = self.take(key)
        if value is None:
            if default is None:
                self.wrong(key, "is missing")
            return default or 0.0
        number = as_number(value)
        if number is None:
            self.wrong(key, "must be a number")
        elif not fits(number):
            self.wrong(key, f"must {must}")
        return number or 0.0

    def span(
        self,
        key: str,
        default: float | None = None,
        *,
        above: float | None = None,
        unit: SpanUnit = "days",
    ) -> float:
        """How long something takes: as `number`, and no longer than a hundred years."""
        number = self._number(key, default, above)
        if number > _LONGEST[unit]:
            self._too_long(key, unit)
        return number

    def span_if_any(self, key: str, unit: SpanUnit = "days") -> float | None:
        """As `span`, above 0; None where it is absent."""
        if self.has(key):
            return self.span(key, above=0.0, unit=unit)
        self.take(key)
        return None

    def _too_long(self, key: str, unit: SpanUnit) -> None:
        problem = f"must be at most {_LONGEST[unit]}, a hundred years"
        self.wrong(key, problem, f"it is a number of {unit}")

    def whole(self, key: str, default: int, *, at_least: int) -> int:
        """A whole number, at least a bound."""
        value = self.take(key)
        if value is None:
            return default
        if isinstance(value, int) and not isinstance(value, bool) and value >= at_least:
            return value
        self.wrong(key, f"must be a whole number, {at_least} or more")
        return default

    def whole_days(self, key: str) -> int | None:
        """A positive whole number of days, as `span`; None where it is absent."""
        value = self.take(key)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            if value > _MOST_DAYS:
                self._too_long(key, "days")
            return min(value, _MOST_DAYS)
        self.wrong(key, "must be a whole number of days above 0")
        return None

    def flag(self, key: str, *, default: bool = False) -> bool:
        """A truth value; False where it is absent, unless it is to be otherwise."""
        value = self.take(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.wrong(key, "must be true or false")
        return value is True

    def instant(self, key: str) -> datetime | None:
        """An instant, in UTC; None where it is absent or wrong."""
        value = self.take(key)
        if isinstance(value, datetime) and value.tzinfo is not None:
            return value.astimezone(UTC)
        if value is not None:
            self.wrong(key, "must be an instant with an offset", "as 2026-03-01T09:00:00+01:00")
        return None

    def choice(self, key: str, options: Sequence[T], default: T | None = None) -> T | None:
        """One of the options; None where it is wrong, or absent without a default."""
        value = self.take(key)
        if value is None:
            if default is None:
                self.wrong(key, "is missing", f"one of {listed(options)}")
            return default
        if value in options:
            return options[options.index(value)]
        hint = did_you_mean(str(value), [str(option) for option in options])
        self.wrong(key, f"cannot be {value!r}{hint}", f"one of {listed(options)}")
        return None

    def one(self, key: str, read: Callable[[Table], T], *, required: bool = True) -> T:
        """A table, read and closed. Nothing is noted about the inside of an absent one."""
        value = self.take(key)
        if isinstance(value, dict):
            return _read_closed(Table(value, self.at(key), self.found), read)
        if value is not None:
            self.wrong(key, "must be a table")
        elif required:
            self.wrong(key, "is missing")
        return read(Table({}, "", Found()))

    def each(self, key: str, read: Callable[[Table], T]) -> tuple[T, ...]:
        """A list of tables, each read and closed; empty where it is absent."""
        value = self.take(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            header = f"written [[{key}]]" if not self.path else f"{key} = [{{...}}]"
            self.wrong(key, "must be a list of tables", header)
            return ()
        return tuple(self._item(key, index, item, read) for index, item in enumerate(value))

    def _item(self, key: str, index: int, item: object, read: Callable[[Table], T]) -> T:
        path = f"{self.at(key)}[{index}]"
        if isinstance(item, dict):
            return _read_closed(Table(item, path, self.found, index), read)
        self.found.wrong(path, "must be a table")
        return read(Table({}, "", Found()))


def _read_closed(table: Table, read: Callable[[Table], T]) -> T:
    value = read(table)
    table.close()
    return value


def as_number(value: object) -> float | None:
    """A finite float; None for anything else, truth values included."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # TOML integers have no largest value here
        return None


def as_texts(value: object) -> tuple[str, ...] | None:
    """The texts of a list, none of them empty; None for anything else."""
    if not isinstance(value, list):
        return None
    texts = tuple(item for item in value if isinstance(item, str) and item.strip())
    return texts if len(texts) == len(value) else None


def listed(options: Sequence[object]) -> str:
    """The options in words, to choose one of; the first of very many."""
    more = len(options) - _MOST_LISTED
    told = ", ".join(str(option) for option in options[:_MOST_LISTED])
    return f"{told} and {more} more" if more > 0 else told
