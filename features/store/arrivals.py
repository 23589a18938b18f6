"""An event as it arrives, whoever sent it, and what it says of identities."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Arrival"]


class Arrival(NamedTuple):
    """One event on its way into the store.

    Parameters
    ----------
    message_id : unique; sent again, it is a duplicate.
    subject : the user's id, or where there is none the anonymous one.
    occurred_at, known_at : microseconds since the epoch, UTC.
    properties : the text of a JSON object.
    anonymous_id : was sent along with a user's id: the two are claimed to be one person.
    previous_id : an alias: it and the subject are one person.
    """

    message_id: str
    subject: str
    name: str
    occurred_at: int
    known_at: int
    properties: str = "{}"
    anonymous_id: str | None = None
    previous_id: str | None = None
