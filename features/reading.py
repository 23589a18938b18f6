"""Events from Parquet, CSV and JSON lines, and from a store: checked, counted, then a log.

Reading is one column at a time wherever the format allows it. A bad row is never dropped silently:
it is counted by its reason, shown in the report, and written to the list of rejects.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from features.arrays import Bools
from features.clock import microseconds, said_at, seconds_since
from features.errors import EventsError, did_you_mean, without_password
from features.events.columns import distinct
from features.events.formats.checks import checked
from features.events.formats.decimals import Decimals
from features.events.formats.exports.mapped import mapped_layout
from features.events.formats.exports.recognise import layout_named
from features.events.formats.files import event_files, row_batches
from features.events.formats.import_report import ImportReport, Rejects
from features.events.formats.layout import Layout
from features.events.formats.row_batch import Reading, RowBatch
from features.events.log import EventLog, LogColumns
from features.events.personal_data import ContactRule
from features.events.table import EventTable, again_without_id, concat, without_duplicates
from features.events.times import check_timezone
from features.ladder.activity import activity_of
from features.ladder.field_names import plain
from features.ladder.ladder import EventNames, Ladder
from features.ladder.source import ImportColumns
from features.signals.program import compile_ladder
from features.signals.table import ladder_columns
from features.store.events import EventStore
from features.store.identities.links import links_of_table
from features.store.identities.rule import resolve

__all__ = [
    "by_lead",
    "dated_after",
    "files_to_read",
    "moved_clocks",
    "names_apart",
    "names_misspelt",
    "read_events",
    "read_in_tables",
    "read_table",
    "refuse_bad_rows",
    "renamed",
    "silence",
]

_Progress = Callable[[str], None]
_MOST_NAMES: Final = 12
"""Names of events that a message lists."""
_LATELY_DAYS: Final = 2.0
"""Days without news after which a log is said to be silent."""


def read_events(  # noqa: PLR0913 the options of a reading, each by its name
    source: Path | str,
    ladder: Ladder,
    *,
    until: datetime | None = None,
    now: int | None = None,
    strict: bool = False,
    rejects: Path | None = None,
    assume_timezone: str | None = None,
    layout: str | None = None,
    progress: _Progress | None = None,
    everybody: bool = False,
    may_be_empty: bool = False,
) -> tuple[EventLog, ImportReport]:
    """The log of a file, a folder of files or a store, with the columns that a ladder reads.

    Parameters
    ----------
    source : a path, or the URL of a store such as sqlite:///events.db.
    until : events known only after this aware instant are left out.
    now : the present, in microseconds since the epoch; events that are dated after it, such as the
        day on which a contract ends, have not happened and are set aside. None believes all dates.
    strict, rejects, assume_timezone : as in `read_table`; a store's events were checked before.
    layout : the name of an export's layout, or "rung"; None: by the columns.
    everybody : of a store, whether leads that opted out are there as well, only to be counted.
    may_be_empty : whether a log without an event will do, as a part of a larger one.

    Raises
    ------
    EventsError : the source cannot be read, holds no event, or `strict` refuses it.
    StoreError : there is no such store.
    """
    columns = LogColumns(*ladder_columns(ladder))
    if isinstance(source, str) and "://" in source:
        log, report = _from_store(source, ladder, until, now, everybody=everybody)
    else:
        everything = rejects is not None
        reading = Reading(columns, assume_timezone, everything, names=ladder.events)
        reading = _laid_out(reading, layout or ladder.imports)
        table, report = _read(Path(source), reading, strict, rejects, progress)
        table = by_lead(table)
        if now is not None:
            table, report = _happened_by(table, report, now)
        if until is not None:
            table, report = _known_by(table, report, until)
        log = table.log(columns)
    if not len(log) and not may_be_empty:
        raise EventsError(
            "\n  ".join([f"{without_password(source)}: {report.why_empty}", *report.lines()])
        )
    return log, report


def read_table(  # noqa: PLR0913 likewise
    source: Path | str,
    *,
    strict: bool = False,
    rejects: Path | None = None,
    needs: LogColumns = LogColumns(),  # noqa: B008 frozen
    names: EventNames | None = None,
    assume_timezone: str | None = None,
    layout: str | ImportColumns | Layout | None = None,
    contact: ContactRule | None = None,
    progress: _Progress | None = None,
) -> tuple[EventTable, ImportReport]:
    """The checked events of a file, or of a folder of files in name order, with all properties.

    Parameters
    ----------
    source : a file, or a folder of files, of `features.events.formats`.
    strict : refuse everything where one row is bad.
    rejects : a file for the bad rows, as JSON lines of file, line, reason, value and row.
    needs : the properties that a ladder reads; only their values are checked.
    names : what the ladder calls the events with a fixed role, whose answers must be understood.
    assume_timezone : the IANA zone of times that have none; without it they are bad.
    layout : the name of an export's layout, or "rung"; or how files are laid out that have some
        columns, and are not in our own way; or the layout that all of them must have. Without a
        name exports are known by their columns.
    contact : which events may hold no contact data: out of addresses of pages it is taken, and
        other rows with it are bad. None looks for none.

    Raises
    ------
    EventsError : a file that cannot be read or lacks a column, no such layout, or `strict`
        and a bad row.
    """
    reading = _laid_out(Reading(needs, assume_timezone, names=names, contact=contact), layout)
    return _read(Path(source), reading, strict, rejects, progress)


def read_in_tables(  # noqa: PLR0913 likewise
    file: Path,
    size: int,
    *,
    needs: LogColumns,
    names: EventNames | None,
    assume_timezone: str | None,
    layout: str | ImportColumns | None,
    rejects: Path | None,
    groups: range | None = None,
    decimals: Decimals | None = None,
) -> Generator[EventTable, None, ImportReport]:
    """As `read_table` of one file, about `size` rows at a time, so that any file fits.

    Rows that share a message id are all there, since they may lie far apart; nobody has been looked
    for whose clock moved.

    Parameters
    ----------
    groups : one of its `row_groups`; None for all of it.
    decimals : is told how numbers were written, for the caller to check with other files; None
        checks them of this one alone.

    Raises
    ------
    EventsError : the file cannot be read, lacks a column, or there is no such layout.
    """
    check_timezone(assume_timezone)
    reading = _laid_out(Reading(needs, assume_timezone, names=names, groups=groups), layout)
    told: dict[str, None] = {}
    reading = replace(reading, tell=lambda said: told.setdefault(said))
    accepted, seen = 0, _Seen()
    with Rejects.into(rejects) as rejected:
        rejected.decimals = decimals or rejected.decimals
        for tables in _gathered(_tables(file, reading, rejected, None, seen), size):
            table = concat(tables)
            accepted += len(table)
            yield table
        if decimals is None:
            rejected.decimals.check()
    return ImportReport(
        rows=accepted + rejected.total,
        accepted=accepted,
        rejected=rejected.counts,
        examples=rejected.examples,
        layouts=tuple(told),
        from_rows=seen.rows_of(accepted + rejected.total),
    )


def _gathered(tables: Iterable[EventTable], size: int) -> Iterator[list[EventTable]]:
    """Tables that together have at least `size` rows, but for the last."""
    together: list[EventTable] = []
    for table in tables:
        together.append(table)
        if sum(map(len, together)) >= size:
            yield together
            together = []
    if together:
        yield together


def _laid_out(reading: Reading, layout: str | ImportColumns | Layout | None) -> Reading:
    """A reading of files that are laid out in some way."""
    if layout is None:
        return reading
    if isinstance(layout, Layout):
        return replace(reading, layout=layout)
    if isinstance(layout, ImportColumns):
        return replace(reading, mapped=mapped_layout(layout))
    named = layout_named(layout)
    return replace(reading, layout=named, recognises=named is not None)


def by_lead(table: EventTable) -> EventTable:
    """The events under one id a lead, as a store would read them."""
    if table.anonymous_id is None:
        return table
    members = resolve(links_of_table(table))
    return renamed(table, {id_: member.lead_id for id_, member in members.items()})


def renamed(table: EventTable, leads: Mapping[str, str]) -> EventTable:
    """The events with the lead of each id in its place; an id without one is its own lead."""
    codes, ids = distinct(table.lead_id)
    found = [leads.get(id_, id_) for id_ in map(str, ids)]
    return replace(table, lead_id=pa.array(found, pa.string()).take(pa.array(codes)))


def _read(
    source: Path,
    reading: Reading,
    strict: bool,
    rejects: Path | None,
    progress: _Progress | None,
) -> tuple[EventTable, ImportReport]:
    check_timezone(reading.timezone)
    files, passed_over = files_to_read(source, rejects)
    told: dict[str, None] = {}  # in the order in which it was told, each once
    reading = replace(reading, tell=lambda said: told.setdefault(said))
    with Rejects.into(rejects) as rejected:
        tables, seen = [EventTable.empty()], _Seen()
        for file in files:
            tables += _tables(file, reading, rejected, progress, seen)
        rejected.decimals.check()
    table = concat(tables)
    once = without_duplicates(table)
    report = ImportReport(
        rows=len(table) + rejected.total,
        accepted=len(once),
        duplicates=len(table) - len(once),
        moved_clocks=moved_clocks(once),
        again=again_without_id(once),
        in_part=not reading.everything,
        rejected=rejected.counts,
        examples=rejected.examples,
        passed_over=tuple(passed_over),
        layouts=tuple(told),
        from_rows=seen.rows_of(len(table) + rejected.total),
        redacted=None if reading.contact is None else rejected.redacted,
    )
    if strict:
        refuse_bad_rows(source, report)
    return once, report


def refuse_bad_rows(source: Path, report: ImportReport) -> None:
    """EventsError where a row was rejected."""
    if report.rejected:
        said = report.lines()[len(report.layouts) + 1 :]
        raise EventsError("\n  ".join([f"{source}: refused, as bad rows are", *said]))


def files_to_read(source: Path, rejects: Path | None) -> tuple[list[Path], list[str]]:
    """The files of a source, and what is passed over, as of `event_files`.

    The list of rejects of an earlier import may lie among them, and holds no events.
    """
    files, passed_over = event_files(source)
    if rejects is None:
        return files, passed_over
    others = [file for file in files if file.resolve() != rejects.resolve()]
    if not others:
        raise EventsError(f"{rejects}: holds the events; name another file for the rejects")
    return others, passed_over


@dataclass(slots=True)
class _Seen:
    """How many rows of files were read, and how many events they told."""

    rows: int = 0
    events: int = 0

    def add(self, batch: RowBatch) -> None:
        """Count a batch; the events of a row stand together in it."""
        self.events += len(batch.lines)
        self.rows += len(np.unique(batch.lines))

    def rows_of(self, events: int) -> int | None:
        """How many rows told some events, of which a part was no row at all; None where each is."""
        return None if self.events == self.rows else events - self.events + self.rows

    @property
    def said(self) -> str:
        """The counts in words."""
        if self.events == self.rows:
            return f"{self.rows:,} rows"
        return f"{self.events:,} events from {self.rows:,} rows"


def _tables(
    file: Path, reading: Reading, rejects: Rejects, progress: _Progress | None, seen: _Seen
) -> Iterator[EventTable]:
    own = _Seen()
    for batch in row_batches(file, reading, rejects):
        yield checked(batch, reading, rejects)
        for each in (own, seen):
            each.add(batch)
        if progress:
            progress(f"{file}: {own.said}")


def moved_clocks(table: EventTable) -> int:
    """How many events were known before they occurred."""
    if table.known_at is table.occurred_at:
        return 0
    return int((table.known_at < table.occurred_at).sum())


def _known_by(
    table: EventTable, report: ImportReport, until: datetime
) -> tuple[EventTable, ImportReport]:
    keep = table.known_at <= microseconds(until)
    if keep.all():
        return table, report
    known = table.rows(keep)
    left_out = len(table) - len(known)
    return known, replace(
        report, accepted=len(known), later=left_out, moved_clocks=moved_clocks(known)
    )


def _happened_by(
    table: EventTable, report: ImportReport, now: int
) -> tuple[EventTable, ImportReport]:
    keep = ~dated_after(table, now)
    if keep.all():
        return table, report
    past = table.rows(keep)
    aside = len(table) - len(past)
    return past, replace(report, accepted=len(past), future=aside, moved_clocks=moved_clocks(past))


def dated_after(table: EventTable, now: int) -> Bools:
    """Shape (n,): whether each event happens, or becomes known, only after an instant."""
    return np.asarray((table.occurred_at > now) | (table.known_at > now))


def names_apart(log: EventLog, ladder: Ladder) -> str:
    """What is wrong where no event of a log is one that the ladder reads; "" where one is."""
    wanted = _names_read(ladder)
    if not len(log) or wanted & set(log.names):
        return ""
    return (
        f"no event is one that the ladder {ladder.name!r} reads: the log has {_few(log.names)},"
        f" the ladder wants {_few(sorted(wanted))}{_meant(log.names, wanted)}"
    )


def names_misspelt(log: EventLog, ladder: Ladder) -> list[str]:
    """A sentence for each name in the log that differs from one of the ladder in spelling alone."""
    wanted = _names_read(ladder)
    spelt = {plain(name): name for name in sorted(wanted)}
    return [
        f"the log has {name!r} where the ladder reads {spelt[plain(name)]!r}: it is not read"
        for name in log.names
        if name not in wanted and plain(name) in spelt
    ]


def silence(newest: int, then: int) -> str:
    """Since when nothing became known by an instant, and how long that is; "" where it is short.

    Parameters
    ----------
    newest : when the last event of a log became known, in microseconds since the epoch.
    then : the instant at which it is looked at, likewise.
    """
    days = seconds_since(newest, then) / 86_400.0
    return f"since {said_at(newest)}, {days:,.0f} days" if days >= _LATELY_DAYS else ""


def _names_read(ladder: Ladder) -> set[str]:
    """The names of what leads do that count for a ladder's steps and signals."""
    ours = {rule.event for rule in activity_of(ladder).ours}
    about = {ladder.events.traits, ladder.events.consultation}
    about -= {rule.event for rule in ladder.score_at}
    read = compile_ladder(ladder).names
    return {name for name in read if not name.startswith("*")} - ours - about


def _meant(names: Sequence[str], wanted: set[str]) -> str:
    """The first hint that there is; for which name it is, where there are several."""
    for name in names:
        if hint := did_you_mean(name, sorted(wanted)):
            return hint.replace("did you mean", f"for {name!r} did you mean", 1)
    return ""


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:_MOST_NAMES])
    return shown if len(names) <= _MOST_NAMES else f"{shown} and {len(names) - _MOST_NAMES} more"


def _from_store(
    url: str, ladder: Ladder, until: datetime | None, now: int | None, *, everybody: bool
) -> tuple[EventLog, ImportReport]:
    with EventStore.existing(url) as store:
        log = store.log(ladder, until=until, now=now, everybody=everybody)
        rows = store.count()
        future = 0 if now is None else store.count(after=now)
    later = rows - len(log) - future
    return log, ImportReport(rows=rows, accepted=len(log), future=future, later=later)
