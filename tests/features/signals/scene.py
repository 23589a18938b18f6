"""Leads at instants, and their snapshots bit by bit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import settings

from features.events.log import DAY_US, EventLog
from features.ladder.ladder import Condition, EventRule, Ladder, Step, Trait
from features.signals.program import compile_ladder
from features.signals.snapshot import Snapshot, snapshot_at
from tests.oracles.snapshot_oracle import (
    Event,
    Value,
)
from tests.profiles import examples

HOUR_US = DAY_US // 24
thorough = settings(max_examples=examples(60), deadline=None)


def at_instants(log: EventLog, ladder: Ladder, lead: str, as_of: Sequence[int]) -> Snapshot:
    """Snapshots of one lead, which the log need not hold."""
    index = log.leads.index(lead) if lead in log.leads else -1
    instants = np.array(as_of, dtype=np.int64)
    return snapshot_at(
        log,
        compile_ladder(ladder),
        (lead,) * len(instants),
        np.full_like(instants, index),
        instants,
    )


def bits(taken: Snapshot) -> list[tuple[object, ...]]:
    """Each row of a snapshot exactly: numbers by their bits, categories by their text."""
    numbers = [at for at, signal in enumerate(taken.signals) if signal.id not in taken.categories]
    texts = [at for at, signal in enumerate(taken.signals) if signal.id in taken.categories]
    return [
        (
            taken.values[row, numbers].tobytes(),
            [taken.value(row, at) for at in texts],
            int(taken.position[row]),
            int(taken.last_active[row]),
            int(taken.lost_at[row]),
        )
        for row in range(len(taken))
    ]


def values(taken: Snapshot, row: int = 0) -> dict[str, Value]:
    """One row of a snapshot as a person would say it, by signal."""
    return {signal.id: taken.value(row, at) for at, signal in enumerate(taken.signals)}


def assert_same_log(one: EventLog, other: EventLog) -> None:
    assert (one.leads, one.names, one.text_values) == (other.leads, other.names, other.text_values)
    for column in ("starts", "name", "occurred", "known", "numbers", "texts"):
        assert getattr(one, column).tobytes() == getattr(other, column).tobytes(), column


def event(
    name: str, occurred: int, known: int | None = None, lead: str = "ann", **properties: float | str
) -> Event:
    return Event(lead, name, occurred, occurred if known is None else known, properties)


def small_ladder(**parts: object) -> Ladder:
    """Watch 80 % of a video, then call, then buy; `again` begins anew."""
    watch = EventRule("video", (Condition("fraction", "at_least", 0.8),))
    return Ladder(
        name="small",
        title="Small",
        steps=(
            Step("watch", "Watch", (watch,), 7.0, engaged_by=("page", "video")),
            Step("call", "Call", (EventRule("call"),), 14.0, engaged_by=("call",)),
        ),
        purchase=Step("purchase", "Buy", (EventRule("order"),), 30.0, engaged_by=("order",)),
        **{  # type: ignore[arg-type]
            "traits": (Trait("seconds", "number"), Trait("room", "category")),
            "restart_on": (EventRule("again"),),
            **parts,
        },
    )
