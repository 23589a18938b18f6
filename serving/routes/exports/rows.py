"""A stored score as a flat row: one set of columns for every format, and for `rung score`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import orjson
import pyarrow as pa

from features.clock import when
from features.ladder.ladder import Ladder
from features.store.kept.scores import StoredScore
from models.bundle import version_of

__all__ = ["FlatRow", "row_of", "schema_of"]

FlatRow = dict[str, Any]
_TRAIT: Final = "trait_"
_TIME: Final = pa.timestamp("us", "UTC")
_COLUMNS: Final[Sequence[tuple[str, pa.DataType]]] = (
    ("lead_id", pa.string()),
    ("gone", pa.bool_()),
    ("ids", pa.list_(pa.string())),
    ("account_id", pa.string()),
    ("ladder", pa.string()),
    ("step", pa.string()),
    ("position", pa.int64()),
    ("probability", pa.float64()),
    ("low", pa.float64()),
    ("high", pa.float64()),
    ("horizon_days", pa.float64()),
    ("purchase_probability", pa.float64()),
    ("band", pa.string()),
    ("rank_pct", pa.float64()),
    ("p_week_ago", pa.float64()),
    ("cause", pa.string()),
    ("tab", pa.string()),
    ("offer_id", pa.string()),
    ("gain", pa.float64()),
    ("rep_minutes", pa.float64()),
    ("reasons", pa.list_(pa.string())),
    ("last_active", _TIME),
    ("waiting_since", _TIME),
    ("model_version", pa.string()),
    ("features_as_of", _TIME),
    ("scored_at", _TIME),
)


def schema_of(ladder: Ladder | None) -> pa.Schema:
    """The columns of a row, in order; those of the traits that the ladder names are the last."""
    traits = ladder.traits if ladder else ()
    types = {"number": pa.float64(), "category": pa.string()}
    return pa.schema([*_COLUMNS, *((_TRAIT + one.id, types[one.type]) for one in traits)])


def row_of(score: StoredScore, ids: Sequence[str], ladder: Ladder | None) -> FlatRow:
    """A score as a flat row; instants are datetimes in UTC, probabilities in [0, 1].

    Parameters
    ----------
    ids : all that the lead is called, itself left out.
    """
    horizon = _horizons(ladder).get(score.step) if ladder else None
    reasons = orjson.loads(score.reasons)["reasons"] if score.reasons else []
    traits = orjson.loads(score.traits)
    return {
        "lead_id": score.lead_id,
        "gone": False,
        "ids": list(ids),
        "account_id": score.account_id,
        "ladder": score.ladder,
        "step": score.step or None,
        "position": score.position,
        "probability": score.p_advance,
        "low": score.low,
        "high": score.high,
        "horizon_days": horizon,
        "purchase_probability": score.p_purchase,
        "band": score.band,
        "rank_pct": None if score.percentile is None else round(100 * score.percentile, 1),
        "p_week_ago": score.p_week_ago,
        "cause": score.cause,
        "tab": score.tab,
        "offer_id": score.offer_id,
        "gain": score.gain,
        "rep_minutes": score.rep_minutes,
        "reasons": [reason["text"] for reason in reasons],
        "last_active": _time(score.last_active),
        "waiting_since": _time(score.waiting_since),
        "model_version": version_of(score.bundle),
        "features_as_of": _time(score.as_of),
        "scored_at": _time(score.scored_at),
        **{_TRAIT + one.id: traits.get(one.id) for one in (ladder.traits if ladder else ())},
    }


@lru_cache(maxsize=8)
def _horizons(ladder: Ladder) -> dict[str, float | None]:
    return {goal.id: goal.horizon_days for goal in ladder.goals}


def _time(at: int | None) -> datetime | None:
    return None if at is None else when(at)
