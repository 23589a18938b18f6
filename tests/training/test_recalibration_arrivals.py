"""Which outcomes count, when, and as how much: by hand, on leads told event by event."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.special import logit

from features.events.log import DAY_US, EventLog
from features.store.events import Event
from models.scores.recalibration import Arrivals
from tests.training.policies.scene import LADDER, START_US, event, log_of, us
from training.decision_points import Points, points_at
from training.recalibration import arrivals

UNTIL, END = 30.0, 62.0
"""Steps take 7, 10 and 21 days; reports of them may be 1, 2 and 3 days late."""
POINTS = {
    "ann": (18.5, 22.0, 22.5, 24.0),
    "bob": (25.0,),
    "cid": (25.0,),
    "dan": (26.0,),
    "eve": (26.0,),
    "fay": (30.0,),
    "gus": (31.0, 38.0),
}


def looked(lead: str, day: float, known: float | None = None) -> Event:
    return event(lead, "video", day, known=known, fraction=1.0)


EVENTS = [
    *(event(lead, "page", 18.0) for lead in POINTS),
    looked("ann", 29.4),
    *[looked("bob", 25.0 + 7.0, 25.0 + 8.0), event("bob", "order", 25.0 + 21.0, known=25.0 + 24.0)],
    *[looked("cid", 31.0, 33.5), event("cid", "order", 44.0, known=49.5)],  # told too late
    *[looked("dan", 10.0), event("dan", "trial", 35.0), event("dan", "order", 45.0)],
    *[looked("eve", 9.0), event("eve", "trial", 11.0), event("eve", "order", 46.0)],
    event("zoe", "page", 90.0),
]


class Told:
    """What a model says: a chance of as many in a hundred as days have gone by."""

    def estimate(self, days: Any, position: Any) -> Any:
        assert len(days) == len(position)
        return SimpleNamespace(probability=days / 100.0)


def bundle(**more: Any) -> Any:
    trained_on = {goal: {"early": 0} for goal in ("advancement", "purchase")}
    return SimpleNamespace(
        ladder=LADDER,
        manifest={
            "until": us(UNTIL),
            "arrival_delays": [DAY_US, 2 * DAY_US, 3 * DAY_US],
            "trained_on": trained_on,
            **more,
        },
        encoding=SimpleNamespace(matrix=lambda snapshot: (snapshot.as_of - START_US) / DAY_US),
        advancement=Told(),
        purchase=Told(),
    )


def points(log: EventLog) -> Points:
    pairs = [(log.leads.index(lead), us(day)) for lead, days in POINTS.items() for day in days]
    lead, when = (np.array(column, dtype=np.int64) for column in zip(*pairs, strict=True))
    found = points_at(log, LADDER, lead, when)
    assert len(found) == len(pairs)
    return found


def came(goal: str, of: Any = None, as_of: float = END) -> list[tuple[float, ...]]:
    """Of each outcome when it is known, when it was asked about, whether it came, its weight."""
    log = log_of(EVENTS)
    found: Arrivals = arrivals(log, of or bundle(), goal, points(log), us(as_of))
    known, asked = ((column - START_US) / DAY_US for column in (found.known_at, found.as_of))
    np.testing.assert_allclose(found.log_odds, logit(asked / 100.0))
    return list(zip(known, asked, found.happened, np.round(found.weight, 6), strict=True))


ADVANCED = [
    (30.5, 22.5, 1.0, 0.333333),  # two of ann were known when the bundle learned
    (32.0, 24.0, 1.0, 0.25),
    (33.0, 25.0, 1.0, 1.0),
    (33.0, 25.0, 0.0, 1.0),
    (38.0, 26.0, 1.0, 1.0),
    (38.0, 30.0, 0.0, 1.0),
    (39.0, 31.0, 0.0, 1.0),
    (46.0, 38.0, 0.0, 1.0),  # a week after the other: their windows do not overlap
    (50.0, 26.0, 1.0, 1.0),
]
BOUGHT = [
    (42.5, 18.5, 0.0, 1.0),
    (46.0, 22.0, 0.0, 0.5),
    (46.5, 22.5, 0.0, 0.333333),
    (48.0, 24.0, 0.0, 0.25),
    (49.0, 25.0, 1.0, 1.0),
    (49.0, 25.0, 0.0, 1.0),
    (50.0, 26.0, 1.0, 1.0),  # eve has the purchase alone before her: that is her next step
    (54.0, 30.0, 0.0, 1.0),
    (55.0, 31.0, 0.0, 1.0),
    (62.0, 38.0, 0.0, 0.5),
]


def test_next_steps():
    """By the window of the step where each stands, and by the time that its reports may take."""
    assert came("advancement") == ADVANCED


def test_purchases():
    """By the window of the purchase, of those that have more than it before them."""
    assert came("purchase") == BOUGHT


@pytest.mark.parametrize("as_of", [33.0, 49.0, 61.9])
def test_by_what_was_known_at_an_instant(as_of):
    """What is known just then counts, and nothing that is known later moves it."""
    for goal, whole in (("advancement", ADVANCED), ("purchase", BOUGHT)):
        assert came(goal, as_of=as_of) == [one for one in whole if one[0] <= as_of]


def test_a_bundle_that_learned_what_was_decided_early():
    """It is asked of what came after it alone, the goal that it did so of."""
    held = {"advancement": {"early": 4}, "purchase": {"early": 0}}
    early = bundle(trained_on=held)
    assert came("advancement", early) == [one for one in ADVANCED if one[1] > UNTIL]
    assert came("purchase", early) == BOUGHT


def test_a_bundle_that_has_one_delay_for_all():
    """As those had that were trained before goals had their own."""
    one = bundle()
    one.manifest = {**one.manifest, "arrival_delay": 3 * DAY_US}
    del one.manifest["arrival_delays"]
    assert came("purchase", one) == BOUGHT
    advanced = came("advancement", one)
    assert [known - asked for known, asked, *_ in advanced[-2:]] == [10.0, 24.0]
    assert advanced[0] == (32.0, 22.0, 0.0, 0.5)
