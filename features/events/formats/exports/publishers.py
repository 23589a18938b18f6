"""The layouts of tools that export events: what their publishers document."""

from __future__ import annotations

from typing import Final

from features.events.formats.layout import Layout, Places

__all__ = ["EVENT_LAYOUTS"]

_USER: Final[Places] = ("user_id",)
_ANONYMOUS: Final[Places] = ("anonymous_id",)
_MACHINERY: Final = (
    "context_", "uuid", "sent_at", "original_timestamp", "event", "received_at", "loaded_at", "_",
    "rudder_id", "channel",
)  # fmt: skip
"""Columns of a warehouse that say how a call came, and nothing that a lead did."""


def _warehouse(publisher: str, name: str, marks: tuple[Places, ...]) -> tuple[Layout, ...]:
    """The tables of a warehouse: of tracks (all, or one event's), pages, screens and traits."""
    found = []
    tables = (
        ("tracks", ("event",), ""),
        ("pages", ("path", "url", "referrer"), "page_viewed"),
        ("identifies", (), "identify"),
    )
    for table, own, always in tables:
        found.append(
            Layout(
                name=f"{name}-{table}",
                title=f"a table of {table} in a {publisher} warehouse",
                marks=(*marks, own) if own else marks,
                lead=(*_USER, *_ANONYMOUS),
                anonymous=_ANONYMOUS,
                event=() if always else ("event",),
                always=always,
                occurred_at=("timestamp", "original_timestamp"),
                known_at=("received_at",),
                message_id=("id",),
                kept=("*",),
                left_out=_MACHINERY,
                zone="UTC",
                never=("group_id", "previous_id"),
            )
        )
    return tuple(found)


def _archive(publisher: str, name: str, marks: tuple[Places, ...]) -> Layout:
    return Layout(
        name=f"{name}-archive",
        title=f"a {publisher} archive",
        marks=marks,
        lead=("userId", "anonymousId"),
        anonymous=("anonymousId",),
        event=("event", "type"),
        occurred_at=("timestamp", "originalTimestamp"),
        known_at=("receivedAt", "received_at"),
        message_id=("messageId",),
        opened=("properties",),
        kind="calls",
        zone="UTC",
    )


_CALL: Final[tuple[Places, ...]] = (("type",), ("messageId",), ("userId", "anonymousId"))
_TABLE: Final[tuple[Places, ...]] = (
    ("id",), ("anonymous_id", "user_id"), ("received_at",), ("timestamp", "original_timestamp"),
)  # fmt: skip

EVENT_LAYOUTS: Final = (
    _archive("RudderStack", "rudderstack", (*_CALL, ("rudderId", "request_ip"))),
    _archive("Segment", "segment", _CALL),
    *_warehouse(
        "RudderStack", "rudderstack", (*_TABLE, ("context_request_ip", "rudder_id", "channel"))
    ),
    *_warehouse("Segment", "segment", (*_TABLE, ("uuid_ts", "sent_at"))),
    Layout(
        name="ga4",
        title="a GA4 export of BigQuery",
        marks=(("event_timestamp",), ("event_name",), ("user_pseudo_id",), ("event_params",)),
        lead=("user_id", "user_pseudo_id"),
        anonymous=("user_pseudo_id",),
        event=("event_name",),
        occurred_at=("event_timestamp",),
        unit="us",
        opened=("event_params",),
        traits=("user_properties",),
        kept=("event_value_in_usd", "platform"),
    ),
    Layout(
        name="mixpanel",
        title="a Mixpanel export",
        marks=(("event",), ("properties", "distinct_id"), ("properties.time", "time")),
        lead=("properties.$user_id", "properties.distinct_id", "$user_id", "distinct_id"),
        anonymous=("properties.$device_id", "$device_id"),
        event=("event",),
        occurred_at=("properties.time", "time"),
        unit="s",
        message_id=("properties.$insert_id", "$insert_id"),
        opened=("properties",),
        kept=("*",),
        left_out=("$", "time", "distinct_id", "event", "mp_"),
    ),
    Layout(
        name="amplitude",
        title="an Amplitude export",
        marks=(("event_type",), ("event_time",), ("amplitude_id", "device_id")),
        lead=("user_id", "device_id", "amplitude_id"),
        anonymous=("device_id", "amplitude_id"),
        event=("event_type",),
        names={"$identify": "identify"},
        occurred_at=("event_time",),
        known_at=("server_received_time", "server_upload_time"),
        message_id=("$insert_id", "insert_id", "uuid"),
        opened=("event_properties",),
        traits=("user_properties",),
        kept=("platform", "country", "language"),
        zone="UTC",
    ),
    Layout(
        name="posthog",
        title="a PostHog export",
        marks=(("event",), ("distinct_id",), ("timestamp",), ("uuid", "properties", "person_id")),
        lead=("properties.$user_id", "distinct_id"),
        anonymous=("properties.$anon_distinct_id", "properties.$device_id"),
        unknown_unless=("properties.$is_identified", "properties.$process_person_profile"),
        event=("event",),
        names={"$identify": "identify", "$set": "identify", "$pageview": "page_viewed"},
        occurred_at=("timestamp",),
        known_at=("created_at", "_inserted_at"),
        message_id=("uuid",),
        opened=("properties",),
        traits=("properties.$set", "properties.$set_once"),
        zone="UTC",
    ),
)
"""Those that ask for more columns before those that would take their files for their own."""
