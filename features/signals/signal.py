"""One signal: what it aggregates and how, and the sentence that says its value to a salesperson."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Literal

from features.ladder.ladder import EventRule
from features.ladder.words import Counted, things

__all__ = ["Op", "Signal", "literal", "words"]


class Op(IntEnum):
    """How a signal aggregates. The numbers are the kernel's; a test holds the two together."""

    COUNT = 0
    SUM = 1
    MEAN = 2
    MAX = 3
    MIN = 4
    LAST = 5
    DAYS_SINCE_FIRST = 6
    DAYS_SINCE_LAST = 7
    ACTIVE_DAYS = 8
    DECAYED_COUNT = 9
    DISTINCT = 10
    TREND = 11
    STREAK = 12
    HOURS_WAITING = 13
    REPLY_HOURS = 14
    POSITION = 15
    STEPS_COMPLETED = 16
    DAYS_AT_POSITION = 17
    PACE = 18
    PROFILE_COMPLETENESS = 19
    DAYS_UNTIL = 20


Group = Literal["step", "activity", "against", "position", "offers", "replies", "profile", "custom"]


@dataclass(frozen=True, slots=True)
class Signal:
    """One number (or category) about a lead at an instant.

    Parameters
    ----------
    of : the events it aggregates; empty means all that the lead itself did and that shows interest.
    until : for STREAK, HOURS_WAITING and REPLY_HOURS, the events that end what `of` begins.
    measure : the property that is aggregated; "" for counts and times.
    is_category : the measure is a text, and the signal's value one of its texts.
    window_days : only events younger than this count; None means all.
    half_life_days : the age at which an event counts half (DECAYED_COUNT), or the short half-life
        of TREND, whose long one is four times as long.
    says, says_never : the sentence with `{value}`, `{ago}`, `{count:thing}` or, for numbers that
        say nothing to people, `{busy}`, `{pace}`, `{trend}`, `{wholes}` (of shares added up),
        `{amount:thing}` or `{hours}`; and the one for a value that is absent or, for counts, zero.
    is_against : it counts what speaks against the lead: more of it never raises a probability.
    skips_against : events of `of` that speak against the lead are passed over.
    """

    id: str
    group: Group
    op: Op
    says: str
    says_never: str
    of: tuple[EventRule, ...] = ()
    until: tuple[EventRule, ...] = ()
    measure: str = ""
    is_category: bool = False
    window_days: float | None = None
    half_life_days: float | None = None
    is_against: bool = False
    skips_against: bool = False

    @property
    def is_fit(self) -> bool:
        """Whether the signal says who the lead is, rather than what the lead did."""
        return self.group == "profile"

    def sentence(self, value: float | str | None) -> str:
        """What the value says to a salesperson. NaN, None and (where it counts) 0 are "never"."""
        if isinstance(value, str):
            return self.says.format(value=_Text(value))
        if value is None or math.isnan(value) or (value == 0 and self.op in _COUNTING):
            return self.says_never
        return self.says.format_map(_Told(value))

    @property
    def example(self) -> str:
        """What a made-up value of it says."""
        if self.is_category and self.op == Op.LAST:
            return self.sentence("…")
        return self.sentence(_EXAMPLES.get(self.op, 3.0))


_COUNTING = (
    Op.COUNT,
    Op.SUM,
    Op.ACTIVE_DAYS,
    Op.DECAYED_COUNT,
    Op.DISTINCT,
    Op.STREAK,
    Op.PROFILE_COMPLETENESS,
    Op.POSITION,
    Op.STEPS_COMPLETED,
)
"""Operations whose zero means that nothing happened."""

_EXAMPLES: Final[dict[Op, float]] = {
    Op.LAST: 120.0,
    Op.DAYS_SINCE_FIRST: 30.0,
    Op.DAYS_SINCE_LAST: 2.5,
    Op.DAYS_AT_POSITION: 2.5,
    Op.DECAYED_COUNT: 2.4,
    Op.TREND: 1.6,
    Op.HOURS_WAITING: 5.0,
    Op.REPLY_HOURS: 5.0,
    Op.PACE: 0.4,
    Op.PROFILE_COMPLETENESS: 0.75,
}
"""A value to say a sentence with; 3 where there is none."""


_Levels = tuple[tuple[float, str], ...]
_BUSY: _Levels = ((0.5, "hardly active"), (2.0, "a little active"), (5.0, "somewhat active"))
_PACE: _Levels = ((0.5, "quickly"), (1.5, "in about the usual time"))
_TREND: _Levels = ((0.7, "less active than usual"), (1.5, "as active as usual"))
_ABOVE: dict[_Levels, str] = {
    _BUSY: "very active",
    _PACE: "more slowly than usual",
    _TREND: "more active than usual",
}
"""What people say of a number that means nothing to them: up to each border, and above all."""

_WHOLE: Final = 1000.0
"""From here on the places of a number say nothing, and its powers of ten are no words."""
_NEARLY: Final = 0.75
_HALF: Final = 0.5


def _level(value: float, levels: _Levels) -> str:
    return next((words for border, words in levels if value < border), _ABOVE[levels])


class _Text(str):
    """Formats as itself, whatever the format asks for."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        return str(self)


class _Number(float):
    """Formats shortly where no format is asked for, and a share as shares are written elsewhere."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        told = format(float(self), spec or (".4g" if abs(self) < _WHOLE else ",.0f"))
        return f"{told[:-1]} %" if spec.endswith("%") else told


class _Told:
    """A number in all the ways that a sentence can tell it; each is made when it is asked for."""

    __slots__ = ("_value",)

    def __init__(self, value: float) -> None:
        self._value = value

    def __getitem__(self, way: str) -> object:
        return _WAYS[way](self._value)


def literal(text: str) -> str:
    """A user's words inside a template."""
    return text.replace("{", "{{").replace("}", "}}")


def _ago(days: float) -> str:
    """An age in words: "20 minutes ago", "3 days ago"."""
    told = _long(days * 24 * 60)
    return f"{told} ago" if told else "just now"


def _long(minutes: float) -> str:
    """How long, in the largest whole unit; "" for less than a minute."""
    for size, unit in ((60 * 24, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            number = int(minutes / size)
            return f"{number} {unit}{'s' if number != 1 else ''}"
    return ""


def _wholes(shares: float) -> str:
    """Shares of several things, added up: nobody watches a video 1.2 times."""
    if shares < _NEARLY:
        return "less than one whole"
    return "about one whole" if round(shares) <= 1 else f"about {round(shares):,} whole ones"


class _Amount(float):
    """Formats as a whole number of things, `{amount:second}`; what rounds to none is some."""

    __slots__ = ()

    def __format__(self, thing: str) -> str:
        if 0.0 < self <= _HALF:
            return f"less than 1 {thing}".rstrip()
        return things(round(float(self)), thing) if thing else f"{float(self):,.0f}"


_WAYS: Final[dict[str, Callable[[float], object]]] = {
    "value": _Number,
    "count": Counted,
    "ago": _ago,
    "busy": lambda value: _level(value, _BUSY),
    "pace": lambda value: _level(value, _PACE),
    "trend": lambda value: _level(value, _TREND),
    "wholes": _wholes,
    "amount": _Amount,
    "hours": lambda hours: _long(hours * 60) or "less than a minute",
}


def words(name: str) -> str:
    """An event's or a property's name, as words."""
    return name.replace("_", " ").replace("-", " ")
