"""Rules of a ladder file: which events meet them."""

from __future__ import annotations

from typing import get_args

from features.errors import did_you_mean
from features.ladder.event_rule import impossible_property
from features.ladder.ladder import Condition, EventRule, Operator
from features.toml_table import Found, PropertyUse, Table, as_number, as_texts, listed

__all__ = ["read_pattern", "read_rule"]

_OPERATORS: tuple[Operator, ...] = get_args(Operator)


def read_rule(table: Table) -> EventRule:
    """A rule that names one event, and what its properties must be."""
    rule = read_pattern(table)
    if rule.event.startswith("*"):
        table.wrong("event", f"cannot be {rule.event!r}", "a * can only stand in [activity]")
    return rule


def read_pattern(table: Table) -> EventRule:
    """A rule whose name may begin with a * that stands for anything."""
    event, where = table.text("event"), table.take("where")
    if "*" in event[1:]:
        table.wrong("event", f"cannot be {event!r}", "a * can only be the first letter")
    if where is None:
        return EventRule(event)
    if not isinstance(where, dict):
        table.wrong("where", "must be a table", "as {seconds = {at_least = 300}}")
        return EventRule(event)
    conditions = tuple(
        condition
        for name, given in where.items()
        for condition in _read_conditions(table.found, f"{table.at('where')}.{name}", given)
    )
    if (name := impossible_property(conditions)) is not None:
        problem = "can never be met: no value is all of that at once"
        table.found.wrong(f"{table.at('where')}.{name}", problem)
    return EventRule(event, conditions)


def _read_conditions(found: Found, path: str, given: object) -> list[Condition]:
    """The conditions on one property: a bare value, a list of texts, or a table of operators."""
    if isinstance(given, dict):
        claims = [(f"{path}.{operator}", operator, value) for operator, value in given.items()]
    else:
        claims = [(path, "one_of" if isinstance(given, list) else "is", given)]
    if not claims:
        found.wrong(path, "states no condition", f"one of {listed(_OPERATORS)}")
    name = path.partition(".where.")[2]
    conditions = [_read_condition(found, name, *claim) for claim in claims]
    return [condition for condition in conditions if condition is not None]


def _read_condition(
    found: Found, name: str, path: str, given: str, value: object
) -> Condition | None:
    operator = next((known for known in _OPERATORS if known == given), None)
    if operator is None:
        hint = did_you_mean(given, _OPERATORS)
        found.wrong(path, f"is not an operator{hint}", f"one of {listed(_OPERATORS)}")
        return None
    operand = _operand(operator, value)
    if operand is None:
        found.wrong(path, f"must be {_OPERANDS.get(operator, 'a number')}")
        return None
    condition = Condition(name, operator, operand)
    found.uses.append(PropertyUse(name, path, condition.is_text))
    return condition


_OPERANDS: dict[Operator, str] = {
    "is": "a number, a text or a truth value",
    "is_not": "a number, a text or a truth value",
    "one_of": "a list of texts, not empty",
}


def _operand(operator: Operator, value: object) -> float | str | tuple[str, ...] | None:
    """What an operator compares with; None for a value that it cannot compare with."""
    if operator == "one_of":
        return as_texts(value) or None
    if operator in ("is", "is_not"):
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            return float(value)
    return as_number(value)
