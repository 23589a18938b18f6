"""Starbucks: the funnel of each wave, and what sending brings beside what a log alone would say."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pandas as pd
import pyarrow as pa

from benchmarks.quality import starbucks
from benchmarks.tables import markdown
from features.arrays import Bools
from features.events.log import DAY_US, EventLog, LogColumns
from features.funnel.stays import stays_of
from features.ladder.file import parse_ladder
from features.ladder.ladder import Ladder
from features.signals.table import ladder_columns
from models.judging.funnel.rates import funnel
from models.judging.funnel.shapes import StepFunnel

__all__ = ["funnels"]

HOURS: Final = (0, 168, 336, 408, 504, 576)
"""When a wave was sent, since the start."""
HOUR_US: Final = 3_600_000_000
_HORIZON_DAYS: Final = 10.0


def the_log() -> tuple[EventLog, Ladder]:
    """The transcript as a log, and its ladder."""
    ladder = parse_ladder(starbucks.LADDER, "starbucks")
    frame = starbucks.events_of_transcript()
    columns = LogColumns(*ladder_columns(ladder))
    at = pd.to_datetime(frame["occurred_at"], utc=True).astype("datetime64[us, UTC]")
    log = EventLog.from_columns(
        frame["lead_id"].tolist(),
        frame["name"].tolist(),
        at.astype("int64").to_numpy(),
        numbers={
            name: pd.to_numeric(frame[name], errors="coerce").to_numpy(float)
            for name in columns.numbers
            if name in frame
        },
        texts={
            name: pa.array(frame[name], pa.string(), from_pandas=True)
            for name in columns.texts
            if name in frame
        },
        columns=columns,
    )
    return log, ladder


def began_in(wave: int) -> tuple[int, int]:
    """From when to when the rounds of a wave begin, in microseconds."""
    start = int(starbucks.START.value // 1000) + HOURS[wave] * HOUR_US
    return start, start + HOUR_US // 2


def funnels(log: EventLog, ladder: Ladder) -> str:
    """Who was sent an offer in each wave, with ten days for each step."""
    steps = tuple(replace(step, horizon_days=_HORIZON_DAYS) for step in ladder.steps)
    purchase = replace(ladder.purchase, horizon_days=_HORIZON_DAYS)
    ladder = replace(ladder, steps=steps, purchase=purchase)
    stays = stays_of(log, ladder)
    rows = []
    for wave, hours in enumerate(HOURS):
        first, last = began_in(wave)
        here: Bools = (stays.began >= first) & (stays.began < last)
        found = funnel(stays.rows(here))
        rows += [_row(hours, step) for step in found["steps"]]
    over = (stays.counted_until - int(starbucks.START.value // 1000)) / DAY_US
    counts = ["came", "went on", "still have time", "lapsed", "rate in 10 days", "all as lost"]
    table = markdown(["wave, step", *counts], rows)
    end = f"The log ends after {over:.1f} days: of the last two waves many still have time."
    return f"{table}\n\n{end}"


def _row(hours: int, step: StepFunnel) -> list[str]:
    counts, rate = step["counts"], step["rate"]
    told = "not known yet" if rate["value"] is None else f"{100 * rate['value']:.1f} %"
    interval = f"{100 * rate['low']:.1f} to {100 * rate['high']:.1f}"
    naive = 100 * counts["advanced"] / max(1, counts["came"])
    return [
        f"after {hours} h: {step['title']}",
        f"{counts['came']:,}",
        f"{counts['advanced']:,}",
        f"{counts['pending']:,}",
        f"{counts['lapsed']:,}",
        f"{told} ({interval})",
        f"{naive:.1f} %",
    ]
