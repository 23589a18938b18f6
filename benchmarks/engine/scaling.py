"""What things cost against their size: events, signals, trees, offers; with a picture.

Each cost is per thing, so that a level line is what grows evenly.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from benchmarks.engine.recommend import asked_of
from benchmarks.engine.scoring import in_turn
from benchmarks.engine.trees import fitted
from benchmarks.tables import markdown
from features.events.log import DAY_US, EventLog, LogColumns
from features.ladder.ladder import EventRule
from features.signals.program import compile_signals
from features.signals.signal import Op, Signal
from features.signals.snapshot import snapshot_at
from models.scores.trees.packed import PackedTrees

__all__ = ["run"]

_PER_LEAD: Final = 50
_KINDS: Final = 12
_SHAPES: Final[tuple[tuple[Op, dict[str, Any]], ...]] = (
    (Op.COUNT, {}),
    (Op.COUNT, {"window_days": 7.0}),
    (Op.COUNT, {"window_days": 30.0}),
    (Op.SUM, {"measure": "v"}),
    (Op.DAYS_SINCE_LAST, {}),
    (Op.DECAYED_COUNT, {"half_life_days": 14.0}),
)


@dataclass(frozen=True, slots=True)
class _Curve:
    title: str
    unit: str
    sizes: tuple[int, ...]
    costs: tuple[float, ...]


def run(*, small: bool = False, picture: Path | None = None) -> str:
    """The tables of this benchmark; with `picture`, a file is drawn too."""
    part = 10 if small else 1
    curves = [
        _events(tuple(n // part for n in (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000))),
        _signals((12, 36, 72, 144, 288), 1_000_000 // part),
        *_trees((50, 100, 200, 400, 800) if not small else (10, 20)),
        _offers((4, 12, 36) if not small else (4,)),
    ]
    if picture is not None:
        _drawn(curves).savefig(picture)
    return "\n\n".join(_table(curve) for curve in curves)


def _events(sizes: tuple[int, ...]) -> _Curve:
    return _Curve(
        "72 signals of two instants a lead, from columns, by events",
        "ns an event",
        sizes,
        tuple(_cost(_folded(size, _KINDS), 1e9 / size) for size in sizes),
    )


def _signals(sizes: tuple[int, ...], events: int) -> _Curve:
    kinds = [size // len(_SHAPES) for size in sizes]
    return _Curve(
        f"the same from {events:,} events, by signals",
        "ns an event",
        sizes,
        tuple(_cost(_folded(events, kind), 1e9 / events) for kind in kinds),
    )


def _folded(events: int, kinds: int) -> Callable[[], object]:
    """From columns in the order of time to the signals of two instants a lead."""
    leads, chance = max(1, events // _PER_LEAD), np.random.default_rng(1)
    names = tuple(f"e{kind:02d}" for kind in range(kinds))
    signals = [
        Signal(f"{name}_{at}", "custom", op, "", "", of=(EventRule(name),), **options)
        for name in names
        for at, (op, options) in enumerate(_SHAPES)
    ]
    columns = LogColumns(("v",), ())
    compiled = compile_signals(signals, goals=[((EventRule(names[0]),), 7.0)], columns=columns)
    lead = chance.integers(0, leads, events).astype(np.int32)
    kind = chance.integers(0, kinds, events).astype(np.int32)
    occurred = np.sort(chance.integers(0, 365 * DAY_US, events))
    measure = chance.random(events)
    ids = tuple(f"{at:09d}" for at in range(leads))
    asked = np.repeat(np.arange(leads), 2)
    as_of = np.tile([180 * DAY_US, 360 * DAY_US], leads)
    asked_names = tuple(np.repeat(np.array(ids, dtype=object), 2))

    def fold() -> object:
        log = EventLog.from_codes(
            lead, ids, kind, names, occurred, None, {"v": measure}, None, columns
        )
        return snapshot_at(log, compiled, asked_names, asked, as_of)

    return fold


def _trees(sizes: tuple[int, ...]) -> list[_Curve]:
    margins, added = [], []
    for size in sizes:
        model, matrix = fitted(size)
        packed, row = PackedTrees(model.model_to_string()), matrix[:1].copy()
        margins.append(_cost(lambda: packed.margins(row), 1e6))  # noqa: B023 - called at once
        added.append(_cost(lambda: packed.contributions(row), 1e6))  # noqa: B023 - likewise
    return [
        _Curve("the margin of one row, by trees", "µs", sizes, tuple(margins)),
        _Curve("what each column adds to it, by trees", "µs", sizes, tuple(added)),
    ]


def _offers(sizes: tuple[int, ...]) -> _Curve:
    costs = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            asked = asked_of(Path(folder), 300, size)
            lead = asked.leads[0]
            costs.append(_cost(lambda: asked.recommend(*lead), 1e3))  # noqa: B023 - called at once
    return _Curve("one recommendation, by offers of a step", "ms", sizes, tuple(costs))


def _cost(call: Callable[[], object], unit: float) -> float:
    return in_turn({"it": call})["it"] * unit


def _table(curve: _Curve) -> str:
    rows = [
        [f"{size:,}", f"{cost:,.2f}"] for size, cost in zip(curve.sizes, curve.costs, strict=True)
    ]
    return f"**{curve.title}**\n\n{markdown(['how many', curve.unit], rows)}"


def _drawn(curves: list[_Curve]) -> Figure:
    figure = Figure(figsize=(14, 3.2), layout="constrained")
    for axes, curve in zip(figure.subplots(1, len(curves)), curves, strict=True):
        axes.plot(curve.sizes, curve.costs, marker="o")
        axes.set(xscale="log", title=curve.title.replace(", by", ",\nby"), ylabel=curve.unit)
        axes.set_xticks(curve.sizes, [f"{size:,}" for size in curve.sizes], rotation=30, fontsize=7)
        axes.set_xticks([], minor=True)
        axes.set_ylim(bottom=0)
        axes.title.set_fontsize(8)
        axes.spines[["top", "right"]].set_visible(False)
    return figure
