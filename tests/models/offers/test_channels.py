"""By which channels a lead may be reached."""

from __future__ import annotations

from dataclasses import replace

import pytest

from features.ladder.file import read_ladder
from features.offers.history import OfferHistory
from models.offers.channels import has_refused_all, may_be_written_to
from models.offers.eligibility import Asked, eligibility

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


@pytest.mark.parametrize(
    ("consents", "refused"),
    [
        ({}, False),
        ({"": False}, True),
        ({"": False, "sms": True}, False),
        ({"": True, "email": False, "page": False, "rep": False}, True),
        ({"email": False, "page": False, "rep": False}, True),
        ({"email": False, "page": False, "rep": False, "sms": True}, False),
        ({"email": False, "page": False}, False),
    ],
)
@pytest.mark.parametrize("consent", ["opt_in", "opt_out"])
def test_whether_a_lead_has_refused_all(consents, refused, consent):
    """At once or one by one, by its own word: what it was never asked for it has not refused."""
    ladder = replace(LADDER, limits=replace(LADDER.limits, consent=consent))
    assert has_refused_all(ladder, replace(NEW, consents=consents)) is refused


def test_where_the_ladder_names_no_channel():
    """It is the word on all of them that counts."""
    offers = tuple(replace(offer, channels=()) for offer in LADDER.offers)
    ladder = replace(LADDER, offers=offers)
    assert not has_refused_all(ladder, replace(NEW, consents={"email": False}))
    assert has_refused_all(ladder, replace(NEW, consents={"": False}))


@pytest.mark.parametrize(
    ("consent", "consents", "says"),
    [
        ("opt_in", {}, "the lead has not agreed to page and email"),
        ("opt_in", {"phone": False}, "the lead has not agreed to page and email"),
        ("opt_in", {"email": False}, "the lead has refused page and email"),
        ("opt_out", {"": False}, "the lead has refused page and email"),
    ],
)
def test_a_lead_that_said_nothing_has_refused_nothing(consent, consents, says):
    """What keeps an offer from it is said as it is: it refused, or it was never asked."""
    ladder = replace(LADDER, limits=replace(LADDER.limits, consent=consent))
    opened = frozenset(offer.id for offer in ladder.offers)
    history = replace(NEW, consents=consents, opened=opened)
    answer = eligibility(ladder, 1, history, 0)
    texts = {one.text for one in answer.excluded if one.reason == "no_consent"}
    assert says in texts
