"""Signals and scores of all leads at an instant: the one fold over each part by itself.

Scores need one thing of all leads: the rank among those of the queue before the same step. So parts
are scored, each with its own ranks, the probabilities of the queue come together on the driver, and
ranks are written anew.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import BundleError, EventsError
from features.events.log import EventLog
from features.files import new_file
from features.ladder.ladder import Ladder
from features.reading import read_events
from features.signals.snapshot import snapshot
from features.threads import at_most
from models.bundle import Bundle, load_bundle
from models.horizons import within
from rung.cluster.parts import PartFolder, new_parts
from rung.cluster.tasks import Cluster, Done
from serving.routes.exports.files import parts_of, with_horizons, write_rows
from serving.routes.exports.rows import schema_of
from serving.scoring.ranking import Ranking

__all__ = ["FoldedParts", "SharedBundle", "log_of_part", "score", "write_snapshots"]

_STAGING: Final = ".staging"
_RANK: Final = "rank_pct"
_RANKED_BY: Final = ("position", "probability")
"""The columns that ranks follow from."""


@dataclass(frozen=True, slots=True)
class SharedBundle:
    """Where a bundle lies, for every worker to load once, and what it must be there."""

    folder: Path
    hash: str
    trusted: Collection[str] = ()

    def loaded(self) -> Bundle:
        """The bundle, as this process has loaded it.

        Raises
        ------
        BundleError : another one than on the driver lies there.
        """
        bundle = _loaded(self.folder, self.hash, tuple(self.trusted))
        if bundle.hash != self.hash:
            raise BundleError(f"{self.folder}: the bundle is another one than when this began")
        return bundle


@dataclass(frozen=True, slots=True)
class FoldedParts:
    """What came of a fold over parts.

    Parameters
    ----------
    leads : how many.
    newest : when the last event that was seen became known, in microseconds since the epoch.
    purchases : to be expected of the leads, by the days within which.
    """

    leads: int
    newest: int
    purchases: Mapping[float, float] = field(default_factory=dict)


@lru_cache(maxsize=1)
def _loaded(folder: Path, _: str, trusted: tuple[str, ...]) -> Bundle:
    return load_bundle(folder, trusted=trusted)


def log_of_part(
    events: PartFolder, at: int, ladder: Ladder, until: datetime | None, present: int
) -> EventLog:
    """The log of the part at a place of `events.numbers`; there is a task a processor."""
    at_most(1)
    file = events.file(events.numbers[at])
    log, _ = read_events(file, ladder, until=until, now=present, layout="rung", may_be_empty=True)
    return log


def write_snapshots(
    cluster: Cluster, events: PartFolder, ladder: Ladder, as_of: datetime, present: int, out: Path
) -> FoldedParts:
    """Write the signals of all leads as parts, as `rung features` does in one file."""
    with new_parts(out, "snapshot") as (place, told):
        work = partial(_snapshot, events, ladder, as_of, present, place)
        answers = cluster.each(len(events.numbers), work, "signals of parts")
        told |= _told(events, answers) | {"as_of": as_of, "ladder": ladder.name}
    return FoldedParts(int(told["leads"]), _newest(answers))


def _snapshot(
    events: PartFolder, ladder: Ladder, as_of: datetime, present: int, place: Path, at: int
) -> Done:
    log = log_of_part(events, at, ladder, as_of, present)
    frame = snapshot(log, ladder, None, as_of).frame()
    with new_file(place / events.file(events.numbers[at]).name) as part:
        frame.to_parquet(part, index=False)
    return Done(at, {"leads": len(frame), "newest": log.judged_until(None)})


def score(
    cluster: Cluster,
    events: PartFolder,
    bundle: SharedBundle,
    as_of: datetime,
    present: int,
    out: Path,
    horizon_days: Sequence[float] = (),
) -> FoldedParts:
    """Write the scores of all leads as parts, as `rung score` does in one file.

    Parameters
    ----------
    horizon_days : days that the bundle knows chances within; two columns each.
    """
    with new_parts(out, "scores") as (place, told):
        staging = place / _STAGING
        staging.mkdir()
        work = partial(_score, events, bundle, as_of, present, staging, tuple(horizon_days))
        answers = cluster.each(len(events.numbers), work, "scores of parts")
        told_of = pa.concat_tables(one.table for one in answers if one.table)
        queue = staging / "queue.npy"
        with new_file(queue) as part:
            np.save(part, np.stack([told_of[name].to_numpy() for name in _RANKED_BY]))
        files = [events.file(number).name for number in events.numbers]
        cluster.each(len(files), partial(_rank, staging, queue, files), "ranks among all leads")
        shutil.rmtree(staging)
        told |= _told(events, answers) | {"as_of": as_of, "bundle": bundle.hash}
    parts = [answer.told["purchases"] for answer in answers]
    purchases = {
        days: math.fsum(number for of_part in parts for number in of_part[place])
        for place, days in enumerate(horizon_days)
    }
    return FoldedParts(int(told["leads"]), _newest(answers), purchases)


def _score(
    events: PartFolder,
    served: SharedBundle,
    as_of: datetime,
    present: int,
    place: Path,
    horizon_days: tuple[float, ...],
    at: int,
) -> Done:
    """Score a part; the answer has where its queued leads stand, with their probabilities."""
    bundle = served.loaded()
    log = log_of_part(events, at, bundle.ladder, as_of, present)
    shot = snapshot(log, bundle.ladder, None, as_of)
    scores = bundle.score(shot)
    horizons = [within(bundle, scores, days) for days in horizon_days]
    rows = parts_of(bundle, shot, scores, present, horizons)
    with new_file(place / events.file(events.numbers[at]).name) as part:
        schema = with_horizons(schema_of(bundle.ladder), horizons)
        count = write_rows(part, ".parquet", schema, rows)
        scored = pq.read_table(part, columns=[*_RANKED_BY, _RANK])
    queued = scored.filter(scored[_RANK].is_valid()).select(list(_RANKED_BY))
    purchases = [one.exact_purchases for one in horizons]
    told = {"leads": count, "newest": log.judged_until(None), "purchases": purchases}
    return Done(at, told, queued)


def _rank(staging: Path, queue: Path, files: list[str], at: int) -> Done:
    """Write a part that was scored with the ranks among all leads."""
    ranking = _ranking(queue)
    table = pq.read_table(staging / files[at])
    ranks = [
        None if rank is None or ranking is None else ranking.percent(position, chance)
        for rank, position, chance in zip(
            *(table[name].to_pylist() for name in (_RANK, *_RANKED_BY)), strict=True
        )
    ]
    place = table.schema.get_field_index(_RANK)
    table = table.set_column(place, table.schema.field(place), pa.array(ranks, pa.float64()))
    with new_file(staging.parent / files[at]) as part:
        pq.write_table(table, part)
    return Done(at)


@lru_cache(maxsize=1)
def _ranking(file: Path) -> Ranking | None:
    positions, chances = np.load(file)
    return Ranking.of(positions.astype(np.int64), np.asarray(chances, dtype=np.float64))


def _newest(answers: list[Done]) -> int:
    return max(int(answer.told["newest"]) for answer in answers)


def _told(events: PartFolder, answers: list[Done]) -> dict[str, object]:
    if not sum(answer.told["leads"] for answer in answers):
        raise EventsError(f"{events.folder}: there is no event in it by then")
    return {
        "partitions": events.told["partitions"],
        "parts": list(events.numbers),
        "leads": sum(answer.told["leads"] for answer in answers),
    }
