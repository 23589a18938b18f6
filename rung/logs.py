"""`rung import`, `features`, `score`, `tables`: from a log to a store, and to what follows."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.ladder.words import things
from rung.call.arguments import as_scores, as_time
from rung.call.bundles import loaded_bundle
from rung.call.horizons import (
    days_asked,
    expected_purchases,
    horizons_option,
    purchases_by_days,
    say_purchases,
)
from rung.call.options import (
    bundle_option,
    events_argument,
    json_option,
    ladder_option,
    output_options,
    reading_options,
    store_option,
)
from rung.call.parser import Progress, add_verb
from rung.call.printing import note, print_json, print_line, write_table
from rung.call.reading import read, say_silence, store_of

if TYPE_CHECKING:
    from features.events.log import EventLog
    from features.ladder.ladder import Ladder
    from features.signals.snapshot import Snapshot
    from models.bundle import Bundle

__all__ = ["add_features", "add_import", "add_score", "add_tables"]


def add_import(verbs: Any) -> None:
    """Add `rung import`."""
    load = add_verb(verbs, "import", _import, "put an event log into a store")
    load.add_argument(
        "events",
        help="Parquet, CSV or JSON lines, a folder of them; or a store's URL, to move all of it",
    )
    load.add_argument("--store", required=True, help="such as sqlite:///events.db")
    load.add_argument(
        "--ladder",
        help="check what this ladder reads, by its [import], and that its first step is impersonal",
    )
    reading_options(load)
    json_option(load)


def add_features(verbs: Any) -> None:
    """Add `rung features`."""
    features = add_verb(
        verbs, "features", _features, "write the signals of all leads at an instant"
    )
    events_argument(features)
    ladder_option(features)
    output_options(features)
    reading_options(features)
    json_option(features)


def add_score(verbs: Any) -> None:
    """Add `rung score`."""
    score = add_verb(verbs, "score", _score, "write the scores of all leads at an instant")
    events_argument(score)
    bundle_option(score)
    score.add_argument("--as-of", type=as_time, help="such as 2026-03-01T12:00:00Z; default: now")
    score.add_argument(
        "--out", type=as_scores, required=True, help="a file, .parquet, .csv, .csv.gz or .ndjson"
    )
    horizons_option(score)
    reading_options(score)
    json_option(score)


def add_tables(verbs: Any) -> None:
    """Add `rung tables`."""
    tables = add_verb(verbs, "tables", _tables, "write what a store holds as tables of a warehouse")
    tables.add_argument("folder", type=Path, metavar="FOLDER", help="made where there is none")
    ladder_option(tables)
    tables.add_argument(
        "--format", choices=("parquet", "csv", "ndjson"), default="parquet", help="of the files"
    )
    store_option(tables)
    json_option(tables)


def _import(parsed: argparse.Namespace, progress: Progress) -> None:
    return (_move if "://" in parsed.events else _import_files)(parsed, progress)


def _import_files(parsed: argparse.Namespace, progress: Progress) -> None:
    from features.clock import now
    from features.errors import EventsError, without_password
    from features.events.log import LogColumns
    from features.events.personal_data import contact_rule
    from features.ladder.file import read_ladder
    from features.ladder.ladder import EventNames
    from features.reading import dated_after, read_table
    from features.signals.table import ladder_columns
    from features.store.events import EventStore
    from features.store.kept.leases import keep_while_served

    needs, names, columns, contact = LogColumns(), EventNames(), None, None
    if parsed.ladder:
        ladder = read_ladder(parsed.ladder)
        needs, names = LogColumns(*ladder_columns(ladder)), ladder.events
        columns, contact = ladder.imports, contact_rule(ladder)
    table, report = read_table(
        parsed.events,
        needs=needs,
        names=names,
        strict=parsed.strict,
        rejects=parsed.rejects,
        assume_timezone=parsed.timezone,
        layout=parsed.layout or columns,
        contact=contact,
        progress=progress,
    )
    if not report.accepted:
        if parsed.json:
            print_json(report.as_dict())
        said = [f"{parsed.events}: no row was accepted, and nothing is stored", *report.lines()]
        raise EventsError("\n  ".join(said))
    with EventStore.open(parsed.store, when_older=keep_while_served(now())) as store:
        appended = store.append(table, progress)
    ahead = int(dated_after(table, now()).sum())
    result = report.as_dict() | {
        "future": ahead,
        "new": appended.accepted,
        "known": appended.duplicates,
        "suppressed": appended.suppressed,
    }
    if parsed.json:
        return print_json(result)
    said = [] if contact else ["contact data was not looked for: --ladder says where none may be"]
    for line in [*report.lines(), *said]:
        print_line(line)
    if ahead:
        print_line(f"{ahead:,} dated in the future: kept, and set aside until then")
    if appended.suppressed:
        print_line(
            f"{appended.suppressed:,} left out: their leads were erased and must not come back"
        )
    where = without_password(parsed.store)
    print_line(f"{appended.accepted:,} new events in {where}; {appended.duplicates:,} were there")
    return None


def _move(parsed: argparse.Namespace, progress: Progress) -> None:
    """Copy a store, with all that it holds beside events, into an empty one."""
    from features.clock import now
    from features.errors import EventsError, without_password
    from features.store.events import EventStore
    from features.store.migrations.copying import copy_store
    from features.store.migrations.older import keep_as_it_is

    of_files = ("strict", "rejects", "timezone", "layout", "ladder")
    given = [f"--{name}" for name in of_files if getattr(parsed, name)]
    if given:
        raise EventsError(
            f"{without_password(parsed.events)}: a store is copied as it is; {', '.join(given)}"
            " is of files, leave it out"
        )
    with (
        EventStore.existing(parsed.events) as source,
        EventStore.open(parsed.store, when_older=keep_as_it_is) as target,
    ):
        if source.scorers.others("", now()):
            raise EventsError(
                f"{without_password(parsed.events)}: a process scores in it; stop the service"
                " first, or what it is told meanwhile is left behind"
            )
        copied = copy_store(source.database, target.database, progress)
    if parsed.json:
        return print_json({"copied": copied})
    for table, rows in copied.items():
        if rows:
            print_line(f"{rows:>12,} {table}")
    where = without_password(parsed.store)
    print_line(f"all that the store holds was copied to {where}: let RUNG_DATABASE_URL name it")
    return None


def _features(parsed: argparse.Namespace, progress: Progress) -> None:
    ladder, log = read(parsed, progress, until=parsed.as_of)
    found = _snapshot(log, ladder, parsed.as_of, progress)
    write_table(found.frame(), parsed.out)
    _print_written(parsed, len(found), {"signals": len(found.signals)})


def _score(parsed: argparse.Namespace, progress: Progress) -> None:
    from features.clock import microseconds, now, when
    from features.files import new_file
    from models.horizons import within
    from serving.routes.exports.files import parts_of, with_horizons, write_rows
    from serving.routes.exports.rows import schema_of

    present = now()
    as_of = parsed.as_of or when(present)
    bundle = loaded_bundle(parsed.bundle, parsed)
    asked = days_asked(parsed, bundle)
    _, log = read(parsed, progress, ladder=bundle.ladder, until=as_of)
    snapshot = _snapshot(log, bundle.ladder, as_of, progress)
    bundle = _as_served(bundle, parsed.events, microseconds(as_of))
    scores = bundle.score(snapshot)
    horizons = [within(bundle, scores, days) for days in asked]
    rows = parts_of(bundle, snapshot, scores, present, horizons)
    with new_file(parsed.out) as part:
        suffix = "".join(parsed.out.suffixes[-2:]).lower()
        suffix = ".csv.gz" if suffix.endswith(".csv.gz") else parsed.out.suffix.lower()
        count = write_rows(part, suffix, with_horizons(schema_of(bundle.ladder), horizons), rows)
    expected = expected_purchases(bundle, {one.days: one.purchases for one in horizons})
    more = purchases_by_days(expected) if parsed.json else {}
    _print_written(parsed, count, {"bundle": bundle.version, **more})
    if not parsed.json:
        say_purchases(expected)


def _as_served(bundle: Bundle, events: str, as_of: int) -> Bundle:
    """The bundle as it serves a store at an instant; of a file, as it was trained."""
    from features.store.events import EventStore
    from models.recalibrated import Recalibrated, moves_of

    if "://" not in events:
        return bundle
    with EventStore.existing(events) as store:
        moves = moves_of(store.recalibrations.of(bundle.hash))
    return Recalibrated(bundle, moves).at(as_of)


def _tables(parsed: argparse.Namespace, progress: Progress) -> None:
    from features.ladder.file import read_ladder
    from serving.routes.exports.tables import write_tables

    ladder = read_ladder(parsed.ladder)
    with store_of(parsed.store, must_exist=True) as store:
        rows = write_tables(parsed.folder, f".{parsed.format}", store.database, ladder, progress)
    if parsed.json:
        return print_json({"folder": str(parsed.folder), "rows": rows})
    told = ", ".join(f"{name} {count:,}" for name, count in rows.items())
    print_line(f"{parsed.folder}: {told} rows")
    return None


def _snapshot(log: EventLog, ladder: Ladder, as_of: datetime, progress: Progress) -> Snapshot:
    from features.clock import microseconds
    from features.reading import names_apart
    from features.signals.snapshot import snapshot

    if apart := names_apart(log, ladder):
        note(apart)
    say_silence(log.judged_until(None), microseconds(as_of))
    progress(f"signals of {things(len(log.leads), 'lead')}")
    return snapshot(log, ladder, None, as_of)


def _print_written(parsed: argparse.Namespace, rows: int, more: dict[str, Any]) -> None:
    if parsed.json:
        return print_json({"out": str(parsed.out), "leads": rows, **more})
    told = ", ".join(f"{key} {value}" for key, value in more.items())
    print_line(f"{things(rows, 'lead')} in {parsed.out} ({told})")
    return None
