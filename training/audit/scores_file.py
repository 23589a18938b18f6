"""A file of somebody's scores: which column is which, what a score claims, when wins were."""

from __future__ import annotations

import csv
import io
import re
import zlib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pyarrow as pa

from features.arrays import Bools, Floats
from features.errors import EventsError
from features.events.formats.csv_lines import goes_on, is_open
from features.events.formats.utf8 import as_utf8
from features.events.formats.workbooks import check_no_workbook
from features.events.log import Times
from features.events.times import READ, check_timezone, read_times
from features.files import kept_away
from features.ladder.field_names import plain

__all__ = ["Scale", "ScoreRows", "read_scores"]

Scale = Literal["probability", "percent", "grade", "points"]

_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "id": ("lead id", "record id", "contact id", "opportunity id", "prospect id", "lead number",
           "id", "email"),
    "score": ("score", "lead score", "hubspot score", "einstein score", "likelihood to close",
              "probability", "p_purchase", "lead grade", "grade", "lead quality"),
    "date": ("scored at", "score date", "date", "as of", "create date", "created date"),
    "won at": ("won at", "close date", "became a customer date", "converted date",
               "conversion date"),
    "won": ("is won", "won", "converted", "stage", "deal stage", "lifecycle stage"),
}  # fmt: skip
_OPTION: Final = {"id": "--id-column", "score": "--score-column", "date": "--date-column"}
_CREATED: Final = re.compile(r".*creat(e|ed|ion)(date|time|on|at|datetime)?")
_DAYS_OF_WINS: Final = "'Close Date' or 'Became a Customer Date'"
_NO_DAY: Final = "won on a day that is not said"
_WON: Final = {"true", "yes", "1", "won", "closedwon", "converted", "customer"}
_GRADES: Final = {grade: 12.0 - at for at, grade in enumerate(
    ("A+", "A", "A-", "B+", "B", "B-", "C+", "C", "C-", "D+", "D", "D-", "F")
)}  # fmt: skip
_DATE: Final = "write a date such as 2026-03-01 or 2026-03-01T12:00:00Z"
_MOST_SHOWN: Final = 40
_SEPARATORS: Final = (",", ";", "\t", "|")
_THOUSANDS: Final = re.compile(r"[+-]?[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]+)?")
_DOTTED_THOUSANDS: Final = re.compile(r"[+-]?[1-9][0-9]{0,2}(\.[0-9]{3})+,[0-9]+")


@dataclass(frozen=True, eq=False, slots=True)
class ScoreRows:
    """The rows of a file that could be read.

    Parameters
    ----------
    leads, score, at : id, score and instant of a row; percent are shares here, A+ is 12 and F 0.
    won, won_at : who won, and when, microseconds since the epoch; 0 where it is not said or not so.
    dropped : rows that could not be read, by reason.
    first : the first row of each reason and what it says.
    columns : what each role was taken from.
    """

    leads: tuple[str, ...]
    score: Floats
    at: Times
    scale: Scale
    won: Bools
    won_at: Times
    dropped: dict[str, int] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes the scores look better than they were, as their columns tell."""
        date = self.columns.get("date", "")
        if not _CREATED.fullmatch(plain(date)) or "score" in plain(date):
            return ()
        return (
            f"The date of each score is {date!r}, the day on which the lead was created: unless the"
            " scores were made on that day they know what came later, and look better than they"
            " are. Name the day on which they were made by --date-column.",
        )

    @property
    def lacks(self) -> str:
        """What the file does not say of who won and when; "" where it says both of somebody."""
        who, when = self.columns.get("won", ""), self.columns.get("won at", "")
        days = f"a column such as {_DAYS_OF_WINS}"
        if (self.won_at > 0).any():
            return ""
        if not who and not when:
            return "nothing says who won and when; give --events and --win, or columns such as" + (
                " 'Is Won' and 'Close Date'"
            )
        if not when:
            return f"who won is {who!r}, and nothing says when; give --events and --win, or {days}"
        undated = self.dropped.get(_NO_DAY, 0)
        if undated:
            return (
                f"{undated:,} won by {who!r}, and {when!r} says the day of none of them; give"
                f" --events and --win, or {days}"
            )
        return f"nobody won: {who or when!r} names none; give --events and --win, or a longer file"

    @property
    def said(self) -> str:
        """Which columns were taken, in one line."""
        found = ", ".join(f"{role} is {name!r}" for role, name in self.columns.items())
        return f"{found}; the scores are {_SAID[self.scale]}"


_SAID: Final = {
    "probability": "probabilities",
    "percent": "percentages, taken as probabilities",
    "grade": "grades: an order, no probabilities",
    "points": "points: an order, no probabilities",
}


def read_scores(
    file: Path, named: Mapping[str, str | None], timezone: str | None = None
) -> ScoreRows:
    """The scores of a CSV file.

    Parameters
    ----------
    named : the columns for "id", "score" and "date"; None looks for one by its usual names.
    timezone : of dates without one; they are taken as UTC without it.

    Raises
    ------
    EventsError : the file, a column of it or every row cannot be read.
    """
    check_timezone(timezone)
    heads, rows = _cells(file)
    filled = {head for at, head in enumerate(heads) if any(row[at].strip() for row in rows)}
    columns = {role: _find(file, heads, filled, role, named.get(role)) for role in _COLUMNS}
    texts = {
        role: [row[heads.index(name)].strip() for row in rows] if name else [""] * len(rows)
        for role, name in columns.items()
    }
    at, is_date = _dates(texts["date"], timezone)
    won_at, is_closed = _dates(texts["won at"], timezone)
    has_wins = bool(columns["won"] or columns["won at"])
    said = np.array([plain(text) in _WON for text in texts["won"]], dtype=np.bool_)
    won = (said if columns["won"] else is_closed) & has_wins
    has_id = np.array([bool(text) for text in texts["id"]], dtype=np.bool_)
    # A win without a day cannot be placed before or after a score.
    dated = ~won | is_closed | (not columns["won at"])
    sound = has_id & is_date & dated
    # A row that is left out anyway does not say what the others' scores are.
    kept_texts = [text for text, kept in zip(texts["score"], sound, strict=True) if kept]
    in_groups = _are_in_groups(kept_texts)
    scale = _scale(file, kept_texts, in_groups)
    score = _scores(texts["score"], scale, in_groups)
    faults = {
        "without an id": ("id", ~has_id),
        "without a score": ("score", np.isnan(score)),
        "without a date that can be read": ("date", ~is_date),
        _NO_DAY: ("won at", ~dated),
    }
    keep = np.ones(len(rows), dtype=np.bool_)
    dropped, first = {}, {}
    for reason, (role, bad) in faults.items():
        if count := int((keep & bad).sum()):
            dropped[reason] = count
            at_first = int(np.argmax(keep & bad))
            first[reason] = _told(at_first, texts[role][at_first], role)
        keep &= ~bad
    if not keep.any():
        why = ", ".join(
            f"{count:,} {reason} ({first[reason]})" for reason, count in dropped.items()
        )
        raise EventsError(f"{file}: no row can be judged: {why}")
    return ScoreRows(
        tuple(text for text, kept in zip(texts["id"], keep, strict=True) if kept),
        score[keep], at[keep], scale, won[keep], np.where(won, won_at, 0)[keep],
        dropped, first, {role: name for role, name in columns.items() if name},
    )  # fmt: skip


def _told(at: int, text: str, role: str) -> str:
    """What a row says that cannot be read, and what could."""
    said = f"row {at + 2:,} says {text[:_MOST_SHOWN]!r}" if text else f"row {at + 2:,} says nothing"
    return f"{said}; {_DATE}" if role in ("date", "won at") else said


def _text(file: Path) -> str:
    if not file.is_file():
        there = "no CSV file, but something else" if file.exists() else "there is no such file"
        raise EventsError(f"{file}: {there}")
    try:
        check_no_workbook(file)
        with as_utf8(file) as stream:
            return stream.read().decode("utf-8-sig").lstrip("\r\n")
    except (OSError, EOFError, zlib.error) as error:
        if why := kept_away(error):
            raise EventsError(f"{file}: {why}") from error
        raise EventsError(f"{file}: not readable as CSV: {error}") from error


def _cells(file: Path) -> tuple[list[str], list[list[str]]]:
    text = _text(file)
    first = text.split("\n", 1)[0]
    separator = max(_SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        rows = [row for row in reader if row]
    except csv.Error as error:
        raise EventsError(
            f"{file}, line {reader.line_num}: {error}; look above it for a quote that is not closed"
        ) from error
    if rows and goes_on(rows[-1][-1]) and is_open(text, separator):
        raise EventsError(
            f"{file}, row {len(rows):,}: a quote in it is never closed, which makes one cell of all"
            " that follows it: close it, or take it out"
        )
    if len(rows) < 2:
        raise EventsError(f"{file}: there is no score in it")
    heads = [head.strip() for head in rows[0]]
    width = len(heads)
    for line, row in enumerate(rows[1:], 2):
        if len(row) != width:
            raise EventsError(f"{file}, row {line}: {len(row)} instead of {width} cells")
    for head in heads:
        _check_told_once(file, head, heads, rows[1:])
    return heads, rows[1:]


def _check_told_once(
    file: Path, head: str, heads: Sequence[str], rows: Sequence[Sequence[str]]
) -> None:
    """EventsError where a name stands over two columns that say different things."""
    first, *others = (at for at, name in enumerate(heads) if name == head)
    if head and any(row[at] != row[first] for at in others for row in rows):
        raise EventsError(f"{file}: the column {head!r} stands twice in it; rename one of them")


def _find(file: Path, heads: Sequence[str], filled: Set[str], role: str, named: str | None) -> str:
    """The column of a role, rather one in which something stands; "" where it may be missing."""
    if named is not None:
        if named not in heads:
            raise EventsError(f"{file}: no column {named!r}; there are {', '.join(heads)}")
        return named
    by_name = {plain(head): head for head in reversed(heads)}
    found = [by_name[plain(name)] for name in _COLUMNS[role] if plain(name) in by_name]
    if found:
        return next((head for head in found if head in filled), found[0])
    if role in _OPTION:
        looked = ", ".join(repr(name) for name in _COLUMNS[role])
        raise EventsError(
            f"{file}: no column for the {role}: looked for {looked}, found {', '.join(heads)};"
            f" name it with {_OPTION[role]}"
        )
    return ""


def _scale(file: Path, texts: Sequence[str], in_groups: bool) -> Scale:
    """What the scores of rows are; "points" where there is no row. `in_groups` as of `_number`.

    Raises
    ------
    EventsError : none of the texts is a score.
    """
    if not texts:
        return "points"
    numbers = np.array([_number(text, in_groups) for text in texts], dtype=np.float64)
    finite = numbers[np.isfinite(numbers)]
    if len(finite) == 0:
        if any(text.upper() in _GRADES for text in texts):
            return "grade"
        raise EventsError(f"{file}: no score is a number, a percentage or a grade from A+ to F")
    if any(text.endswith("%") for text in texts):
        return "percent"
    is_share = finite.min() >= 0 and finite.max() <= 1 and bool(((finite > 0) & (finite < 1)).any())
    return "probability" if is_share else "points"


def _scores(texts: Sequence[str], scale: Scale, in_groups: bool) -> Floats:
    """The scores, NaN for those that are none on their scale."""
    if scale == "grade":
        grades = [_GRADES.get(text.upper(), np.nan) for text in texts]
        return np.array(grades, dtype=np.float64)
    numbers = np.array([_number(text, in_groups) for text in texts], dtype=np.float64)
    if scale == "percent":
        return np.where((numbers >= 0) & (numbers <= 100), numbers / 100, np.nan)
    return numbers


def _are_in_groups(texts: Sequence[str]) -> bool:
    """Whether commas part thousands, as in 1,250, and are no decimal ones.

    Each of them could, and nobody wrote a thousand without one: a column in which 1,250 stands
    beside 999 would else turn around. Those of percentages never are, as there is none of a
    thousand.
    """
    with_comma = [text for text in texts if "," in text and not _DOTTED_THOUSANDS.fullmatch(text)]
    if not all(map(_THOUSANDS.fullmatch, with_comma)) or any("%" in text for text in texts):
        return False
    others = np.array([_number(text, False) for text in texts if "," not in text])
    return not (np.abs(others) >= 1000.0).any()


def _number(text: str, in_groups: bool) -> float:
    """A number, NaN where it is none. `in_groups`: commas part its thousands."""
    text = text.removesuffix("%").strip()
    if _DOTTED_THOUSANDS.fullmatch(text):
        text = text.replace(".", "").replace(",", ".")
    elif in_groups or "." in text:
        text = text.replace(",", "") if _THOUSANDS.fullmatch(text) else text
    else:
        text = text.replace(",", ".")
    try:
        number = float(text)
    except ValueError:
        return float("nan")
    return number if np.isfinite(number) else float("nan")


def _dates(texts: Sequence[str], timezone: str | None) -> tuple[Times, Bools]:
    times, state = read_times(pa.array(texts, pa.string()), timezone or "UTC")
    return times, np.asarray(state == READ)
