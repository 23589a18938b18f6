"""Events of ours in the shape in which each publisher exports them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

Row = dict[str, Any]


class Happened(NamedTuple):
    """An event; `occurred_at` in microseconds since the epoch, in whole milliseconds."""

    message_id: str
    lead: str
    name: str
    occurred_at: int
    properties: dict[str, Any]


def iso(at: int, separator: str = "T", end: str = "Z") -> str:
    """An instant as text, in UTC."""
    moment = datetime.fromtimestamp(at // 1_000_000, UTC).replace(microsecond=at % 1_000_000)
    return moment.strftime(f"%Y-%m-%d{separator}%H:%M:%S.%f") + end


def segment(one: Happened) -> Row:
    """A call in an archive."""
    who = {"userId": one.lead, "anonymousId": f"anon-{one.lead}", "messageId": one.message_id}
    when = {"timestamp": iso(one.occurred_at), "receivedAt": iso(one.occurred_at)}
    call = {
        "context": {"ip": "203.0.113.9"},
        "integrations": {},
        "channel": "client",
        **who,
        **when,
    }
    if one.name == "identify":
        return {"type": "identify", "traits": one.properties, **call}
    if one.name == "page_viewed":
        return {"type": "page", "properties": one.properties, **call}
    return {"type": "track", "event": one.name, "properties": one.properties, **call}


def rudderstack(one: Happened) -> Row:
    """A call in an archive, with what RudderStack adds."""
    return {**segment(one), "rudderId": "0d9b", "request_ip": "203.0.113.9"}


def warehouse(one: Happened) -> Row:
    """A row of an event's table."""
    at = iso(one.occurred_at, " ", "")
    return {
        "id": one.message_id, "anonymous_id": f"anon-{one.lead}", "user_id": one.lead,
        "event": one.name, "event_text": one.name, "original_timestamp": at, "sent_at": at,
        "received_at": at, "timestamp": at, "uuid_ts": at, "context_ip": "203.0.113.9",
        **one.properties,
    }  # fmt: skip


def ga4(one: Happened) -> Row:
    """A row of the export to BigQuery, as JSON lines have it: whole numbers are texts."""
    return {
        "event_date": iso(one.occurred_at)[:10].replace("-", ""),
        "event_timestamp": str(one.occurred_at), "event_name": one.name,
        "event_params": [{"key": k, "value": _value(v)} for k, v in one.properties.items()],
        "user_id": one.lead, "user_pseudo_id": f"anon-{one.lead}", "user_properties": [],
        "platform": None,
    }  # fmt: skip


def _value(value: Any) -> dict[str, Any]:
    kinds = {"string_value": None, "int_value": None, "float_value": None, "double_value": None}
    if isinstance(value, str):
        return {**kinds, "string_value": value}
    if isinstance(value, int):
        return {**kinds, "int_value": str(value)}
    return {**kinds, "double_value": value}


def mixpanel(one: Happened) -> Row:
    """A row of the raw export."""
    own = {
        "time": one.occurred_at / 1e6, "distinct_id": one.lead, "$insert_id": one.message_id,
        "$device_id": f"anon-{one.lead}",
    }  # fmt: skip
    return {"event": one.name, "properties": {**own, **one.properties}}


def amplitude(one: Happened) -> Row:
    """A row of the raw export: times are in UTC and do not say so."""
    at = iso(one.occurred_at, " ", "")
    is_traits = one.name == "identify"
    return {
        "event_type": "$identify" if is_traits else one.name, "user_id": one.lead,
        "device_id": f"anon-{one.lead}", "amplitude_id": 123, "event_time": at,
        "server_received_time": at, "$insert_id": one.message_id,
        "event_properties": {} if is_traits else one.properties,
        "user_properties": one.properties if is_traits else {}, "country": None,
    }  # fmt: skip


def posthog(one: Happened) -> Row:
    """A row of the export of events."""
    inner = {"$set": one.properties} if one.name == "identify" else one.properties
    return {
        "uuid": one.message_id, "event": "$identify" if one.name == "identify" else one.name,
        "distinct_id": one.lead, "timestamp": iso(one.occurred_at, " ", "+00:00"),
        "properties": {"$device_id": f"anon-{one.lead}", **inner}, "person_id": "7",
    }  # fmt: skip


SHAPES: Final[dict[str, Callable[[Happened], Row]]] = {
    "segment-archive": segment,
    "rudderstack-archive": rudderstack,
    "segment-tracks": warehouse,
    "ga4": ga4,
    "mixpanel": mixpanel,
    "amplitude": amplitude,
    "posthog": posthog,
}
"""By the name of the layout that each is to be taken for."""


def write_json(file: Path, rows: Sequence[Row]) -> Path:
    """Rows as JSON lines, packed where the file's name says so."""
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    file.write_bytes(gzip.compress(text) if file.suffix == ".gz" else text)
    return file


def write_parquet(file: Path, rows: Sequence[Row]) -> Path:
    """Rows as Parquet, with nested columns."""
    full = [{key: None if one == {} else one for key, one in row.items()} for row in rows]
    pq.write_table(pa.Table.from_pylist(full), file)
    return file
