"""The funnel of ten million events beside DuckDB doing the rates alone, in one run.

Loading is not part of the work; finding who came to which step when is. Each has a process of its
own, so that its memory is its own.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.tables import markdown, spread
from features.arrays import Ints
from features.events.log import DAY_US, EventLog, LogColumns
from features.ladder.ladder import Band, EventRule, Ladder, Step, Trait

__all__ = ["run"]

_EVENTS, _LEADS = 10_000_000, 1_000_000
_DAYS: Final = 365
_STEPS: Final = ("read", "template", "webinar", "session", "trial")
_OTHERS: Final = ("page", "mail_opened", "visit", "identify", "video")
_WORDS: Final = ("fair", "mail", "search", "social")
_BAND: Final = Band(0.3, 0.6)
LADDER: Final = Ladder(
    name="speed",
    title="Five steps",
    steps=tuple(Step(name, name, (EventRule(name),), 14.0, _BAND) for name in _STEPS),
    purchase=Step("purchase", "Buys", (EventRule("order"),), 90.0, _BAND),
    traits=(Trait("source", "category"),),
)
_REPEATS: Final = 3


def run(*, small: bool) -> str:
    """Both, in turn, and how far their rates of mature leads are apart."""
    part = 10 if small else 1
    told: dict[str, list[dict[str, float]]] = {"rung": [], "duckdb": []}
    for _ in range(1 if small else _REPEATS):
        for design in told:
            command = [sys.executable, "-m", "benchmarks.funnel.speed", design, str(part)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            told[design].append(json.loads(done.stdout))
    rows = []
    for design, runs in told.items():
        seconds = [one["seconds"] for one in runs]
        rows.append(
            [
                {"rung": "Rung: the whole funnel", "duckdb": "DuckDB: the rates alone"}[design],
                spread(seconds),
                f"{max(one['peak_mib'] for one in runs):,.0f}",
                f"{max(one['peak_mib'] - one['before_mib'] for one in runs):,.0f}",
            ]
        )
    apart = max(
        abs(told["rung"][0][f"share {at}"] - told["duckdb"][0][f"share {at}"]) for at in range(6)
    )
    head = f"{_EVENTS // part:,} events of {_LEADS // part:,} leads on a ladder of 6 steps.\n\n"
    table = markdown(["", "seconds", "MiB at the most", "MiB beyond the data"], rows)
    return f"{head}{table}\n\nShares that went on in time, of those who had it: {apart:.1e} apart."


_Codes = npt.NDArray[np.int32]


def _data(part: int) -> tuple[_Codes, _Codes, Ints, _Codes]:
    """Lead, name, instant and source of each event; the rarer the higher the step."""
    events, leads = _EVENTS // part, _LEADS // part
    rng = np.random.default_rng(1)
    weights = np.array([12.0, 8.0, 5.0, 3.0, 2.0, 1.0, 20.0, 15.0, 15.0, 9.0, 10.0])
    name = rng.choice(len(weights), events, p=weights / weights.sum()).astype(np.int32)
    lead = rng.integers(0, leads, events).astype(np.int32)
    began = rng.integers(0, (_DAYS - 60) * DAY_US, leads)
    at = began[lead] + (rng.exponential(20.0, events) * DAY_US).astype(np.int64)
    source = rng.integers(0, len(_WORDS), events).astype(np.int32)
    return lead, name, np.minimum(at, _DAYS * DAY_US), source


_NAMES: Final = (*_STEPS, "order", *_OTHERS)


def _rung(part: int) -> Callable[[], dict[str, float]]:
    import pyarrow as pa

    from features.funnel.stays import stays_of
    from features.signals.table import ladder_columns
    from models.judging.funnel.rates import funnel
    from models.judging.funnel.why import causes_of

    lead, name, at, source = _data(part)
    order = sorted(range(len(_NAMES)), key=_NAMES.__getitem__)
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    told = np.where(name == _NAMES.index("identify"), source, -1)
    texts = pa.DictionaryArray.from_arrays(pa.array(told, mask=told < 0), list(_WORDS))
    leads = tuple(f"lead-{at:07d}" for at in range(_LEADS // part))
    log = EventLog.from_codes(
        lead,
        leads,
        rank[name],
        tuple(sorted(_NAMES)),
        at,
        texts={"source": texts},
        columns=LogColumns(*ladder_columns(LADDER)),
    )
    some = log.only(np.arange(len(log.leads)) < 1000)
    causes_of(some, LADDER, stays_of(some, LADDER))  # compile

    def work() -> dict[str, float]:
        stays = stays_of(log, LADDER)
        found = funnel(stays)
        causes = causes_of(log, LADDER, stays, found)
        told = {"steps": float(len(found["steps"]) + len(causes["diagnosis"]["steps"]))}
        for at in range(len(LADDER.goals)):
            some = stays.at(at)
            mature = some.rows(some.is_mature)
            told[f"share {at}"] = float((mature.state == 1).mean())
        return told

    return work


def _duckdb(part: int) -> Callable[[], dict[str, float]]:
    import duckdb
    import pandas as pd

    lead, name, at, _ = _data(part)
    connection = duckdb.connect()
    frame = pd.DataFrame({"lead": lead, "name": name, "moment": at})
    connection.register("given", frame)
    connection.execute("CREATE TABLE events AS SELECT * FROM given")
    connection.unregister("given")
    del frame

    def work() -> dict[str, float]:
        rows = connection.execute(_SQL).fetchall()
        return {f"share {goal}": share for goal, share in rows}

    return work


# The first completion of each step, or of one above it, after the lead came to stand before it.
_SQL: Final = f"""
WITH ends AS (SELECT max(moment) AS last_at FROM events),
firsts AS (
  SELECT lead, min(moment) AS began, {
    ", ".join(
        f"min(moment) FILTER (name >= {goal} AND name <= 5) AS went{goal}" for goal in range(6)
    )
} FROM events GROUP BY lead
),
stays AS (
  SELECT 0 AS goal, began AS entered, went0 AS went FROM firsts
  {
    " ".join(
        f"UNION ALL SELECT {goal}, went{goal - 1}, went{goal} FROM firsts WHERE went{goal - 1} IS NOT NULL"
        for goal in range(1, 6)
    )
}
)
SELECT goal, avg(CASE WHEN went <= entered + CASE WHEN goal = 5 THEN {90 * DAY_US} ELSE {
    14 * DAY_US
} END
  THEN 1.0 ELSE 0.0 END)
FROM stays, ends
WHERE entered + CASE WHEN goal = 5 THEN {90 * DAY_US} ELSE {14 * DAY_US} END <= last_at
GROUP BY goal ORDER BY goal
"""  # noqa: S608, E501 - only our own constants go in


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(design: str, part: int) -> None:
    """Time one design, and tell what it found."""
    work = {"rung": _rung, "duckdb": _duckdb}[design](part)
    before, started = _peak_mib(), time.perf_counter()
    found = work()
    told = {"seconds": time.perf_counter() - started, "before_mib": before}
    print(json.dumps({**told, "peak_mib": _peak_mib(), **found}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
