"""The events of a table, and message ids for those that came without: made of what they say."""

from __future__ import annotations

import json
from collections import Counter
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from features.events.log import encode
from features.events.table import EventTable
from features.store.arrivals import Event

__all__ = ["MessageIds", "events_of"]


class MessageIds:
    """Message ids for the events of a table that have none.

    An id follows from what the event says and from which of its equals in the table it is, so that
    the same file gives the same ids.
    """

    def __init__(self, table: EventTable) -> None:
        self._alike = _alike(table) if table.message_id.null_count else None
        self._seen: Counter[bytes] = Counter()

    def named(self, start: int, events: list[Event]) -> list[Event]:
        """The events with an id each; `start` is the row of the first in the table."""
        if self._alike is None:
            return events
        return [
            event
            if event.message_id is not None
            else event._replace(message_id=self._id(event, bool(self._alike[start + at])))
            for at, event in enumerate(events)
        ]

    def _id(self, event: Event, has_equals: bool) -> str:
        text = json.dumps(event[1:], ensure_ascii=False, separators=(",", ":"))
        digest = blake2b(text.encode(), digest_size=16)
        before = 0
        if has_equals:
            before = self._seen[digest.digest()]
            self._seen[digest.digest()] += 1
        return f"content-{digest.hexdigest()}-{before}"


def _alike(table: EventTable) -> npt.NDArray[np.bool_]:
    """Rows that may equal another one: those of the same lead, name and instant."""
    keys = (encode(table.name)[0], table.occurred_at, encode(table.lead_id)[0])
    order = np.lexsort(keys)
    same = np.ones(max(0, len(order) - 1), dtype=np.bool_)
    for key in keys:
        same &= key[order[1:]] == key[order[:-1]]
    alike = np.zeros(len(order), dtype=np.bool_)
    alike[order[1:]] |= same
    alike[order[:-1]] |= same
    return alike


def events_of(table: EventTable) -> list[Event]:
    """The rows of a table; those without a message id still have none."""
    rows = zip(
        table.message_id.to_pylist(),
        table.lead_id.to_pylist(),
        table.name.to_pylist(),
        table.occurred_at.tolist(),
        table.known_at.tolist(),
        table.property_texts(),
        strict=True,
    )
    return [Event(*row) for row in rows]
