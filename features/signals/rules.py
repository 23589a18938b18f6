"""Whether a single event meets a rule: what the compiled fold decides for whole logs.

For the few places that read one event at a time; a test holds the two together.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from features.events.properties import as_text, number_or_nan
from features.ladder.ladder import Condition, EventRule, Operator

__all__ = ["RulesByName", "met", "met_any", "text_or_none"]

_COMPARISONS: Final[Mapping[Operator, Callable[[float, float], bool]]] = {
    "at_least": operator.ge,
    "at_most": operator.le,
    "above": operator.gt,
    "below": operator.lt,
    "is": operator.eq,
    "is_not": operator.ne,
}


def met(rule: EventRule, name: str, properties: Mapping[str, object]) -> bool:
    """Whether an event of this name, with these properties as they came, meets the rule."""
    if rule.event != name and not (rule.event[:1] == "*" and rule.names(name)):
        return False
    for condition in rule.where:  # noqa: SIM110 - on the request path; all() takes twice as long
        if not _holds(condition, properties.get(condition.property)):
            return False
    return True


def met_any(rules: Iterable[EventRule], name: str, properties: Mapping[str, object]) -> bool:
    """Whether an event meets at least one of the rules; none are met by nothing."""
    for rule in rules:  # noqa: SIM110 - likewise
        if met(rule, name, properties):
            return True
    return False


class RulesByName:
    """Rules of which an event has to meet one: as `met_any`, for those that are asked often."""

    def __init__(self, rules: Iterable[EventRule]) -> None:
        rules = tuple(rules)
        self._others = tuple(rule for rule in rules if rule.event[:1] == "*")
        """They may be met by an event of any name."""
        self._of_name = {
            name: tuple(rule for rule in rules if rule.event[:1] == "*" or rule.event == name)
            for name in {rule.event for rule in rules}
        }

    def met(self, name: str, properties: Mapping[str, object]) -> bool:
        """Whether an event meets at least one of them."""
        return met_any(self._of_name.get(name, self._others), name, properties)


def _holds(condition: Condition, value: object) -> bool:
    """One condition. NaN, which an absent number is, differs from all: it meets `is_not` alone."""
    wanted = condition.value
    if isinstance(wanted, float | int):
        return _COMPARISONS[condition.operator](number_or_nan(value), wanted)
    words = (wanted,) if isinstance(wanted, str) else wanted
    return (text_or_none(value) in words) != (condition.operator == "is_not")


def text_or_none(value: object) -> str | None:
    """As `as_text`; None for what nests too deep, or has too many digits, to be written down."""
    try:
        return as_text(value)
    except (RecursionError, ValueError):
        return None
