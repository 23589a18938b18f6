"""Leads that go, opt out or are taken while something is decided or reported of them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from features.errors import DecisionConflict, OptedOut, UnknownDecision, UnknownLead
from features.store.arrivals import Arrival
from features.store.schema import notifications
from tests.features.store.privacy.scene import erase_before_writing, opt_out_before_writing
from tests.serving.recommending.deciding import NAMES, START, names


@pytest.mark.parametrize("deferred", [False, True])
def test_erased_for_good_meanwhile(made, store, monkeypatch, deferred):
    """A lead that goes for good while it is decided for is left alone, and nothing is kept."""
    write = store.append_new

    def after_an_erasure(*events, **more):
        made.scorer.privacy.erase("at-1", START, is_suppressed=True)
        return write(*events, **more)

    monkeypatch.setattr(store, "append_new", after_an_erasure)
    with pytest.raises(OptedOut, match="at-1"):
        made.recommend("at-1", defer_exposure=deferred)
    assert not store.events_of("at-1")


@pytest.mark.parametrize("deferred", [False, True])
def test_taken_for_one_with_somebody(made, store, deferred):
    """A decision stands under the id that was asked for, and goes with it once the two are parted.

    Until then it is a decision for the lead, whatever that is called.
    """
    link = Arrival("join", "a-crm", "page_viewed", START, START, previous_id="at-1")
    store.ingest([link])
    assert store.lead_of("at-1") == "a-crm"
    told = made.recommend("at-1", decision_id="d1", defer_exposure=deferred)
    assert made.recommend("a-crm", decision_id="d1") == told
    assert made.decision("d1")["lead_id"] == "at-1"
    made.expose("d1")
    store.undo_link("alias", "at-1", "a-crm", START + 1)
    with pytest.raises(DecisionConflict, match="another lead"):
        made.recommend("a-crm", decision_id="d1")
    assert names(store, "a-crm") == []
    made.scorer.privacy.erase("at-1", START + 2)
    with pytest.raises(UnknownDecision, match="d1"):
        made.decision("d1")
    with store.database.reading() as connection:
        assert connection.scalar(sa.select(notifications.c.id)) is None


@pytest.mark.parametrize("report", ["expose", "outcome"])
def test_reported_while_it_is_erased_for_good(made, store, monkeypatch, report):
    """What is reported of a decision that goes meanwhile is of none that is known."""
    made.recommend("at-1", decision_id="d1", defer_exposure=True)
    write = store.append_new

    def after_an_erasure(*events, **more):
        made.scorer.privacy.erase("at-1", START, is_suppressed=True)
        return write(*events, **more)

    monkeypatch.setattr(store, "append_new", after_an_erasure)
    with pytest.raises(UnknownDecision, match="d1"):
        made.expose("d1") if report == "expose" else made.outcome("d1", 1.0)


@pytest.mark.parametrize("lead", ["at-0", "at-1"])
@pytest.mark.parametrize("deferred", [False, True])
def test_erased_meanwhile(made, store, monkeypatch, deferred, lead):
    """A lead that goes while it is decided for does not come back with the decision."""
    erase_before_writing(monkeypatch, store.database, lead)
    with pytest.raises(UnknownLead, match=lead):
        made.recommend(lead, defer_exposure=deferred)
    assert not store.events_of(lead)


@pytest.mark.parametrize("deferred", [False, True])
def test_opted_out_meanwhile(made, store, monkeypatch, deferred):
    """Nothing is kept or answered of a lead that opts out while it is decided for."""
    opt_out_before_writing(monkeypatch, store.database, "at-1")
    with pytest.raises(OptedOut, match="at-1"):
        made.recommend("at-1", defer_exposure=deferred)
    assert names(store, "at-1") == []


def test_reported_while_it_opts_out(made, store, monkeypatch):
    """A decision does not reach a lead that opts out meanwhile; what came of it is still kept."""
    made.recommend("at-1", decision_id="d1", defer_exposure=True)
    opt_out_before_writing(monkeypatch, store.database, "at-1")
    with pytest.raises(OptedOut, match="at-1"):
        made.expose("d1")
    assert made.outcome("d1", 1.0)["value"] == 1.0
    assert names(store, "at-1") == [NAMES.decision, NAMES.outcome]


def test_decided_while_others_are_erased(made, store, monkeypatch):
    """It is decided anew, and as if nothing had been."""
    erase_before_writing(monkeypatch, store.database, "at-2")
    made.recommend("at-1", decision_id="d1")
    assert names(store, "at-1")[0] == NAMES.decision
    erase_before_writing(monkeypatch, store.database, "at-3")
    assert made.outcome("d1", 1.0)["lead_id"] == "at-1"


@pytest.mark.parametrize("report", ["expose", "outcome"])
def test_reported_while_it_is_erased(made, store, monkeypatch, report):
    """A lead that goes does not come back with what is reported of a decision for it."""
    made.recommend("at-1", decision_id="d1", defer_exposure=True)
    erase_before_writing(monkeypatch, store.database, "at-1")
    with pytest.raises(UnknownDecision, match="d1"):
        made.expose("d1") if report == "expose" else made.outcome("d1", 1.0)
    assert not store.events_of("at-1")
