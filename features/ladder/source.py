"""Events in forms of their own, as the ladder file describes them: a tool's, and a log's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, get_args

from features.errors import LadderError, Mistake
from features.files import why_no_text
from features.toml_table import Found, Table, parse_toml

__all__ = ["ImportColumns", "ImportUnit", "Source", "import_columns", "read_import"]

ImportUnit = Literal["rfc3339", "us", "ms", "s", "h", "d"]
_UNITS: Final[tuple[ImportUnit, ...]] = get_args(ImportUnit)


@dataclass(frozen=True, slots=True)
class Source:
    """A tool that sends events in a form of its own, and where in its payload each thing stands.

    Paths are as `data.items[0].id`; an empty one means that there is no such thing.

    Parameters
    ----------
    signature : what the header `header` holds of the raw body, after `prefix`.
    secret : "env:" and the name of the variable that holds it.
    items : where the list of events stands; empty: the body is the list, or the one event.
    lead_id, anonymous : the ids of the lead; within an event, as are all paths below.
    email : an address of the lead: where it is one person's, a hash of it is an id of the lead.
    event : the name of all events, or of those that `names` does not have; "" ignores them.
    event_at : where an event's kind stands.
    names : the names of events, by kind; empty: the kind is the name.
    time : when it happened; empty: when it arrived.
    message_id : what is the same when it is sent again; empty: all that it says, and where no
        time is among it and nothing is signed, the day on which it arrived.
    properties : names of properties, each with its path.
    """

    name: str
    signature: Literal["hmac-sha256-hex", "hmac-sha256-base64", "none"]
    secret: str = ""
    header: str = ""
    prefix: str = ""
    items: str = ""
    lead_id: str = ""
    anonymous: str = ""
    email: str = ""
    event: str = ""
    event_at: str = ""
    names: tuple[tuple[str, str], ...] = ()
    time: str = ""
    time_unit: Literal["rfc3339", "s", "ms"] = "rfc3339"
    message_id: str = ""
    properties: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ImportColumns:
    """The columns of a log, or paths such as `payload.user.id`.

    Parameters
    ----------
    lead, anonymous_id : of which several may be named; the first that says something counts.
    event : where the name of the event stands; "" where all have the name `always`.
    always : the name of the events that have none.
    names : what events are called here instead of their name there.
    occurred_at, known_at : when it happened and when we learned of it; "" for none.
    unit : of both: RFC 3339, or a number of us, ms, s, h (hours) or d (days).
    since : the instant from which such a number counts; None: 1970 began.
    properties : properties, each with its column; empty: all other columns, by their names.
    """

    lead: tuple[str, ...]
    occurred_at: str
    event: str = ""
    always: str = ""
    names: tuple[tuple[str, str], ...] = ()
    anonymous_id: tuple[str, ...] = ()
    known_at: str = ""
    message_id: str = ""
    unit: ImportUnit = "rfc3339"
    since: datetime | None = None
    properties: tuple[tuple[str, str], ...] = ()


def read_import(table: Table) -> ImportColumns:
    """The [import] table of a ladder file."""
    event = table.text_if_any("event")
    always = table.text_if_any("always")
    if not event and not always and not (table.has("event") or table.has("always")):
        table.wrong("event", "is missing", "the column with the names of events, or always: a name")
    names = table.text_map("names")
    if names and not event:
        table.wrong("names", "is not read without event", "the column with the names of events")
    unit = table.choice("unit", _UNITS, "rfc3339") or "rfc3339"
    since = table.instant("since")
    if since is not None and unit == "rfc3339":
        table.wrong("since", "is not read where unit is 'rfc3339'", "name the unit of the numbers")
    return ImportColumns(
        lead=_columns(table, "lead", "the column with the id of the lead, as user_id"),
        occurred_at=table.text("occurred_at"),
        event=event,
        always=always,
        names=tuple(names.items()),
        anonymous_id=_columns(table, "anonymous_id"),
        known_at=table.text_if_any("known_at"),
        message_id=table.text_if_any("message_id"),
        unit=unit,
        since=since,
        properties=_properties(table),
    )


def import_columns(path: Path | str) -> tuple[ImportColumns, str]:
    """The [import] table of a file that may hold nothing else, and its text.

    Raises
    ------
    LadderError : with all mistakes; or the file cannot be read, or has no such table.
    """
    source = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        mistake = Mistake(source, why_no_text(error))
        raise LadderError(source, [mistake]) from error
    values = parse_toml(text, source)
    found = Found()
    columns = Table(values, "", found).one("import", read_import)
    if "import" not in values:
        found.wrong("import", "is missing", "an [import] table with the columns of the log")
    for key in sorted(values.keys() - {"import"}):
        found.wrong(key, "is not read here", "a file of columns has an [import] table alone")
    if found.mistakes:
        raise LadderError(source, found.mistakes)
    return columns, text


def _columns(table: Table, key: str, remedy: str = "") -> tuple[str, ...]:
    """A column or several; one is needed where there is a remedy."""
    value = table.take(key)
    if value is None and not remedy:
        return ()
    names = [value] if isinstance(value, str) else value
    if value is None:
        table.wrong(key, "is missing", remedy)
    elif not isinstance(names, list) or not names or not all(_is_column(one) for one in names):
        table.wrong(key, "must be a column, or a list of columns")
    else:
        return tuple(names)
    return ()


def _is_column(name: object) -> bool:
    return isinstance(name, str) and bool(name.strip())


def _properties(table: Table) -> tuple[tuple[str, str], ...]:
    columns = table.text_map("properties")
    for name, column in columns.items():
        if not column.strip():
            table.found.wrong(f"{table.at('properties')}.{name}", "is empty", "name a column")
    return tuple(columns.items())
