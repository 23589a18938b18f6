"""Offers changed in a running service."""

from __future__ import annotations

import pytest

from features.errors import LadderError, NoModel, UnknownOffer
from features.ladder.catalogue import offer_table
from serving.process.service import Service
from serving.settings import Settings


@pytest.fixture
def service(url, folder):
    found = Service.open(Settings(url, folder / "rates"))
    yield found
    found.close()


def test_served_at_once(service):
    """What is kept is served when it returns, unless it holds from later on."""
    made = service.set_offer_status("live-qa", "paused", from_at=None, by="ann")
    assert (made.version, made.by, made.from_at) == (1, "ann", made.made_at)
    assert service.ladder.offer("live-qa").status == "paused"
    table = {**offer_table(service.ladder.offer("live-qa")), "title": "Other"}
    later = service.keep_offer(table, from_at=made.made_at + 10**12, by="ben")
    assert later.version == 2
    assert service.ladder.offer("live-qa").title != "Other"


def test_what_cannot_be_kept(service):
    """A table with mistakes, and an offer that there is none of, change nothing."""
    with pytest.raises(LadderError, match="title"):
        service.keep_offer({"id": "x", "step": "value"}, from_at=None, by="ann")
    with pytest.raises(UnknownOffer, match="live-q"):
        service.set_offer_status("live-q", "paused", from_at=None, by="ann")
    assert service.store.offers.versions(service.ladder.name) == []


def test_without_a_model(url, folder):
    """Where nothing serves nothing is changed."""
    service = Service.open(Settings(url, folder / "nothing"))
    with pytest.raises(NoModel):
        service.set_offer_status("live-qa", "paused", from_at=None, by="ann")
    service.close()
