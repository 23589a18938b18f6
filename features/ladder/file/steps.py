"""The [[step]] tables of a ladder file, and its [purchase]."""

from __future__ import annotations

from features.ladder.file.names import PURCHASE, read_id
from features.ladder.file.rules import read_rule
from features.ladder.ladder import Band, Step
from features.toml_table import Table, as_number

__all__ = ["read_purchase", "read_step"]


def read_step(table: Table) -> Step:
    """A step of the ladder but the last."""
    step_id = read_id(table)
    if step_id == PURCHASE:
        table.wrong("id", f"{PURCHASE!r} is reserved", "for the [purchase] table")
    return _read_rung(table, step_id, table.line("title"), _read_step_band(table))


def read_purchase(table: Table) -> Step:
    """The last step, whose id is always the same."""
    return _read_rung(table, PURCHASE, table.line("title", "Purchase"), _read_band(table))


def _read_rung(table: Table, step_id: str, title: str, band: Band | None) -> Step:
    """What a step and the purchase have in common."""
    complete_when = table.each("complete_when", read_rule)
    if not complete_when and table.take("complete_when") in (None, []):
        table.wrong("complete_when", "needs at least one rule", 'as [{event = "..."}]')
    named = (*table.texts("engaged_by"), *(rule.event for rule in complete_when))
    return Step(
        id=step_id,
        title=title,
        complete_when=complete_when,
        horizon_days=table.span("horizon_days", above=0.0),
        band=band,
        engaged_by=tuple(dict.fromkeys(named)),
        high_from=_read_share(table, "high_from"),
        low_below=_read_share(table, "low_below"),
    )


def _read_share(table: Table, key: str) -> float | None:
    """A chance in (0, 1); None where it is absent."""
    if not table.has(key):
        table.take(key)
        return None
    return table.number_that(key, None, lambda share: 0 < share < 1, "be in (0, 1)")


def _read_step_band(table: Table) -> Band | None:
    if table.index > 0:
        if not table.has("band"):
            table.wrong("band", "is missing", "healthy conversion from below, as [0.4, 0.6]")
        return _read_band(table)
    if table.take("band") is not None:
        table.wrong("band", "cannot be on the first step", "no rung leads to it")
    return None


def _read_band(table: Table) -> Band | None:
    given = table.take("band")
    if given is None:
        return None
    match [as_number(end) for end in given] if isinstance(given, list) else []:
        case [float(low), float(high)] if 0 <= low < high <= 1:
            return Band(low, high)
    table.wrong("band", "must be [low, high] with 0 <= low < high <= 1", "as [0.4, 0.6]")
    return None
