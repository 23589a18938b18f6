"""What versions changed, in words."""

from __future__ import annotations

import pytest

from features.errors import UnknownOffer
from serving.pages.settings.offers.changes import (
    said_of_version,
    table_of_version,
    versions_shown,
)


def test_said(site):
    """A change is told from what the store keeps, with what takes it back."""
    said = said_of_version(site.service, "savings-calculator", 1)
    assert said is not None
    assert (said.lead, said.text) == ("Paused:", "It is offered to nobody from now on.")
    assert (said.undo, said.undo_fields) == ("Offer it again", (("version", "0"), ("seen", "1")))
    planned = said_of_version(site.service, "live-qa", 1)
    assert planned is not None
    assert planned.text.startswith("It is offered to nobody from ")
    assert "UTC on" in planned.text
    new = said_of_version(site.service, "readiness-check", 1)
    assert new is not None
    assert (new.lead, new.undo, new.undo_fields) == ("New:", "Pause it", (("status", "paused"),))


@pytest.mark.parametrize(("offer", "number"), [("savings-calculator", 7), ("nothing", 1)])
def test_what_did_not_happen(site, offer, number):
    """An address says nothing that did not happen."""
    assert said_of_version(site.service, offer, number) is None


def test_versions(site):
    """The newest first, the ladder file's own last, and which holds now."""
    shown = versions_shown(site.service, "savings-calculator")
    assert [(one.number, one.changed, one.is_now) for one in shown] == [
        (1, "Paused", True),
        (0, "As the ladder has it", False),
    ]
    assert [one.number for one in versions_shown(site.service, "readiness-check")] == [1]


def test_former_tables(site):
    """What a version said can be had again; what there is none of cannot."""
    assert table_of_version(site.service, "savings-calculator", 1)["status"] == "paused"
    assert table_of_version(site.service, "savings-calculator", 0)["status"] == "active"
    for offer, number in (("savings-calculator", 9), ("readiness-check", 0)):
        with pytest.raises(UnknownOffer, match="has no version"):
            table_of_version(site.service, offer, number)
