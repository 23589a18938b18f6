"""Starbucks: the funnel of each wave, and what sending brings beside what a log alone would say."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.quality import starbucks
from benchmarks.tables import markdown
from features.arrays import Bools
from features.events.log import DAY_US, EventLog, LogColumns
from features.funnel.stays import stays_of
from features.ladder.file import parse_ladder
from features.ladder.ladder import Ladder
from features.ladder.words import in_percent
from features.signals.program import compile_ladder
from features.signals.snapshot import snapshot_at
from features.signals.table import ladder_columns
from models.judging.adjusting.doubly_robust import Compared, Lift, drawn_lift, matched_lift
from models.judging.funnel.rates import funnel
from models.judging.funnel.shapes import StepFunnel

__all__ = ["funnels", "sending", "the_log"]

HOURS: Final = (0, 168, 336, 408, 504, 576)
"""When a wave was sent, since the start."""
HOUR_US: Final = 3_600_000_000
_HORIZON_DAYS: Final = 10.0
_SENT: Final = 0.75
"""The share of people that each wave was sent to."""
_BUYS: Final = 10.0


def the_log() -> tuple[EventLog, Ladder]:
    """The transcript as a log, and its ladder."""
    ladder = parse_ladder(starbucks.LADDER, "starbucks")
    frame = starbucks.events_of_transcript()
    columns = LogColumns(*ladder_columns(ladder))
    at = pd.to_datetime(frame["occurred_at"], utc=True).astype("datetime64[us, UTC]")
    log = EventLog.from_columns(
        frame["lead_id"].tolist(),
        frame["name"].tolist(),
        np.asarray(at.astype("int64"), dtype=np.int64),
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


def sending(log: EventLog, ladder: Ladder) -> str:
    """What sending an offer adds to the share that buys for ten within three days, wave by wave.

    Three of four people were sent one, by lot. Beside it stands what the log alone would say if
    that were not known: people like them by what they did before; and the plain difference.
    """
    rows = [_sent(log, ladder, wave) for wave in range(len(HOURS))]
    head = ["wave", "sent", "by lot", "as if nobody had drawn lots", "apart", "plain difference"]
    return markdown(head, rows)


def _sent(log: EventLog, ladder: Ladder, wave: int) -> list[str]:
    at, _ = began_in(wave)
    lead = np.arange(len(log.leads), dtype=np.int64)
    before = np.full(len(lead), at - 1, dtype=np.int64)
    known = snapshot_at(log, compile_ladder(ladder), log.leads, lead, before)
    numbers = np.array([not signal.is_category for signal in known.signals])
    received = _leads_of(log, "offer_received", at, at + HOUR_US // 2)
    spent = log.numbers[log.columns.numbers.index("amount")] >= _BUYS
    bought = _leads_of(log, "transaction", at + 1, at + 3 * DAY_US, spent)
    X = known.values[:, numbers]
    compared = Compared(received, received, bought, X, lead)
    drawn = drawn_lift(compared, np.full(len(lead), _SENT))
    alike = matched_lift(compared)
    if isinstance(drawn, str) or isinstance(alike, str):
        raise TypeError(f"wave {wave}: {drawn}, {alike}")  # 17,000 people are enough
    plain = bought[received].mean() - bought[~received].mean()
    return [
        f"after {HOURS[wave]} h",
        in_percent(received.mean(), 1),
        _span(drawn),
        _span(alike),
        f"{100 * (alike.value - drawn.value):+.2f}",
        f"{100 * plain:+.2f}",
    ]


def _leads_of(log: EventLog, name: str, first: int, last: int, only: Bools | None = None) -> Bools:
    """Shape (n_leads,): who has an event of a name from an instant to another."""
    rows = (log.name == log.names.index(name)) & (log.occurred >= first) & (log.occurred <= last)
    if only is not None:
        rows &= only
    found = np.zeros(len(log.leads), dtype=np.bool_)
    found[log.lead_of_rows()[rows]] = True
    return found


def _span(lift: Lift) -> str:
    return f"{100 * lift.value:+.2f} ({100 * lift.low:+.2f} to {100 * lift.high:+.2f})"
