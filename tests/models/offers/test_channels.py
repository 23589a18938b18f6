"""By which channels a lead may be reached."""

from __future__ import annotations

from dataclasses import replace

import pytest

from features.ladder.file import read_ladder
from features.offers.history import OfferHistory
from models.offers.channels import may_be_written_to
from models.offers.eligibility import Asked

LADDER = read_ladder("b2b")
NEW = OfferHistory((), {}, 0, {}, {}, None, (), (), frozenset(), frozenset())


@pytest.mark.parametrize(
    ("consents", "channel", "may_be"),
    [
        ({}, None, True),
        ({"": False}, None, False),
        ({"": False, "sms": True}, None, True),
        ({"email": False, "page": False, "rep": False}, None, False),
        ({"email": False}, None, True),
        ({"email": False}, "E-Mail", False),
        ({"email": False}, "sms", True),
        ({"": False}, "page", False),
    ],
)
def test_whether_a_lead_may_be_written_to(consents, channel, may_be):
    """By any channel that some offer has, or by the one that is asked for."""
    history = replace(NEW, consents=consents)
    assert may_be_written_to(LADDER, history, 0, Asked(channel)) is may_be
    opt_in = replace(LADDER, limits=replace(LADDER.limits, consent="opt_in"))
    agreed = any(consents.values()) and channel is None
    assert may_be_written_to(opt_in, history, 0, Asked(channel)) is agreed
