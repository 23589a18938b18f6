"""Leads are put into arms of experiments, also while somebody is erased."""

from __future__ import annotations

import pytest

from features.errors import ExperimentConflict, OptedOut, UnknownLead
from features.ladder.controls import Arm, Experiment
from features.ladder.file import read_ladder
from features.store.arrivals import Arrival, Event
from features.store.events import EventStore
from features.store.privacy import Privacy
from serving.recommending.experiments import assign, start_experiment
from tests.features.store.privacy.scene import erase_before_writing, opt_out_before_writing

LADDER = read_ladder("b2b")
NOW = 100
ORDER = Experiment(
    id="order",
    kind="ladder",
    control="a",
    arms=(Arm(id="a", share=0.5), Arm(id="b", share=0.5)),
)


@pytest.fixture
def store():
    with EventStore.open(":memory:") as opened:
        opened.append_events([Event(lead, lead, "page_viewed", 10, 10) for lead in ("ann", "bob")])
        start_experiment(opened, LADDER, ORDER, now=NOW, by="")
        yield opened


def put(store: EventStore, lead_id: str):
    return assign(store, Privacy(store.database), LADDER, "order", lead_id, NOW)


def test_an_arm_is_for_good(store):
    """Also of a lead of which nothing is known yet."""
    for lead in ("ann", "new"):
        first, again = put(store, lead), put(store, lead)
        assert (first["is_new"], again["is_new"]) == (True, False)
        assert first["arm"] == again["arm"]


def test_who_is_erased_meanwhile_does_not_come_back_as_an_arm(store, monkeypatch):
    """By whichever of its ids it was asked for."""
    store.ingest([Arrival("says", "ann", "login", 11, 11, anonymous_id="visitor")])
    for asked in ("visitor", "bob"):
        lead = store.lead_of(asked)
        erase_before_writing(monkeypatch, store.database, lead)
        with pytest.raises(UnknownLead, match="erased meanwhile"):
            put(store, asked)
        assert not store.events_of(lead)
        assert not store.events_of(asked)


def test_others_are_erased_meanwhile(store, monkeypatch):
    """The lead is put into an arm as if nothing had been, once."""
    erase_before_writing(monkeypatch, store.database, "bob")
    assert put(store, "ann")["is_new"]
    assert not put(store, "ann")["is_new"]
    store.append_events([Event("cyd", "cyd", "page_viewed", 10, 10)])
    erase_before_writing(monkeypatch, store.database, "cyd")
    assert put(store, "new")["is_new"]  # nothing was known of this one, and nothing went


def test_leads_go_on_being_erased(store, monkeypatch):
    """Whoever asks is told to ask again."""
    now = iter(range(1000))
    monkeypatch.setattr(store.identities, "erased_now", lambda: (-1, next(now)))
    with pytest.raises(ExperimentConflict, match="ask for the arm again"):
        put(store, "ann")
    assert [row[0] for row in store.events_of("ann")] == ["page_viewed"]


def test_who_opts_out_meanwhile_is_left_alone(store, monkeypatch):
    opt_out_before_writing(monkeypatch, store.database, "ann")
    with pytest.raises(OptedOut, match="ann"):
        put(store, "ann")
    assert [row[0] for row in store.events_of("ann")] == ["page_viewed"]
