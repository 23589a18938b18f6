"""The funnel as tables: each figure stands in its own column."""

from __future__ import annotations

import pytest

from features.events.log import DAY_US
from features.funnel.stays import stays_of
from features.ladder.ladder import Band, EventRule, Ladder, Step, Trait
from models.judging.funnel.rates import funnel
from models.judging.funnel.shapes import Funnel
from models.judging.funnel.tables import cohorts_table, segments_table, steps_table
from tests.features.strategies import START_US, log_of
from tests.oracles.snapshot_oracle import Event

LADDER = Ladder(
    name="short",
    title="Call, buy",
    steps=(Step("call", "Call", (EventRule("call"),), 14.0, Band(0.4, 0.6)),),
    purchase=Step("purchase", "Buy", (EventRule("order"),), 30.0),
    traits=(Trait("source", "category"),),
)


@pytest.fixture(scope="module")
def found() -> Funnel:
    """Of forty leads a week, for ten weeks, half call: the next day, or two or three days later."""
    rows = []
    for week in range(10):
        for at in range(40):
            lead, came = f"w{week}-{at}", START_US + 7 * week * DAY_US
            said: dict[str, float | str] = {"source": "fair" if at % 4 else "mail"}
            rows.append(Event(lead, "identify", came, came, said))
            if at < 20:
                called = came + (1 + at % 3) * DAY_US
                rows.append(Event(lead, "call", called, called, {}))
    end = START_US + 84 * DAY_US  # so that the newest six weeks are compared with those before
    rows.append(Event("w0-0", "page", end, end, {}))
    return funnel(stays_of(log_of(rows, LADDER), LADDER))


def test_a_row_a_step(found):
    """With its band where it has one, and how it changed where that is known."""
    table = steps_table(found)
    assert table["step"].tolist() == ["call", "purchase"]
    call, purchase = (row for _, row in table.iterrows())
    step = found["steps"][0]
    assert (call["came"], call["advanced"], call["lapsed"]) == (400, 200, 200)
    assert (call["rate"], call["so_far"]) == pytest.approx((0.5, 0.5))
    ends = (step["rate"]["low"], step["rate"]["high"], step["rate"]["leads"])
    assert (call["rate_low"], call["rate_high"], call["effective_leads"]) == ends
    assert (call["band_low"], call["band_high"], call["verdict"]) == (0.4, 0.6, "within")
    assert call[["days_least", "days_median", "days_most_of_them", "days_most"]].tolist() == [
        1.0, 2.0, 3.0, 3.0,
    ]  # fmt: skip
    assert purchase[["band_low", "band_high"]].isna().all()
    trend = step["trend"]
    assert trend is not None
    told = (trend["difference"], trend["low"], trend["high"])
    assert (call["change"], call["change_low"], call["change_high"]) == told
    assert None not in told


def test_a_row_a_cohort_and_a_segment(found):
    """Each with the figures of its own leads."""
    cohorts = cohorts_table(found)
    own = cohorts[cohorts["step"] == "call"]
    assert own["came"].tolist() == [40] * 10
    assert own["rate"].tolist() == pytest.approx([0.5] * 10)
    assert own["since"].tolist() == sorted(own["since"])
    segments = segments_table(found)
    own = segments[segments["step"] == "call"]
    assert own[["trait", "value", "came", "advanced"]].to_numpy().tolist() == [
        ["source", "fair", 300, 150],
        ["source", "mail", 100, 50],
    ]


def test_nobody_has_come():
    """A row a step all the same, in which nothing is compared with anything."""
    nobody = funnel(stays_of(log_of([], LADDER), LADDER))
    table = steps_table(nobody)
    assert table["came"].tolist() == [0, 0]
    assert table[["rate", "so_far", "change", "change_low", "change_high"]].isna().all(axis=None)
    assert table["band_low"].isna().tolist() == [False, True]
    assert cohorts_table(nobody).empty
