"""Rows as a file gives them, judged a column at a time: an `EventTable` of those that are fine."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.arrays import Bools, Floats
from features.events.columns import number_array, numbers_of, text_array, texts_of
from features.events.formats.contact_data import ContactData, contact_data
from features.events.formats.decimals import Decimals
from features.events.formats.import_report import NAIVE_TIME, UNREADABLE_TIME, Rejects
from features.events.formats.json_rows import BROKEN_JSON
from features.events.formats.row_batch import Properties, Reading, RowBatch, told
from features.events.junk_ids import LIKE_JUNK, is_junk
from features.events.log import LogColumns, Times
from features.events.properties import property_json
from features.events.readable import SHARE_ENDINGS, is_judged, unreadable
from features.events.table import EventTable
from features.events.times import (
    ABSENT,
    NAIVE,
    NUMBER,
    OUT_OF_RANGE,
    READ,
    UNREADABLE,
    read_times,
)
from features.events.values import (
    EVENT_NAME,
    LEAD_ID,
    NEGATIVE,
    NOT_A_NUMBER,
    NOT_FINITE,
    STORED_MESSAGE_ID,
    is_never_negative,
)
from features.ladder.ladder import EventNames

__all__ = ["checked"]

JUNK_ID: Final = "lead_id of nobody (what programs write for none, such as null or undefined)"
_TIME_REASONS: Final = {
    NAIVE: NAIVE_TIME,
    NUMBER: "number as time (write it as 2026-03-01T12:00:00Z)",
    UNREADABLE: UNREADABLE_TIME,
    OUT_OF_RANGE: "time outside the years 1970 to 2199 (is its unit right?)",
}
_TEXTS: Final = {"lead_id": LEAD_ID, "name": EVENT_NAME, "message_id": STORED_MESSAGE_ID}


class _Verdict:
    """The first fault of each row."""

    def __init__(self, count: int) -> None:
        self.fault = np.zeros(count, dtype=np.int16)
        self.faults: list[tuple[str, str]] = [("", "")]

    def mark(self, rows: Bools, reason: str, column: str) -> None:
        """Rows that have the fault `reason` in `column`, unless they have one already."""
        if rows.any():
            self.fault[rows & (self.fault == 0)] = len(self.faults)
            self.faults.append((reason, column))

    @property
    def fine(self) -> Bools:
        return np.asarray(self.fault == 0)


def checked(batch: RowBatch, reading: Reading, rejects: Rejects) -> EventTable:
    """The rows of a batch that are fine; the others go to `rejects`."""
    verdict = _Verdict(len(batch.lines))
    for fault in batch.faults:
        verdict.mark(fault.rows, fault.reason, fault.column)
    parsed = _objects(batch, verdict)
    texts = {name: _base_texts(batch, name, verdict) for name in ("lead_id", "name")}
    _mark_junk(texts["lead_id"], verdict)
    contact = contact_data(batch, parsed, texts["name"], reading.contact)
    batch, parsed = contact.batch, contact.parsed
    for fault in contact.faults:
        verdict.mark(fault.rows, fault.reason, fault.column)
    occurred, known = _clocks(batch, reading.timezone or batch.zone, verdict)
    table = EventTable(
        _message_ids(batch, verdict),
        texts["lead_id"],
        texts["name"],
        occurred,
        known,
        _number_columns(batch, parsed, reading.needs.numbers, verdict, rejects.decimals),
        _text_columns(batch, parsed, reading.needs.texts),
        dict(batch.flat) if reading.everything else {},
        _documents(parsed) if reading.everything else None,
        _links(batch, texts["lead_id"]),
    )
    if reading.needs == LogColumns():  # no ladder says yet which of them are numbers
        for name, column in batch.flat.items():
            nowhere = np.zeros(len(column), dtype=np.bool_)
            rejects.decimals.look(name, column, nowhere, batch.file, batch.lines)
    if reading.names is not None:
        _mark_unreadable(batch, parsed, texts["name"], reading.names, verdict)
    _warn(contact, verdict.fine, rejects)
    if verdict.fine.all():
        return table
    _report(batch, verdict, rejects)
    return table.rows(verdict.fine)


def _objects(batch: RowBatch, verdict: _Verdict) -> list[Properties] | None:
    if batch.parsed is None:
        return None
    broken = np.array([isinstance(found, str) for found in batch.parsed], dtype=np.bool_)
    verdict.mark(broken, BROKEN_JSON, "properties")
    return [{} if found is None or isinstance(found, str) else found for found in batch.parsed]


def _base_texts(batch: RowBatch, name: str, verdict: _Verdict) -> pa.Array:
    texts = text_array(batch.base[name])
    if texts.null_count:
        verdict.mark(_mask(texts.is_null()), f"missing {name}", name)
    _judge(texts, name, verdict)
    return texts


def _mark_junk(lead_ids: pa.Array, verdict: _Verdict) -> None:
    """Rows of nobody; ids that may be such are few, and those alone are looked at closer."""
    wanted = pc.fill_null(pc.match_substring_regex(lead_ids, LIKE_JUNK, ignore_case=True), False)
    for id_ in pc.unique(lead_ids.filter(wanted)).to_pylist():
        if is_junk(id_):
            verdict.mark(_mask(pc.fill_null(pc.equal(lead_ids, id_), False)), JUNK_ID, "lead_id")


def _links(batch: RowBatch, lead_ids: pa.Array) -> pa.Array | None:
    """The ids that rows link with their lead; one that will not do is no fault of the event."""
    if batch.anonymous is None:
        return None
    found = text_array(batch.anonymous)
    own = pc.fill_null(pc.equal(found, lead_ids), True)
    nobody = [id_ is not None and is_junk(id_) for id_ in found.to_pylist()]
    odd = pc.or_(own, pa.array(LEAD_ID.refuses(found) | np.array(nobody, dtype=np.bool_)))
    return pc.if_else(odd, pa.scalar(None, pa.string()), found)


def _message_ids(batch: RowBatch, verdict: _Verdict) -> pa.Array:
    if "message_id" not in batch.base:
        return pa.nulls(len(batch.lines), pa.string())
    texts = text_array(batch.base["message_id"])
    _judge(texts, "message_id", verdict)
    return texts


def _judge(texts: pa.Array, name: str, verdict: _Verdict) -> None:
    rule = _TEXTS[name]
    verdict.mark(rule.refuses(texts), f"{name} is not {rule.right}", name)


def _clocks(batch: RowBatch, zone: str | None, verdict: _Verdict) -> tuple[Times, Times]:
    occurred, state = read_times(batch.base["occurred_at"], zone)
    verdict.mark(state == ABSENT, "missing occurred_at", "occurred_at")
    _mark_times(state, "occurred_at", verdict)
    if "known_at" not in batch.base:
        return occurred, occurred
    known, state = read_times(batch.base["known_at"], zone)
    _mark_times(state, "known_at", verdict)
    if (state == ABSENT).all():
        return occurred, occurred
    return occurred, np.where(state == ABSENT, occurred, known)


def _mark_times(state: npt.NDArray[np.int8], column: str, verdict: _Verdict) -> None:
    if (state == READ).all():
        return
    for code, reason in _TIME_REASONS.items():
        verdict.mark(state == code, reason, column)


def _number_columns(
    batch: RowBatch,
    parsed: list[Properties] | None,
    names: Sequence[str],
    verdict: _Verdict,
    decimals: Decimals,
) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    for name in names:
        values = _numbers(batch, parsed, name, verdict, decimals)
        if values is None:
            continue
        verdict.mark(np.isinf(values), NOT_FINITE, name)
        if is_never_negative(name):
            verdict.mark(values < 0, NEGATIVE, name)
        found[name] = values
    return found


def _numbers(
    batch: RowBatch,
    parsed: list[Properties] | None,
    name: str,
    verdict: _Verdict,
    decimals: Decimals,
) -> Floats | None:
    """A property as numbers; a column of its own wins over the JSON object."""
    values = None
    if name in batch.flat:
        values, bad = number_array(batch.flat[name])
        verdict.mark(bad, NOT_A_NUMBER, name)
        decimals.look(name, batch.flat[name], bad, batch.file, batch.lines)
    if parsed is not None:
        given = [row.get(name) for row in parsed]
        inner, bad = numbers_of(given)
        decimals.look(name, given, bad, batch.file, batch.lines)
        if values is not None:
            bad &= np.isnan(values)
            inner = np.where(np.isnan(values), inner, values)
        verdict.mark(bad, NOT_A_NUMBER, name)
        values = inner
    return values


def _text_columns(
    batch: RowBatch, parsed: list[Properties] | None, names: Sequence[str]
) -> dict[str, pa.Array]:
    found = {name: text_array(batch.flat[name]) for name in names if name in batch.flat}
    if parsed is None:
        return found
    for name in names:
        inner = text_array(texts_of([row.get(name) for row in parsed]))
        found[name] = pc.coalesce(found[name], inner) if name in found else inner
    return found


def _documents(parsed: list[Properties] | None) -> pa.Array | None:
    if parsed is None:
        return None
    return pa.array([property_json(row) if row else None for row in parsed], pa.string())


def _may_be_wrong(properties: Properties) -> bool:
    return "gaps" in properties or any(key.endswith(SHARE_ENDINGS) for key in properties)


def _mark_unreadable(
    batch: RowBatch,
    parsed: list[Properties] | None,
    names: pa.Array,
    roles: EventNames,
    verdict: _Verdict,
) -> None:
    """Rows with an answer that nobody understands; those that may have one are few."""
    faults: dict[tuple[str, str], Bools] = {}
    judged = [name for name in pc.unique(names).to_pylist() if name and is_judged(name, roles)]
    answers = _mask(pc.is_in(names, pa.array(judged, pa.string())))
    if "gaps" in batch.flat:
        answers |= _mask(pc.is_valid(batch.flat["gaps"]))
    for column, values in batch.flat.items():
        if column.endswith(SHARE_ENDINGS):
            with np.errstate(invalid="ignore"):
                answers |= number_array(values)[0] > 1.0
    if parsed is not None:
        answers |= np.array([_may_be_wrong(found) for found in parsed], dtype=np.bool_)
    for row in np.flatnonzero(answers).tolist():
        own = {name: column[row].as_py() for name, column in batch.flat.items()}
        told = {name: value for name, value in own.items() if value not in (None, "")}
        inner = parsed[row] if parsed is not None else {}
        if wrong := unreadable(names[row].as_py(), {**inner, **told}, roles):
            fault = (f"unreadable answer ({wrong.detail})", wrong.place[0])
            faults.setdefault(fault, np.zeros(len(names), dtype=np.bool_))[row] = True
    for (reason, column), rows in faults.items():
        verdict.mark(rows, reason, column)


def _report(batch: RowBatch, verdict: _Verdict, rejects: Rejects) -> None:
    for at, (reason, column) in enumerate(verdict.faults):
        rows = np.flatnonzero(verdict.fault == at) if at else ()
        if not len(rows):
            continue
        for row in rows[: rejects.count(reason, len(rows))]:
            place = batch.file, int(batch.lines[row])
            value = _value(batch, reason, column, row)
            rejects.show(reason, place, value, partial(batch.row, int(row)))


def _warn(contact: ContactData, fine: Bools, rejects: Rejects) -> None:
    """Count the rows that are kept without what stood in an address, and show the first few."""
    batch = contact.batch
    for row, (where, why) in sorted(contact.taken_from.items()):
        if fine[row]:
            place = batch.file, int(batch.lines[row])
            rejects.warn(f"contact data taken out of an address: {why}", place, where)


def _value(batch: RowBatch, reason: str, column: str, row: int) -> str:
    """The value at fault, with the column that it stands in."""
    value = _found(batch, reason, column, row)
    if not column:
        return _short(value)
    return f"{column} is absent" if value in (None, "") else f"{column} = {_short(value)}"


def _found(batch: RowBatch, reason: str, column: str, row: int) -> object:
    for fault in batch.faults:
        if (fault.reason, fault.column) == (reason, column):
            value = fault.values[row]
            return told(value)
    columns = batch.flat if column in batch.flat else batch.base
    value = told(columns[column][row]) if column in columns else None
    if value is None and batch.parsed is not None:
        found = batch.parsed[row]
        value = found if isinstance(found, str) else (found or {}).get(column)
    return value


def _short(value: object) -> str:
    text = repr(value) if isinstance(value, str | int | float) else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _mask(array: pa.Array) -> Bools:
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=np.bool_)
