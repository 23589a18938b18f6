"""Scores of a log as a file has them, with their reasons; what only a service would know is empty.

Whose work a lead is, what to offer it and which other ids it has follow from a store and from what
its leads were asked; a log alone does not say.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from features.signals.fold import NONE
from features.signals.snapshot import Snapshot
from features.store.kept.scores import OUT_OF_QUEUE, StoredScore
from models.bundle import Bundle, Scores
from models.horizons import WithinDays
from serving.routes.exports.formats import encoder
from serving.routes.exports.rows import FlatRow, row_of
from serving.scoring.answers import Details
from serving.scoring.bands import band_of
from serving.scoring.model import Model, ScoredLeads
from serving.scoring.ranking import Ranking

__all__ = ["parts_of", "with_horizons", "write_rows"]

_PER_BATCH: Final = 10_000


def write_rows(out: Path, suffix: str, schema: pa.Schema, parts: Iterable[list[FlatRow]]) -> int:
    """Write rows as Parquet, CSV, CSV in gzip, or JSON lines, as a suffix says; how many."""
    count = 0

    def counted() -> Iterator[list[FlatRow]]:
        nonlocal count
        for rows in parts:
            count += len(rows)
            yield rows

    if suffix == ".parquet":
        with pq.ParquetWriter(out, schema) as table:
            for rows in counted():
                table.write_batch(pa.RecordBatch.from_pylist(rows, schema=schema))
        return count
    opened = gzip.open if suffix == ".csv.gz" else open
    with opened(out, "wb") as file:
        for data in encoder("csv" if "csv" in suffix else "ndjson", schema)(counted()):
            file.write(data)
    return count


def with_horizons(schema: pa.Schema, horizons: Sequence[WithinDays]) -> pa.Schema:
    """A schema with the columns of the chances within other days as its last."""
    for one in horizons:
        for name in _within(one.days):
            schema = schema.append(pa.field(name, pa.float64()))
    return schema


def _within(days: float) -> tuple[str, str]:
    """The columns of the chances of the next step and of a purchase within some days."""
    return f"within_{days:g}_days", f"purchase_within_{days:g}_days"


def parts_of(
    bundle: Bundle,
    snapshot: Snapshot,
    scores: Scores,
    scored_at: int,
    horizons: Sequence[WithinDays] = (),
) -> Iterator[list[FlatRow]]:
    """The rows of all leads, some at a time.

    Parameters
    ----------
    scores : those of the snapshot, row by row.
    scored_at : now, in microseconds since the epoch.
    horizons : the same scores within other days; two columns each.
    """
    chances = scores.advance.probability
    is_queued = ~np.isnan(chances) & snapshot.active_within(bundle.ladder.dormant_after_days)
    ranking = Ranking.of(snapshot.position[is_queued], chances[is_queued])
    scored = ScoredLeads(Model.of(bundle), bundle, snapshot, scores)
    traits = scored.traits()
    steps = {goal.id: goal for goal in bundle.ladder.goals}

    def row(at: int, details: Mapping[str, Details]) -> FlatRow:
        lead, chance, step = snapshot.leads[at], _number(chances[at]), scores.step[at] or ""
        queued = bool(is_queued[at]) and chance is not None
        active, position = int(snapshot.last_active[at]), int(snapshot.position[at])
        score = StoredScore(
            lead_id=lead,
            ladder=bundle.ladder.name,
            as_of=int(snapshot.as_of[at]),
            step=step,
            position=position,
            p_advance=chance,
            low=_number(scores.advance.low[at]),
            high=_number(scores.advance.high[at]),
            p_purchase=_number(scores.purchase.probability[at]),
            priority=OUT_OF_QUEUE,
            percentile=ranking.share(position, chance)
            if ranking and queued and chance is not None
            else None,
            reasons="" if chance is None else orjson.dumps(details[lead]).decode(),
            bundle=bundle.identity,
            scored_at=scored_at,
            last_active=None if active == NONE else active,
            band=band_of(chance, steps[step]) if queued and chance is not None else None,
            traits=traits[at],
        )
        told = row_of(score, (), bundle.ladder) | {"cause": None, "ids": None}
        for one in horizons:
            of_step, of_purchase = _within(one.days)
            told[of_step] = _number(one.advance.probability[at])
            told[of_purchase] = _number(one.purchase.probability[at])
        return told

    for first in range(0, len(snapshot), _PER_BATCH):
        part = np.arange(first, min(first + _PER_BATCH, len(snapshot)))
        details = scored.details_of(part[~np.isnan(chances[part])])
        yield [row(at, details) for at in part.tolist()]


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
