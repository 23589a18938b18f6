"""The ladder as a table, and a rule of it as text."""

from __future__ import annotations

from collections.abc import Iterator

from features.ladder.ladder import Condition, EventRule, Ladder, Step
from features.ladder.words import digits, things

__all__ = ["ladder_rows", "ladder_table", "rule_text"]

_SIGNS = {
    "is": "=",
    "is_not": "!=",
    "one_of": "in",
    "at_least": ">=",
    "at_most": "<=",
    "above": ">",
    "below": "<",
}


def ladder_table(ladder: Ladder) -> str:
    """The ladder as aligned text: a line for each rung, one more for each further rule."""
    rows = ladder_rows(ladder)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def ladder_rows(ladder: Ladder) -> list[tuple[str, ...]]:
    """The ladder as rows under their heads: one for each rung, one more for each further rule."""
    heading = ("step", "completed by", "horizon", "band", "effort", "value", "offers")
    return [heading, *(line for rung in ladder.goals for line in _table_lines(ladder, rung))]


def _table_lines(ladder: Ladder, rung: Step) -> Iterator[tuple[str, ...]]:
    offers = ladder.asks_of(rung.id)
    efforts = [offer.effort.score(ladder.effort_weights) for offer in offers]
    values = [offer.value_minutes for offer in offers]
    first, *others = [rule_text(rule) for rule in rung.complete_when]
    yield (
        rung.id,
        first,
        things(rung.horizon_days, "day"),
        f"{rung.band.low * 100:.3g}-{rung.band.high * 100:.3g} %" if rung.band else "-",
        f"{min(efforts):g}" if efforts else "-",
        f"{max(values):g}" if values else "-",
        str(len(offers)),
    )
    for other in others:
        yield ("", other, "", "", "", "", "")


def rule_text(rule: EventRule) -> str:
    """A rule in a table: "session_held (minutes >= 10)"."""
    where = " and ".join(_condition_text(condition) for condition in rule.where)
    return f"{rule.event} ({where})" if where else rule.event


def _condition_text(condition: Condition) -> str:
    value = condition.value
    if isinstance(value, tuple):
        value = ", ".join(value)
    shown = (value or "''") if isinstance(value, str) else digits(value)
    return f"{condition.property} {_SIGNS[condition.operator]} {shown}"
