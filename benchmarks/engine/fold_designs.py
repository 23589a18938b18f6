"""The same 72 signals in four ways: Rung, polars, DuckDB, pandas.

12 types of event, and of each: how many, how many in 7 and in 30 days, the sum of a measure, days
since the last one, and a count that halves in 14 days. `python -m benchmarks.engine.fold_designs`
is a process of its own for one design, so that its memory is its own.
"""

from __future__ import annotations

import gc
import json
import math
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from features.arrays import Floats, Ints
from features.events.log import EventLog, LogColumns
from features.events.of_lead import Row, log_of_rows
from features.ladder.ladder import EventRule
from features.signals.program import Compiled, compile_signals
from features.signals.signal import Op, Signal
from features.signals.snapshot import snapshot_at

__all__ = [
    "DAY",
    "DESIGNS",
    "TYPES",
    "Data",
    "load",
    "rung_from_rows",
    "rung_log_at_hand",
    "save",
]


TYPES: Final = 12
DAY: Final = 86_400_000_000
_HALF_LIFE: Final = 14.0
_DECAY: Final = -math.log(2.0) / (_HALF_LIFE * DAY)
_PER_TYPE: Final = 6
_SAMPLE: Final = 2_000


@dataclass(frozen=True, eq=False, slots=True)
class Data:
    """Events in time order, and the (lead, instant) pairs to answer for."""

    lead: npt.NDArray[np.int32]
    kind: npt.NDArray[np.int32]
    occurred: Ints
    measure: Floats
    asked_lead: Ints
    asked_at: Ints
    leads: int

    def head(self, events: int = 1_000, asked: int = 20) -> Data:
        """A little of it, to warm up on."""
        return Data(
            self.lead[:events],
            self.kind[:events],
            self.occurred[:events],
            self.measure[:events],
            self.asked_lead[:asked],
            self.asked_at[:asked],
            self.leads,
        )


_COLUMNS = ("lead", "kind", "occurred", "measure", "asked_lead", "asked_at")


def save(data: Data, folder: Path) -> None:
    """Write the arrays, a file each."""
    for column in _COLUMNS:
        np.save(folder / f"{column}.npy", getattr(data, column))
    np.save(folder / "leads.npy", np.array(data.leads))


def load(folder: Path) -> Data:
    """Read what `save` wrote, into memory."""
    arrays = {column: np.load(folder / f"{column}.npy") for column in _COLUMNS}
    return Data(**arrays, leads=int(np.load(folder / "leads.npy")))


Run = Callable[[], Floats]
"""What is timed: from the columns at hand to a matrix of shape (n_asked, 72)."""


_NAMES: Final = tuple(f"e{kind:02d}" for kind in range(TYPES))


@cache
def _compiled() -> Compiled:
    shapes: list[tuple[Op, dict[str, Any]]] = [
        (Op.COUNT, {}),
        (Op.COUNT, {"window_days": 7.0}),
        (Op.COUNT, {"window_days": 30.0}),
        (Op.SUM, {"measure": "v"}),
        (Op.DAYS_SINCE_LAST, {}),
        (Op.DECAYED_COUNT, {"half_life_days": _HALF_LIFE}),
    ]
    signals = [
        Signal(f"{name}_{at}", "custom", op, "", "", of=(EventRule(name),), **options)
        for name in _NAMES
        for at, (op, options) in enumerate(shapes)
    ]
    goal = ((EventRule(_NAMES[0]),), 7.0)
    return compile_signals(signals, goals=[goal], columns=LogColumns(("v",), ()))


def _ids(count: int) -> tuple[str, ...]:
    return tuple(f"{at:09d}" for at in range(count))


def rung(data: Data) -> Run:
    """Sort into an event log, then the fold."""
    log_of, snapshot_of = _rung_log(data), _rung_snapshot(data)
    return lambda: snapshot_of(log_of())


def rung_log_at_hand(data: Data) -> Run:
    """The fold alone, on a log that is in order already."""
    log, snapshot_of = _rung_log(data)(), _rung_snapshot(data)
    return lambda: snapshot_of(log)


def rung_from_rows(data: Data) -> Run:
    """The one lead of `data` from rows as a store gives them."""
    compiled, snapshot_of = _compiled(), _rung_snapshot(data)
    rows: list[Row] = [
        (_NAMES[kind], when, when, {"v": value})
        for kind, when, value in zip(
            data.kind.tolist(), data.occurred.tolist(), data.measure.tolist(), strict=True
        )
    ]
    return lambda: snapshot_of(log_of_rows("one", rows, compiled.columns))


def _rung_log(data: Data) -> Callable[[], EventLog]:
    ids, columns = _ids(data.leads), _compiled().columns
    return lambda: EventLog.from_codes(
        data.lead, ids, data.kind, _NAMES, data.occurred, None, {"v": data.measure}, None, columns
    )


def _rung_snapshot(data: Data) -> Callable[[EventLog], Floats]:
    compiled, names = _compiled(), _ids(len(data.asked_lead))
    return lambda log: snapshot_at(log, compiled, names, data.asked_lead, data.asked_at).values


def polars(data: Data) -> Run:
    """Join on the lead, group by (snapshot, type), then into the matrix."""
    import polars as pl

    events = pl.DataFrame(
        {"lead": data.lead, "kind": data.kind, "occurred": data.occurred, "v": data.measure}
    )
    asked = pl.DataFrame(
        {
            "row": np.arange(len(data.asked_lead), dtype=np.int32),
            "lead": data.asked_lead.astype(np.int32),
            "at": data.asked_at,
        }
    )
    age = pl.col("at") - pl.col("occurred")

    def run() -> Floats:
        table = (
            asked.lazy()
            .join(events.lazy(), on="lead")
            .filter(pl.col("occurred") <= pl.col("at"))
            .group_by("row", "kind")
            .agg(
                pl.len().alias("s0"),
                (age < 7 * DAY).sum().alias("s1"),
                (age < 30 * DAY).sum().alias("s2"),
                pl.col("v").sum().alias("s3"),
                (age.min() / DAY).alias("s4"),
                (age * _DECAY).exp().sum().alias("s5"),
            )
            .collect()
        )
        return _matrix({name: table[name].to_numpy() for name in table.columns}, len(asked))

    return run


_SQL: Final = f"""
SELECT a.row AS row, e.kind AS kind,
       count(*) AS s0,
       count(*) FILTER (a.at - e.occurred < {7 * DAY}) AS s1,
       count(*) FILTER (a.at - e.occurred < {30 * DAY}) AS s2,
       sum(e.v) AS s3,
       min(a.at - e.occurred) / {float(DAY)} AS s4,
       sum(exp((a.at - e.occurred) * {_DECAY!r}::DOUBLE)) AS s5
FROM asked a JOIN events e ON e.lead = a.lead AND e.occurred <= a.at
GROUP BY a.row, e.kind
"""  # noqa: S608 - only our own constants go in


def duckdb(data: Data) -> Run:
    """Range join and GROUP BY over tables of its own, then into the matrix."""
    import duckdb as db
    import pandas as pd

    connection = db.connect()
    frames = {
        "events": pd.DataFrame(
            {"lead": data.lead, "kind": data.kind, "occurred": data.occurred, "v": data.measure}
        ),
        "asked": pd.DataFrame(
            {
                "row": np.arange(len(data.asked_lead), dtype=np.int32),
                "lead": data.asked_lead.astype(np.int32),
                "at": data.asked_at,
            }
        ),
    }
    for name, frame in frames.items():
        connection.register("given", frame)
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given")  # noqa: S608
        connection.unregister("given")
    count = len(data.asked_lead)

    def run() -> Floats:
        return _matrix(connection.execute(_SQL).fetchnumpy(), count)

    return run


def pandas(data: Data) -> Run:
    """Merge on the lead, filter, group, then into the matrix."""
    import pandas as pd

    events = pd.DataFrame(
        {"lead": data.lead, "kind": data.kind, "occurred": data.occurred, "v": data.measure}
    )
    asked = pd.DataFrame(
        {"row": np.arange(len(data.asked_lead)), "lead": data.asked_lead, "at": data.asked_at}
    ).astype({"lead": np.int32})

    def run() -> Floats:
        both = asked.merge(events, on="lead")
        both = both[both["occurred"] <= both["at"]]
        age = both["at"] - both["occurred"]
        columns = pd.DataFrame(
            {
                "row": both["row"],
                "kind": both["kind"],
                "s1": age < 7 * DAY,
                "s2": age < 30 * DAY,
                "s3": both["v"],
                "s4": age / DAY,
                "s5": np.exp(age * _DECAY),
            }
        )
        grouped = columns.groupby(["row", "kind"], sort=False)
        table = grouped[["s1", "s2", "s3", "s5"]].sum()
        table["s0"], table["s4"] = grouped.size(), grouped["s4"].min()
        table = table.reset_index()
        return _matrix({name: table[name].to_numpy() for name in table.columns}, len(asked))

    return run


def _matrix(table: dict[str, Any], count: int) -> Floats:
    """From a row for each (snapshot, type) to a row a snapshot."""
    nothing = np.array([0.0, 0.0, 0.0, 0.0, np.nan, 0.0])
    cells = np.tile(nothing, (count * TYPES, 1))
    place = table["row"].astype(np.int64) * TYPES + table["kind"]
    for at in range(_PER_TYPE):
        cells[place, at] = table[f"s{at}"]
    return cells.reshape(count, TYPES * _PER_TYPE)


DESIGNS: Final[dict[str, Callable[[Data], Run]]] = {
    "rung": rung,
    "polars": polars,
    "duckdb": duckdb,
    "pandas": pandas,
}


def main(design: str, folder: Path) -> None:
    """Time one design twice on the data of a folder, and leave a sample of its answers."""
    data = load(folder)
    DESIGNS[design](data.head())()  # compile, import, start threads
    run = DESIGNS[design](data)
    before = _peak_mib()
    first, values = _timed(run)
    memory = _peak_mib()
    del values
    gc.collect()
    seconds, values = _timed(run)
    rows = np.random.default_rng(1).integers(0, len(values), _SAMPLE)
    np.save(folder / f"sample-{design}.npy", values[rows])
    told = {"first": first, "seconds": seconds, "peak_mib": memory, "before_mib": before}
    print(json.dumps(told))


def _timed(run: Run) -> tuple[float, Floats]:
    started = time.perf_counter()
    values = run()
    return time.perf_counter() - started, values


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
