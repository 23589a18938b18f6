"""The tables of the page that are given as CSV."""

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

__all__ = ["CAUSE_TABLES", "FUNNEL_TABLES", "LadderTable"]

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
