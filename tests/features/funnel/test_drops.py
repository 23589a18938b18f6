"""What leads did with the offers of a step while they stood before it."""

from __future__ import annotations

import numpy as np

from features.events.log import DAY_US
from features.funnel.activity_rows import activity_rows
from features.funnel.drops import drops_of
from features.funnel.stays import stays_of
from tests.models.judging.funnel.planted import START, Written, planted_ladder

LADDER = planted_ladder()
HOUR = DAY_US // 24


def drops(*events, until=None, late=None):
    """Of one lead that came to "use" by a video at hour 10; events are (name, hour, offer)."""
    out, one = Written(), np.array([0])
    out.add("video_watched", one, np.array([START + 10 * HOUR]), watched_fraction=0.9)
    for name, hours, offer in events:
        out.add(name, one, np.array([START + hours * HOUR]), offer=offer, minutes=5.0)
    out.add("page_viewed", np.array([1]), np.array([START + 60 * DAY_US]))
    log = out.log(LADDER, late)
    stays = stays_of(log, LADDER, until)
    found = drops_of(log, stays, activity_rows(log, LADDER))
    at = int(np.flatnonzero((stays.goal == 1) & (stays.lead == 0))[0])
    return {
        name: getattr(found, name)[at].item()
        for name in ("offer", "extended", "seen", "declined", "begun", "turned", "returned")
    }


NOTHING = {
    "offer": -1,
    "extended": False,
    "seen": False,
    "declined": False,
    "begun": False,
    "turned": False,
    "returned": False,
}


def test_nothing_happened():
    """And what happened before it came, or after its time, is nothing."""
    assert drops() == NOTHING
    assert drops(("offer_extended", 9, "worksheet"), ("asset_opened", 9, None)) == NOTHING
    assert drops(("asset_opened", 10 + 14 * 24, None)) == NOTHING
    assert drops(("asset_opened", 10 + 14 * 24 - 1, None)) == NOTHING | {"begun": True}


def test_an_offer_of_the_step():
    """Extended, seen, declined; an offer of another step is none of this one."""
    places = [offer.id for offer in LADDER.offers]
    assert drops(("offer_extended", 11, "worksheet")) == NOTHING | {
        "offer": places.index("worksheet"),
        "extended": True,
    }
    assert drops(("offer_extended", 11, "assessment")) == NOTHING
    assert drops(("offer_seen", 11, "worksheet")) == NOTHING | {"seen": True}
    assert drops(("offer_seen", 11, "assessment")) == NOTHING
    assert drops(("offer_seen", 11, None)) == NOTHING | {"seen": True}
    assert drops(("offer_declined", 11, "worksheet")) == NOTHING | {
        "declined": True,
        "turned": True,
    }


def test_begun_turned_and_returned():
    """Something of the step, something against it, something of the step before."""
    assert drops(("asset_used", 12, None)) == NOTHING | {"begun": True}
    assert drops(("form_abandoned", 12, None)) == NOTHING | {"turned": True}
    assert drops(("page_viewed", 12, None)) == NOTHING | {"returned": True}
    assert drops(("assessment_started", 12, None)) == NOTHING


def test_what_was_not_known_yet():
    """An event that became known later than that is not read."""
    late = np.array([0, 90 * DAY_US, 0])
    assert drops(("asset_opened", 12, None), until=START + 60 * DAY_US, late=late) == NOTHING
