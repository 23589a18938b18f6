"""The [[source]] tables of a ladder file: tools that send events in forms of their own."""

from __future__ import annotations

import re
from typing import Literal, get_args

from features.json_paths import parse_path
from features.ladder.file.names import read_id
from features.ladder.source import Source
from features.toml_table import Table

__all__ = ["TimeUnit", "read_source"]

Signature = Literal["hmac-sha256-hex", "hmac-sha256-base64", "none"]
TimeUnit = Literal["rfc3339", "s", "ms"]
_SIGNATURES: tuple[Signature, ...] = get_args(Signature)
_TIME_UNITS: tuple[TimeUnit, ...] = get_args(TimeUnit)
_ENV = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")


def read_source(table: Table) -> Source:
    """A tool that sends events in a form of its own: where it has what."""
    name = read_id(table, "name")
    if name.startswith("rung"):
        table.wrong("name", f"cannot be {name!r}", "names that begin with rung are Rung's own")
    signature = table.choice("signature", _SIGNATURES)
    lead_id, anonymous = _read_path(table, "subject"), _read_path(table, "anonymous")
    email = _read_path(table, "email")
    if not any(table.has(key) for key in ("subject", "anonymous", "email")):
        table.wrong("subject", "is missing", "where the id of the lead stands, as user.id")
    event, event_at = table.text("event", ""), _read_path(table, "event_at")
    if not event and not event_at and not table.has("event_at"):
        table.wrong("event", "is missing", "the name of the events, or event_at: where it stands")
    names = table.text_map("names")
    if names and not table.has("event_at"):
        table.wrong("names", "is not read without event_at", "where the kind of event stands")
    return Source(
        name=name,
        signature=signature or "none",
        secret=_read_source_secret(table, signature),
        header=_read_of_signed(table, "header", signature),
        prefix=table.text("prefix", ""),
        items=_read_path(table, "items"),
        lead_id=lead_id,
        anonymous=anonymous,
        email=email,
        event=event,
        event_at=event_at,
        names=tuple(names.items()),
        time=_read_path(table, "time"),
        time_unit=table.choice("time_unit", _TIME_UNITS, "rfc3339") or "rfc3339",
        message_id=_read_path(table, "message_id"),
        properties=_read_properties(table),
    )


def _read_of_signed(table: Table, key: str, signature: Signature | None) -> str:
    """A text that a signed source has, and one that is not signed has not."""
    given = table.text_if_any(key)
    if signature == "none" and table.has(key):
        table.wrong(key, "is not read where signature is 'none'", "leave it out")
    elif signature not in (None, "none") and not table.has(key):
        table.wrong(key, "is missing", f"signature {signature!r} needs one")
    return given


def _read_source_secret(table: Table, signature: Signature | None) -> str:
    """The name of a variable: the ladder is kept with every model, and is no place for a secret."""
    given = _read_of_signed(table, "secret", signature)
    if given and not _ENV.fullmatch(given):
        table.wrong("secret", "must name a variable of the environment", "as env:FORMS_SECRET")
    return given


def _read_path(table: Table, key: str) -> str:
    path = table.text_if_any(key)
    if parse_path(path) is None:
        table.wrong(key, f"{path!r} is no path", "as data.items[0].id")
    return path


def _read_properties(table: Table) -> tuple[tuple[str, str], ...]:
    paths = table.text_map("properties")
    for name, path in paths.items():
        if not parse_path(path):
            where = f"{table.at('properties')}.{name}"
            table.found.wrong(where, f"{path!r} is no path", "as data.items[0].id")
    return tuple(paths.items())
