"""Which events a ladder means: those of one name whose properties meet some conditions.

And what rules say of each other: whether one can be met at all, and whether one implies another. Of
numbers every value between two bounds is taken to be possible, also where a property counts.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import inf
from typing import Final, Literal

__all__ = [
    "Condition",
    "EventRule",
    "Gain",
    "Operator",
    "PatternBut",
    "implies",
    "impossible_property",
    "opposite",
]

Operator = Literal["is", "is_not", "one_of", "at_least", "at_most", "above", "below"]


@dataclass(frozen=True, slots=True)
class Condition:
    """A claim about one property of an event. An absent property meets no condition but `is_not`.

    `at_least`, `at_most`, `above` and `below` compare numbers; `is` and `is_not` compare a number,
    a truth value (stored as 1 or 0) or a text; `one_of` holds a tuple of texts.
    """

    property: str
    operator: Operator
    value: float | str | tuple[str, ...]

    @builtins.property  # the field `property` hides it here
    def is_text(self) -> bool:
        """Whether the condition reads a text property rather than a number."""
        return isinstance(self.value, str | tuple)


@dataclass(frozen=True, slots=True)
class EventRule:
    """Events of one name whose properties meet all conditions.

    Parameters
    ----------
    event : the name; in rules of activity "*_failed" stands for all names that end so, and "*" for
        all names.
    """

    event: str
    where: tuple[Condition, ...] = ()

    def names(self, name: str) -> bool:
        """Whether events of this name may meet the rule."""
        return name.endswith(self.event[1:]) if self.event[:1] == "*" else name == self.event

    @builtins.property
    def told_apart(self) -> tuple[str, ...]:
        """The names and patterns that have to be told apart to say which events meet the rule."""
        return (self.event,)


@dataclass(frozen=True, slots=True)
class PatternBut(EventRule):
    """A pattern, such as "*_failed", that stands for all names that end so but some, or for one.

    Only rules that follow from others are such: in a ladder's file a rule says one name.

    Parameters
    ----------
    but : the names that it does not stand for.
    only : the one name that it stands for; "" for all that end so.
    """

    but: tuple[str, ...] = ()
    only: str = ""

    def names(self, name: str) -> bool:
        """Whether events of this name may meet the rule."""
        if self.only:
            return name == self.only
        return name not in self.but and EventRule.names(self, name)

    @builtins.property
    def told_apart(self) -> tuple[str, ...]:
        """As of any rule: its own, and those that it does not stand for, or the only one."""
        return (self.event, *self.but, *((self.only,) if self.only else ()))


@dataclass(frozen=True, slots=True)
class Gain:
    """Events that are worth something: `worth` each, or `worth` times their `measure`."""

    rule: EventRule
    worth: float = 1.0
    measure: str = ""


_OPPOSITE: Final[Mapping[Operator, Operator]] = {
    "at_least": "below",
    "below": "at_least",
    "at_most": "above",
    "above": "at_most",
    "is": "is_not",
    "is_not": "is",
}


def impossible_property(conditions: Sequence[Condition]) -> str | None:
    """The first property of which no value meets all that is asked of it; None without."""
    named = sorted(conditions, key=lambda condition: condition.property)
    found = groupby(named, key=lambda condition: condition.property)
    return next((name for name, own in found if not _is_possible(list(own))), None)


def implies(rule: EventRule, other: EventRule) -> bool:
    """Whether every event that meets a rule meets the other one as well."""
    if rule.event != other.event:
        return False
    return all(
        _implies([own for own in rule.where if own.property == wanted.property], wanted)
        for wanted in other.where
    )


def _implies(own: list[Condition], wanted: Condition) -> bool:
    """Whether whatever meets the conditions on a property meets one more; absent is no value."""
    is_there = any(condition.operator != "is_not" for condition in own)
    if not is_there and wanted.operator != "is_not":
        return False
    return not _is_possible([*own, *opposite(wanted)])


def opposite(condition: Condition) -> list[Condition]:
    """Conditions that a value meets all of where it does not meet one; absent is no value."""
    name, value = condition.property, condition.value
    if isinstance(value, tuple):
        return [Condition(name, "is_not", one) for one in value]
    return [Condition(name, _OPPOSITE[condition.operator], value)]


def _is_possible(own: list[Condition]) -> bool:
    """Whether some value meets all conditions on one property."""
    named = [_values(condition) for condition in own if condition.operator in ("is", "one_of")]
    if named:
        return any(all(_holds(one, value) for one in own) for value in named[0])
    numbers = [one for one in own if isinstance(one.value, float | int)]
    low = max([-inf, *(float(one.value) for one in numbers if one.operator in _LOWER)])  # type: ignore[arg-type]
    high = min([inf, *(float(one.value) for one in numbers if one.operator in _UPPER)])  # type: ignore[arg-type]
    return low < high or (low == high and all(_holds(one, low) for one in own))


_LOWER: Final = ("at_least", "above")
_UPPER: Final = ("at_most", "below")


def _values(condition: Condition) -> tuple[float | str, ...]:
    value = condition.value
    return value if isinstance(value, tuple) else (value,)


def _holds(condition: Condition, value: float | str) -> bool:
    """One condition on a value that is there."""
    if condition.operator == "is_not":
        return value != condition.value
    if condition.operator in ("is", "one_of"):
        return value in _values(condition)
    if isinstance(value, str) or not isinstance(condition.value, float | int):
        return False
    wanted = condition.value
    return {
        "at_least": value >= wanted,
        "above": value > wanted,
        "at_most": value <= wanted,
        "below": value < wanted,
    }[condition.operator]
