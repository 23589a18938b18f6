"""The training set over parts, as `training.pipeline` draws and labels it from one log.

parts   when something was learned of each lead
driver  draws the instants: one stream of random numbers over all leads
parts   the signals then, and what came next
driver  outcomes, and what each weighs: one judgement over all points
parts   a row a point, signals and outcomes
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from features.events.log import DAY_US
from features.files import new_file
from features.ladder.ladder import Ladder
from features.signals.completion_reports import CompletionReports
from features.signals.linked_log import NextCompletions, link
from features.signals.program import compile_ladder
from features.signals.snapshot import Snapshot
from rung.cluster.folds import log_of_part
from rung.cluster.parts import PartFolder, new_parts
from rung.cluster.tasks import Cluster, Done
from training.decision_points import Lives, Points, drawn_instants, points_at
from training.labels import Outcomes, labelled, outcomes

__all__ = ["Drawing", "write_examples"]

_STAGING: Final = ".staging"
_ARRIVED: Final = "arrived_"
"""Begins the names of columns of completions, which are others than those of points."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Which points are drawn, as of `training.pipeline.TrainConfig`; `until` in microseconds."""

    until: int | None
    seed: int
    most: int
    look_back_days: float | None = None


def write_examples(
    cluster: Cluster, events: PartFolder, ladder: Ladder, drawing: Drawing, present: int, out: Path
) -> int:
    """Write the training set as parts; how many points."""
    count = len(events.numbers)
    with new_parts(out, "examples") as (place, told):
        staging = place / _STAGING
        staging.mkdir()
        held = cluster.each(count, partial(_lives, events, ladder, present), "lives of leads")
        last = max(answer.told["last"] for answer in held)
        until = last if drawing.until is None else min(last, drawing.until)
        tables = [answer.table for answer in held if answer.table is not None]
        drawn = _drawn(tables, ladder, drawing, until)
        for at in range(count):
            with new_file(staging / f"asked-{at:05}.parquet") as part:
                pq.write_table(drawn[at], part)
        work = partial(_points, events, ladder, until, present, staging)
        came = cluster.each(count, work, "signals of points")
        files = _write_outcomes(came, ladder, until, staging)
        names = [events.file(number).name for number in events.numbers]
        cluster.each(count, partial(_label, staging, files, names), "outcomes of points")
        shutil.rmtree(staging)
        points = sum(answer.told["points"] for answer in came)
        told |= {"parts": list(events.numbers), "points": points, "until": until}
        told |= {"seed": drawing.seed, "most_points": drawing.most, "ladder": ladder.name}
    return int(points)


def _lives(events: PartFolder, ladder: Ladder, present: int, at: int) -> Done:
    """Of each lead of a part its id, when it was first known, and the instants of its life."""
    log = log_of_part(events, at, ladder, None, present)
    lives = Lives.of(log, ladder)
    first = np.minimum.reduceat(log.known, log.starts[:-1]) if len(log) else log.known
    table = pa.table(
        {
            "lead": pa.array(log.leads, pa.string()),
            "first": first,
            "known": pa.LargeListArray.from_arrays(lives.starts, lives.known),
            "is_read": pa.LargeListArray.from_arrays(lives.starts, pa.array(lives.is_read)),
        }
    )
    return Done(at, {"last": int(log.known.max(initial=0))}, table)


def _drawn(
    held: Sequence[pa.Table], ladder: Ladder, drawing: Drawing, until: int
) -> list[pa.Table]:
    """The instants of each part, as (lead, as_of), drawn as of one log with all leads in order."""
    parts = [pa.repeat(pa.scalar(at, pa.int32()), len(table)) for at, table in enumerate(held)]
    leads = pa.concat_tables(held).append_column("part", pa.chunked_array(parts, pa.int32()))
    leads = leads.sort_by("lead").filter(pa.compute.field("first") <= until)
    known, is_read = leads["known"].combine_chunks(), leads["is_read"].combine_chunks()
    lives = Lives(
        known.offsets.to_numpy(),
        known.values.to_numpy(),
        is_read.values.to_numpy(zero_copy_only=False),
    )
    back = drawing.look_back_days
    lead, as_of = drawn_instants(
        lives,
        ladder,
        start=None if back is None else until - round(back * DAY_US),
        end=until,
        seed=drawing.seed,
        most=drawing.most,
    )
    ids, part = leads["lead"].combine_chunks(), leads["part"].to_numpy()[lead]
    return [
        pa.table({"lead": ids.take(pa.array(lead[part == at])), "as_of": as_of[part == at]})
        for at in range(len(held))
    ]


def _points(
    events: PartFolder, ladder: Ladder, until: int, present: int, staging: Path, at: int
) -> Done:
    """Write the signals of a part's points; the answer has what came next of each, as one row."""
    log = log_of_part(events, at, ladder, None, present).known_by(until)
    asked = pq.read_table(staging / f"asked-{at:05}.parquet")
    place = {lead: index for index, lead in enumerate(log.leads)}
    lead = np.array([place[one] for one in asked["lead"].to_pylist()], dtype=np.int64)
    points = points_at(log, ladder, lead, asked["as_of"].to_numpy())
    linked = link(log, compile_ladder(ladder))
    came = linked.next_completions(points.lead, points.as_of, points.position, until)
    with new_file(staging / f"points-{at:05}.parquet") as part:
        points.snapshot.frame().to_parquet(part, index=False)
    columns = {"as_of": points.as_of, "position": points.position, **came._asdict()}
    columns |= {f"{_ARRIVED}{name}": one for name, one in linked.reports(until)._asdict().items()}
    table = pa.table({name: pa.array([column]) for name, column in columns.items()})
    leads = pa.array([list(points.snapshot.leads)], pa.list_(pa.string()))
    return Done(at, {"points": len(points)}, table.append_column("lead", leads))


def _write_outcomes(came: Sequence[Done], ladder: Ladder, until: int, staging: Path) -> list[Path]:
    """Judge all points together, in the order of one log, and write the outcomes of each part."""
    held = [answer.table for answer in came if answer.table is not None]
    names = ["lead", "as_of", "position", *NextCompletions._fields]
    parts = [
        pa.table({name: one[name].combine_chunks().flatten() for name in names}) for one in held
    ]
    points = pa.concat_tables(parts)
    order = pa.compute.sort_indices(points, [("lead", "ascending"), ("as_of", "ascending")])
    judged = _judged(points.take(order), held, ladder, until)
    back = np.argsort(order.to_numpy())
    frame = labelled(pd.DataFrame(index=range(len(points))), *judged).iloc[back]
    bounds = np.append(0, np.cumsum([len(part) for part in parts]))
    files = [staging / f"outcomes-{at:05}.parquet" for at in range(len(parts))]
    for file, start, stop in zip(files, bounds[:-1], bounds[1:], strict=True):
        with new_file(file) as part:
            frame.iloc[start:stop].to_parquet(part, index=False)
    return files


def _flat(row: pa.Table, name: str) -> pa.Array:
    """The list that a column of a table with one row has."""
    return row[name].combine_chunks().flatten()


def _judged(
    points: pa.Table, held: Sequence[pa.Table], ladder: Ladder, until: int
) -> tuple[Outcomes, Outcomes]:
    columns = {name: points[name].to_numpy() for name in points.column_names if name != "lead"}
    reports = CompletionReports(
        *(
            np.concatenate([_flat(one, f"{_ARRIVED}{name}").to_numpy() for one in held])
            for name in CompletionReports._fields
        )
    )
    delays = reports.delays(len(ladder.goals))
    nothing = np.empty((len(points), 0))
    snapshot = Snapshot(
        (),
        columns["as_of"],
        (),
        nothing,
        {},
        columns["position"],
        columns["as_of"],
        columns["as_of"],
    )
    came = NextCompletions(*(columns[name] for name in NextCompletions._fields))
    return outcomes(ladder, Points(np.arange(len(points)), snapshot), came, until, delays)


def _label(staging: Path, files: Sequence[Path], names: Sequence[str], at: int) -> Done:
    """Put the signals and the outcomes of a part side by side."""
    table = pq.read_table(staging / f"points-{at:05}.parquet")
    judged = pq.read_table(files[at])
    for name in judged.column_names:
        table = table.append_column(judged.schema.field(name), judged[name])
    with new_file(staging.parent / names[at]) as part:
        pq.write_table(table, part)
    return Done(at)
