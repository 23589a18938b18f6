"""`rung cluster`: import, snapshot, score and examples over parts: here, or on Apache Spark."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.call.arguments import as_count, as_days, as_seed, as_time
from rung.call.bundles import loaded_bundle, trusted_types
from rung.call.horizons import (
    days_asked,
    expected_purchases,
    horizons_option,
    purchases_by_days,
    say_purchases,
)
from rung.call.options import bundle_option, json_option, ladder_option, reading_options
from rung.call.parser import Progress, add_verb, group
from rung.call.printing import print_json
from rung.call.reading import say_silence

if TYPE_CHECKING:
    from rung.cluster.tasks import Cluster

__all__ = ["add_cluster"]


def add_cluster(verbs: Any) -> None:
    """Add `rung cluster`."""
    on = group(
        verbs,
        "cluster",
        "the same over parts of leads: logs larger than memory, here or on Apache Spark",
        "Over parts of leads, each in memory by itself: in processes of this machine, or on Spark.",
    )
    load = add_verb(on, "import", _import, "put an event log into parts with whole leads")
    load.add_argument("events", type=Path, help="Parquet, CSV or JSON lines, or a folder of them")
    load.add_argument("--ladder", help="check the numbers that this ladder reads, by its [import]")
    load.add_argument(
        "--partitions", type=as_count, default=64, metavar="N", help="how many parts; default: 64"
    )
    reading_options(load)
    shot = add_verb(on, "snapshot", _snapshot, "write the signals of all leads at an instant")
    _parts_argument(shot)
    ladder_option(shot)
    shot.add_argument("--as-of", type=as_time, required=True, help="such as 2026-03-01T12:00:00Z")
    scores = add_verb(on, "score", _score, "write the scores of all leads at an instant")
    _parts_argument(scores)
    bundle_option(scores)
    scores.add_argument("--as-of", type=as_time, help="such as 2026-03-01T12:00:00Z; default: now")
    horizons_option(scores)
    made = add_verb(on, "examples", _examples, "write the training set: points, signals, outcomes")
    _parts_argument(made)
    ladder_option(made)
    made.add_argument("--until", type=as_time, help="use what was known by then (default: all)")
    made.add_argument("--seed", type=as_seed, help="of all that is drawn (default: 7)")
    made.add_argument(
        "--most-points", type=as_count, metavar="N", help="thin to about so many; default: 300000"
    )
    made.add_argument(
        "--look-back", type=as_days, metavar="DAYS", help="points of so many days before the end"
    )
    for verb in (load, shot, scores, made):
        verb.add_argument("--out", type=Path, required=True, help="the folder of the parts")
        verb.add_argument(
            "--master",
            help="Apache Spark, such as spark://HOST:7077; default: processes of this machine",
        )
        verb.add_argument(
            "--processes",
            type=as_count,
            metavar="N",
            help="how many of them; default: one a processor, each with a part in memory",
        )
        verb.add_argument(
            "--conf",
            type=_as_setting,
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="a setting of Spark, such as spark.executor.memory=8g; may be repeated",
        )
        json_option(verb)


def _parts_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("parts", type=Path, help="the folder that rung cluster import wrote")


def _as_setting(text: str) -> tuple[str, str]:
    name, is_set, value = text.partition("=")
    if not is_set or not name.startswith("spark."):
        raise argparse.ArgumentTypeError("must be a setting such as spark.executor.memory=8g")
    return name, value


@contextmanager
def _on(parsed: argparse.Namespace, progress: Progress) -> Iterator[Cluster]:
    from rung.cluster.processes import ProcessCluster
    from rung.cluster.session import spark_cluster
    from rung.cluster.tasks import ClusterFailed

    if parsed.master is None and parsed.conf:
        raise ClusterFailed("--conf is for Apache Spark: say where that is with --master")
    if parsed.master is not None and parsed.processes is not None:
        raise ClusterFailed("--processes are of this machine; Spark has --conf spark.cores.max=N")
    if parsed.master is None:
        with ProcessCluster(parsed.processes, progress) as processes:
            yield processes
        return
    progress(f"Spark at {parsed.master}")
    with spark_cluster(parsed.master, dict(parsed.conf)) as session:
        progress("running")
        yield session


def _import(parsed: argparse.Namespace, progress: Progress) -> None:
    from features.events.log import LogColumns
    from features.ladder.file import read_ladder
    from features.ladder.ladder import EventNames
    from features.signals.table import ladder_columns
    from rung.cluster.importing import Importing, import_events

    asked = Importing(
        names=EventNames(),
        assume_timezone=parsed.timezone,
        layout=parsed.layout,
        strict=parsed.strict,
        rejects=parsed.rejects and parsed.rejects.resolve(),
    )
    if parsed.ladder:
        ladder = read_ladder(parsed.ladder)
        asked = replace(
            asked,
            needs=LogColumns(*ladder_columns(ladder)),
            names=ladder.events,
            layout=parsed.layout or ladder.imports,
        )
    with _on(parsed, progress) as session:
        source = parsed.events.resolve()
        report, leads = import_events(session, source, parsed.out, parsed.partitions, asked)
    if parsed.json:
        return print_json(report.as_dict() | {"out": str(parsed.out), "leads": leads})
    for line in report.lines():
        print(line)
    print(f"{leads:,} leads in {parsed.out}")
    return None


def _snapshot(parsed: argparse.Namespace, progress: Progress) -> None:
    from features.clock import microseconds, now
    from features.ladder.file import read_ladder
    from rung.cluster.folds import write_snapshots
    from rung.cluster.parts import PartFolder

    events, ladder = PartFolder.of_events(parsed.parts.resolve()), read_ladder(parsed.ladder)
    with _on(parsed, progress) as session:
        done = write_snapshots(session, events, ladder, parsed.as_of, now(), parsed.out)
    say_silence(done.newest, microseconds(parsed.as_of))
    _say(parsed, done.leads)


def _score(parsed: argparse.Namespace, progress: Progress) -> None:
    from features.clock import microseconds, now, when
    from rung.cluster.folds import SharedBundle, score
    from rung.cluster.parts import PartFolder

    present = now()
    events = PartFolder.of_events(parsed.parts.resolve())
    bundle = loaded_bundle(parsed.bundle, parsed)
    asked = days_asked(parsed, bundle)
    served = SharedBundle(parsed.bundle.resolve(), bundle.hash, trusted_types(parsed))
    with _on(parsed, progress) as session:
        as_of = parsed.as_of or when(present)
        done = score(session, events, served, as_of, present, parsed.out, asked)
    say_silence(done.newest, microseconds(as_of))
    expected = expected_purchases(bundle, done.purchases)
    _say(parsed, done.leads, {"bundle": bundle.version, **purchases_by_days(expected)})
    if not parsed.json:
        say_purchases(expected)


def _examples(parsed: argparse.Namespace, progress: Progress) -> None:
    from features.clock import microseconds, now
    from features.ladder.file import read_ladder
    from rung.cluster.examples import Drawing, write_examples
    from rung.cluster.parts import PartFolder
    from training.pipeline import TrainConfig

    usual = TrainConfig()
    events, ladder = PartFolder.of_events(parsed.parts.resolve()), read_ladder(parsed.ladder)
    drawing = Drawing(
        until=None if parsed.until is None else microseconds(parsed.until),
        seed=usual.seed if parsed.seed is None else parsed.seed,
        most=parsed.most_points or usual.most_points,
        look_back_days=parsed.look_back,
    )
    with _on(parsed, progress) as session:
        count = write_examples(session, events, ladder, drawing, now(), parsed.out)
    if parsed.json:
        return print_json({"out": str(parsed.out), "points": count})
    print(f"{count:,} points in {parsed.out}")
    return None


def _say(parsed: argparse.Namespace, leads: int, more: Mapping[str, Any] | None = None) -> None:
    if parsed.json:
        return print_json({"out": str(parsed.out), "leads": leads, **(more or {})})
    print(f"{leads:,} leads in {parsed.out}")
    return None
