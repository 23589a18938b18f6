"""The funnel as tables: one row a step, a cohort, a segment or a piece of content of it, a week."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from models.judging.funnel.cause_shapes import ContentLifts, PieceLift, ReplyTimes, ReplyWeek
from models.judging.funnel.shapes import Funnel, LeadCounts, Rate

__all__ = ["cohorts_table", "pieces_table", "replies_table", "segments_table", "steps_table"]


def steps_table(found: Funnel) -> pd.DataFrame:
    """One row a step: counts, the rate with its interval, the band, days, the trend."""
    rows = []
    for step in found["steps"]:
        band, trend = step["band"], step["trend"]
        rows.append(
            {
                "step": step["id"],
                "title": step["title"],
                "horizon_days": step["horizon_days"],
                **_counted(step["counts"], step["rate"]),
                "band_low": band and band["low"],
                "band_high": band and band["high"],
                "verdict": step["verdict"],
                "so_far": step["so_far"],
                **{f"days_{name}": days for name, days in step["days"].items()},
                "change": trend and trend["difference"],
                "change_low": trend and trend["low"],
                "change_high": trend and trend["high"],
            }
        )
    return pd.DataFrame(rows)


def cohorts_table(found: Funnel) -> pd.DataFrame:
    """One row a step and week or month of entry."""
    return pd.DataFrame(
        [
            {"step": step["id"], "since": cell["since"], **_counted(cell["counts"], cell["rate"])}
            for step in found["steps"]
            for cell in step["cohorts"]
        ]
    )


def segments_table(found: Funnel) -> pd.DataFrame:
    """One row a step, trait and value; no value: it was not known."""
    return pd.DataFrame(list(_segments(found)))


def pieces_table(found: ContentLifts) -> pd.DataFrame:
    """One row a step and piece of content: what it adds, and how that is known."""
    return pd.DataFrame(found["pieces"], columns=list(PieceLift.__annotations__))


def replies_table(found: ReplyTimes) -> pd.DataFrame:
    """One row a week: the questions asked in it, and those answered in time."""
    return pd.DataFrame(found["weeks"], columns=list(ReplyWeek.__annotations__))


def _segments(found: Funnel) -> Iterator[dict[str, Any]]:
    for step in found["steps"]:
        for trait, cells in step["segments"].items():
            for cell in cells:
                counted = _counted(cell["counts"], cell["rate"])
                yield {"step": step["id"], "trait": trait, "value": cell["value"], **counted}


def _counted(counts: LeadCounts, rate: Rate) -> Mapping[str, Any]:
    return {
        **counts,
        "rate": rate["value"],
        "rate_low": rate["low"],
        "rate_high": rate["high"],
        "effective_leads": rate["leads"],
    }
