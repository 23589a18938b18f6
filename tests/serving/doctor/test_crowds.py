"""The doctor names leads with very many ids, and with very many events."""

from __future__ import annotations

import pytest

from features.store.arrivals import Arrival
from features.store.events import EventStore
from serving.doctor import crowds
from serving.doctor.crowds import MANY_EVENTS, MANY_IDS


def visits(lead: str, count: int, with_ids: bool) -> list[Arrival]:
    return [
        Arrival(f"{lead}-{at}", lead, "page_viewed", at, at, "{}", f"a-{at}" if with_ids else None)
        for at in range(count)
    ]


def test_nobody(store: EventStore):
    """A store whose leads are people has nothing to be said of."""
    store.ingest([*visits("ann", 30, with_ids=True), *visits("bob", 9, with_ids=False)])
    (finding,) = crowds.crowds(store.database)
    assert finding.state == "fine"


@pytest.mark.parametrize("lead", ["guest-user", "o'hara\n", "x" * 200])
def test_very_many_ids(store: EventStore, lead: str):
    """The lead is named by what it is called, in one line, with how many ids it has."""
    store.ingest(visits(lead, MANY_IDS, with_ids=True))
    (finding,) = crowds.crowds(store.database)
    assert (finding.part, finding.state) == ("leads", "note")
    assert f"({MANY_IDS + 1:,} ids)" in finding.what
    assert repr(lead)[:50] in finding.what
    assert "\n" not in finding.line()
    assert finding.remedy


def test_very_many_events(store: EventStore, monkeypatch):
    """Events count by lead, whichever of its ids they came under."""
    assert MANY_EVENTS > MANY_IDS
    monkeypatch.setattr(crowds, "MANY_EVENTS", 40)
    store.ingest([*visits("bot", 30, with_ids=False), *visits("machine", 11, with_ids=False)])
    assert [one.state for one in crowds.crowds(store.database)] == ["fine"]
    store.ingest([Arrival("alias", "bot", "alias", 99, 99, "{}", None, "machine")])
    (finding,) = crowds.crowds(store.database)
    assert "'bot' (42 events)" in finding.what
