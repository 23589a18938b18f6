"""Which events a ladder means: those of one name whose properties meet some conditions."""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from typing import Literal

__all__ = ["Condition", "EventRule", "Gain", "Operator", "PatternBut"]

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
