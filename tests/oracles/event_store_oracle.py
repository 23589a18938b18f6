"""Events in a dict by message id: what a store keeps, however it lays it on the disk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from features.store.arrivals import Arrival, Event

__all__ = ["EventStoreOracle"]


class EventStoreOracle:
    """Keeps the first event of each message id until its id is erased."""

    def __init__(self) -> None:
        self.kept: dict[str, Event] = {}

    def ingest(self, arrivals: Sequence[Arrival]) -> list[bool]:
        """Which of some arrivals were new."""
        return [self._add(Event(*one[:6])) for one in arrivals]

    def append(self, events: Sequence[Event]) -> int:
        """How many of some events were new."""
        return sum(self._add(event) for event in events)

    def _add(self, event: Event) -> bool:
        assert event.message_id is not None
        is_new = event.message_id not in self.kept
        self.kept.setdefault(event.message_id, event)
        return is_new

    def erase(self, ids: Iterable[str]) -> int:
        """Forget all events of some ids; how many there were."""
        gone = [one for one, event in self.kept.items() if event.lead_id in set(ids)]
        for one in gone:
            del self.kept[one]
        return len(gone)

    def of(self, ids: Iterable[str]) -> list[Event]:
        """The events of some ids in time order."""
        found = [event for event in self.kept.values() if event.lead_id in set(ids)]
        return sorted(found, key=lambda one: (one.occurred_at, one.lead_id, one.message_id))
