"""From files of events to parts with whole leads: each row checked, once, under its lead's name.

a file a task     read and checked          ── by message id ─►  each message once; links of ids
the driver        who is whom, from the links of all files
a part a task     ids become leads          ── by lead ───────►  part-00017.parquet

A large Parquet file is several tasks.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.errors import EventsError
from features.events.columns import distinct
from features.events.formats.decimals import Decimals
from features.events.formats.files import row_groups
from features.events.formats.import_report import ImportReport
from features.events.log import LogColumns
from features.events.table import EventTable, again_without_id, concat, without_duplicates
from features.files import new_file
from features.ladder.ladder import EventNames
from features.ladder.source import ImportColumns
from features.reading import files_to_read, moved_clocks, read_in_tables, refuse_bad_rows, renamed
from features.store.identities.links import links_of_table, merged
from features.store.identities.rule import Link, resolve
from rung.cluster.packed import divided, packed, unpacked, write_events
from rung.cluster.parts import new_parts, part_of
from rung.cluster.tasks import Cluster, Done, Handing, Regrouping

__all__ = ["Importing", "import_events"]

_STAGING: Final = ".staging"
_EXAMPLES: Final = 5
_ROWS: Final = 1_000_000
"""So many rows of a file are in memory at once, about half a gigabyte of them."""
_STRETCH: Final = 2_000_000
"""About so many rows of a large file are a task of their own, where it can be read in stretches."""


@dataclass(frozen=True, slots=True)
class Importing:
    """How files are read, as of `features.reading.read_table`."""

    needs: LogColumns = field(default_factory=LogColumns)
    names: EventNames | None = None
    assume_timezone: str | None = None
    layout: str | ImportColumns | None = None
    strict: bool = False
    rejects: Path | None = None


def import_events(
    cluster: Cluster, source: Path, folder: Path, parts: int, asked: Importing
) -> tuple[ImportReport, int]:
    """Write the events of a file, or of a folder of files, as parts; a report, and how many leads.

    Which events there are, and whose, is as `features.reading.read_events` finds them in the same
    files on one machine.

    Raises
    ------
    EventsError : a file that cannot be read, or `strict` and a bad row; nothing is written then.
    """
    files, passed_over = files_to_read(source, asked.rejects)
    stretches = [(file, groups) for file in files for groups in row_groups(file, _STRETCH)]
    with new_parts(folder, "events") as (place, told):
        staging = place / _STAGING
        staging.mkdir()
        by_message = Regrouping(
            len(stretches),
            partial(_read, stretches, asked, parts, staging),
            partial(_settle, staging),
            parts,
            staging / "pieces",
            ("files are read", "each message once"),
        )
        read, settled = cluster.regrouped(by_message)
        Decimals.of_parts(answer.told["decimals"] for answer in read).check()
        report = _report([answer.told for answer in read], passed_over)
        report = replace(
            report,
            accepted=sum(answer.told["rows"] for answer in settled),
            duplicates=report.accepted - sum(answer.told["rows"] for answer in settled),
            moved_clocks=sum(answer.told["moved"] for answer in settled),
        )
        if asked.rejects is not None:
            _join_rejects(staging, len(stretches), asked.rejects)
        if asked.strict:
            refuse_bad_rows(source, report)
        if not report.accepted:
            raise EventsError("\n  ".join([f"{source}: no row was accepted", *report.lines()]))
        _write_leads(staging, settled)
        numbers = [answer.number for answer in settled]
        by_lead = Regrouping(
            len(numbers),
            partial(_rename, staging, numbers, parts),
            partial(_write, place),
            parts,
            staging / "pieces",
            ("ids become leads", "parts are written"),
        )
        _, written = cluster.regrouped(by_lead)
        shutil.rmtree(staging)
        leads = sum(answer.told["leads"] for answer in written)
        report = replace(report, again=sum(answer.told["again"] for answer in written))
        told |= {
            "partitions": parts,
            "parts": [answer.number for answer in written],
            "leads": leads,
            "events": report.accepted,
        }
    return report, leads


# ------------------------------------------------------------------------------- each message once


def _read(
    stretches: Sequence[tuple[Path, range | None]],
    asked: Importing,
    parts: int,
    staging: Path,
    number: int,
) -> Handing:
    """The rows of a stretch that are fine, by message ids; those without one stay together."""
    file, groups = stretches[number]
    rejects = None if asked.rejects is None else _rejects(staging, number)
    decimals = Decimals()
    tables = read_in_tables(
        file,
        _ROWS,
        needs=asked.needs,
        names=asked.names,
        assume_timezone=asked.assume_timezone,
        layout=asked.layout,
        rejects=rejects,
        groups=groups,
        decimals=decimals,
    )
    while True:
        try:
            table = next(tables)
        except StopIteration as end:
            return Done(number, {**end.value.as_dict(), "decimals": decimals.as_dict()})
        codes, ids = distinct(table.message_id)
        known = [str(id_) for id_ in ids]
        where = np.append(part_of(known, parts), number % parts)
        yield from divided(table, where[codes])


def _settle(staging: Path, number: int, pieces: list[bytes]) -> Done:
    """Keep each message once; what the rows that stay say of who is whom."""
    table = without_duplicates(concat([EventTable.empty(), *map(unpacked, pieces)]))
    with new_file(_settled(staging, number)) as part:
        part.write_bytes(packed(table))
    links = links_of_table(table)
    told = {"rows": len(table), "moved": moved_clocks(table)}
    return Done(number, told, _table_of(links) if links else None)


def _settled(staging: Path, number: int) -> Path:
    return staging / f"settled-{number:05}.arrow"


def _rejects(staging: Path, number: int) -> Path:
    return staging / f"rejects-{number:05}.jsonl"


def _join_rejects(staging: Path, count: int, rejects: Path) -> None:
    with new_file(rejects) as part, part.open("wb") as joined:
        for number in range(count):
            with _rejects(staging, number).open("rb") as one:
                shutil.copyfileobj(one, joined)


def _report(reports: Sequence[Mapping[str, Any]], passed_over: Sequence[str]) -> ImportReport:
    """The reports of all files, in their order, as one."""
    rejected: dict[str, int] = {}
    examples: dict[str, tuple[str, ...]] = {}
    for one in reports:
        for reason, count in one["rejected"].items():
            rejected[reason] = rejected.get(reason, 0) + count
            shown = (*examples.get(reason, ()), *one["examples"].get(reason, ()))
            examples[reason] = shown[:_EXAMPLES]
    return ImportReport(
        rows=sum(one["rows"] for one in reports),
        accepted=sum(one["accepted"] for one in reports),
        rejected=rejected,
        examples=examples,
        passed_over=tuple(passed_over),
        layouts=tuple(dict.fromkeys(said for one in reports for said in one["layouts"])),
        from_rows=None
        if all(one["from_rows"] is None for one in reports)
        else sum(one["rows"] if one["from_rows"] is None else one["from_rows"] for one in reports),
    )


# ------------------------------------------------------------------------------------- who is whom


def _table_of(links: Sequence[Link]) -> pa.Table:
    return pa.Table.from_pylist([one._asdict() for one in links])


def _write_leads(staging: Path, settled: Sequence[Done]) -> None:
    """The lead of each id that is not its own, for all tasks to read."""
    rows = [row for answer in settled if answer.table for row in answer.table.to_pylist()]
    members = resolve(merged(Link(**row) for row in rows))
    leads = {id_: one.lead_id for id_, one in members.items() if one.lead_id != id_}
    ids, found = pa.array(leads.keys(), pa.string()), pa.array(leads.values(), pa.string())
    table = pa.table({"id": ids, "lead": found})
    with new_file(staging / "leads.arrow") as part, pa.ipc.new_file(part, table.schema) as file:
        file.write_table(table)


@lru_cache(maxsize=1)
def _leads(file: Path) -> dict[str, str]:
    """Read once by each process of a worker."""
    table = pa.ipc.open_file(file).read_all()
    return dict(zip(table["id"].to_pylist(), table["lead"].to_pylist(), strict=True))


def _rename(staging: Path, numbers: Sequence[int], parts: int, number: int) -> Handing:
    """What was settled, by the part of its lead."""
    table = unpacked(_settled(staging, numbers[number]).read_bytes())
    table = renamed(table, _leads(staging / "leads.arrow"))
    codes, ids = distinct(table.lead_id)
    yield from divided(table, part_of([str(one) for one in ids], parts)[codes])
    return Done(number)


def _write(place: Path, number: int, pieces: list[bytes]) -> Done:
    table = concat([EventTable.empty(), *map(unpacked, pieces)])
    write_events(table, place / f"part-{number:05}.parquet")
    leads = pc.count_distinct(table.lead_id).as_py()
    return Done(number, {"leads": leads, "again": again_without_id(table)})
