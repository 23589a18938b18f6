"""Logs whose ladder is known, to be drafted from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from features.events.table import EventTable
from features.ladder.ladder import EventRule, Ladder
from training.drafting.timeline import Deed

DAY = 86_400_000_000
START = 1_767_225_600_000_000

Told = tuple[str, str, float]
"""Who, what, and after how many days."""


def table_of(told: Sequence[Told], properties: Mapping[int, str] | None = None) -> EventTable:
    """A table of some events; `properties` holds JSON by row."""
    times = np.array([START + round(day * DAY) for *_, day in told], dtype=np.int64)
    documents = [(properties or {}).get(at) for at in range(len(told))]
    return EventTable(
        pa.nulls(len(told), pa.string()),
        pa.array([who for who, *_ in told], pa.string()),
        pa.array([what for _, what, _ in told], pa.string()),
        times,
        times,
        documents=pa.array(documents, pa.string()),
    )


def funnel(leads: int = 400) -> list[Told]:
    """Leads of whom half go on from each thing to the next: visit, guide, call, order."""
    found: list[Told] = []
    for at in range(leads):
        lead = f"lead-{at:04d}"
        found += [(lead, "visited", 0.0), (lead, "visited", 0.5), (lead, "visited", 3.0)]
        for deep, name in enumerate(("guide_read", "call_held", "order_placed"), start=1):
            if at % 2**deep == 0:
                found.append((lead, name, deep * 2.0 + at % 7 / 10))
    return found


def planted(ladder: Ladder) -> dict[str, int]:
    """The place of the step that each event completes; of those that complete one step alone."""
    places: dict[str, set[int]] = {}
    for place, step in enumerate(ladder.steps):
        for rule in step.complete_when:
            places.setdefault(_key(rule), set()).add(place)
    return {name: min(of) for name, of in places.items() if len(of) == 1}


def _key(rule: EventRule) -> str:
    """An event, with the text that it must have where that tells steps apart."""
    texts = [str(one.value) for one in rule.where if isinstance(one.value, str)]
    return ":".join([rule.event, *texts])


def key_of(deed: Deed) -> str:
    """The same of what was drafted."""
    return ":".join([deed.event, *([deed.value] if deed.value else [])])
