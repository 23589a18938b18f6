"""An event as it arrives, whoever sent it, with what it says of identities, and as it is kept."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Arrival", "Event", "Remark"]


class Event(NamedTuple):
    """One event to keep.

    Parameters
    ----------
    message_id : unique; None where it has none yet.
    lead_id : the id that it was sent under.
    occurred_at, known_at : microseconds since the epoch, UTC.
    properties : the text of a JSON object.
    """

    message_id: str | None
    lead_id: str
    name: str
    occurred_at: int
    known_at: int
    properties: str = "{}"


class Remark(NamedTuple):
    """That something in an event was passed over or changed: a stable word, and a sentence."""

    kind: str
    detail: str


class Arrival(NamedTuple):
    """One event on its way into the store.

    Parameters
    ----------
    message_id : unique; sent again, it is a duplicate.
    sent_id : the user's id, or where there is none the anonymous one; the event is kept under it.
    occurred_at, known_at : microseconds since the epoch, UTC.
    properties : the text of a JSON object.
    anonymous_id : was sent along with a user's id: the two are claimed to be one lead.
    previous_id : an alias: it and `sent_id` are one lead.
    remarks : what is not kept as it was sent. They are not stored, but told to whoever sent it.
    links : kind, source and target of further links that it tells of.
    """

    message_id: str
    sent_id: str
    name: str
    occurred_at: int
    known_at: int
    properties: str = "{}"
    anonymous_id: str | None = None
    previous_id: str | None = None
    remarks: tuple[Remark, ...] = ()
    links: tuple[tuple[str, str, str], ...] = ()
