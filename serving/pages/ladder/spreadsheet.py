"""Tables of the page as CSV for a spreadsheet, in which no text of a stranger is a formula."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

import pandas as pd

from models.judging.funnel.cause_shapes import FunnelCauses
from models.judging.funnel.shapes import Funnel
from models.judging.funnel.tables import (
    cohorts_table,
    pieces_table,
    replies_table,
    segments_table,
    steps_table,
)

__all__ = ["CAUSE_TABLES", "FUNNEL_TABLES", "LadderTable", "as_text", "csv_of"]

LadderTable = Literal["steps", "cohorts", "segments", "content", "replies"]
FUNNEL_TABLES: Final[dict[str, Callable[[Funnel], pd.DataFrame]]] = {
    "steps": steps_table,
    "cohorts": cohorts_table,
    "segments": segments_table,
}
CAUSE_TABLES: Final[dict[str, Callable[[FunnelCauses], pd.DataFrame]]] = {
    "content": lambda found: pieces_table(found["content"]),
    "replies": lambda found: replies_table(found["replies"]),
}
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_of(table: pd.DataFrame) -> str:
    """A table as CSV."""
    safe = table.copy()
    for name in table:
        if not pd.api.types.is_numeric_dtype(table[name]):
            safe[name] = table[name].astype(object).map(_safe)
    return str(safe.to_csv(index=False))


def _safe(value: object) -> object:
    return as_text(value) if isinstance(value, str) else value


def as_text(value: str) -> str:
    """A text that a spreadsheet shows as it is: before one like a formula stands a mark."""
    return f"'{value}" if value.startswith(_FORMULA) else value
