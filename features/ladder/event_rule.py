"""Which events a ladder means: those of one name whose properties meet some conditions."""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from typing import Literal

__all__ = ["Condition", "EventRule", "Gain", "Operator"]

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


@dataclass(frozen=True, slots=True)
class Gain:
    """Events that are worth something: `worth` each, or `worth` times their `measure`."""

    rule: EventRule
    worth: float = 1.0
    measure: str = ""
