"""A row of the steps: what it draws, what it says, where its numbers lead."""

from __future__ import annotations

import pytest

from models.judging.funnel.rates import funnel
from serving.pages.ladder.choices import LadderChoice
from serving.pages.ladder.steps import percent, span, step_rows, way_rows
from tests.serving.pages.ladder.funnels import climbers, counted, ladder_of

ALL = LadderChoice(within="all")


def rows_of(ladder, day, *events, choice=ALL):
    stays = counted(ladder, day, *events)
    found = funnel(stays, choice.selection(stays), choice.by)
    return step_rows(found, choice), way_rows(found)


def test_a_row():
    (watch, call, buy), (whole, rest) = rows_of(
        ladder_of(None, (0.4, 0.6), (0.5, 0.9)), 100, *climbers(399, 300, 60, 40)
    )
    assert (call.title, call.below, call.rate) == ("Call", "within 14 days", "20\u00a0%")
    assert call.likely == "likely 16 to 25\u00a0%"
    assert (call.verdict, call.kind, call.usual) == ("below the usual", "bad", "40 to 60\u00a0%")
    assert (call.band, call.value) == ((0.4, 0.6), pytest.approx(0.2))
    assert [(one.number, one.what) for one in call.counts] == [
        ("300", "came"),
        ("60", "went on"),
        ("240", "not in time"),
    ]
    assert call.counts[2].address == "/ladder/leads?within=all&step=call&state=lapsed"
    assert call.half == "half in 1\u00a0day"
    assert (watch.verdict, watch.usual) == ("no usual share is named", "")
    assert (buy.verdict, buy.kind) == ("within the usual", "good")
    assert whole.title == "All the way to Buy"
    assert (whole.rate, whole.below) == ("10\u00a0%", "the steps multiply to 10\u00a0%")
    assert (whole.usual, whole.verdict) == ("", "no usual share is named")
    assert (rest.title, rest.below) == ("From Call to Buy", "before that no usual share is named")
    assert (rest.rate, rest.usual) == ("13\u00a0%", "20 to 54\u00a0%")
    assert (rest.verdict, rest.kind) == ("below the usual", "bad")


def test_too_early_and_nobody():
    (watch, call, buy), (whole,) = rows_of(ladder_of(None, (0.4, 0.6)), 3, *climbers(9, 4, 0))
    assert (watch.rate, watch.verdict) == ("Too early", "nobody who waits has had 7 days")
    assert watch.likely.startswith("at least ")
    assert [(one.number, one.what) for one in watch.counts][-1] == ("6", "still have time")
    told = call.rate, call.likely, call.verdict
    assert told == ("Too early", "", "nobody who waits has had 14 days")
    assert (buy.rate, buy.likely, buy.counts) == ("–", "nobody came", ())
    assert (whole.rate, whole.verdict) == ("Too early", "nobody who waits has had the time")


def test_the_stretch_before():
    choice = LadderChoice(within="30")
    rows = *climbers(300, 30, day=60), *climbers(300, 120, day=90)
    (watch, *_), _ = rows_of(ladder_of(), 100, *rows, choice=choice)
    assert watch.before == "up from 10\u00a0%"
    assert watch.former == pytest.approx(0.1)
    (watch, *_), _ = rows_of(ladder_of(), 100, *rows, choice=LadderChoice("30", is_beside=False))
    assert (watch.before, watch.former) == ("", None)
    rows = *climbers(300, 90, day=60), *climbers(300, 93, day=90)
    (watch, *_), _ = rows_of(ladder_of(), 100, *rows, choice=choice)
    assert watch.before == "before 30\u00a0%"


def test_a_sure_change_that_its_figures_do_not_show_has_no_arrow():
    """Nothing is up from what it is: 40.3 % after 39.8 % are both told as 40 %."""
    choice = LadderChoice(within="30")
    rows = *climbers(300, 30, day=60), *climbers(300, 120, day=90)
    stays = counted(ladder_of(), 100, *rows)
    found = funnel(stays, choice.selection(stays), choice.by)
    step, trend = found["steps"][0], found["steps"][0]["trend"]
    assert trend is not None
    step["rate"]["value"], trend["before"]["value"] = 0.403, 0.398
    trend["difference"], trend["low"], trend["high"] = 0.005, 0.001, 0.009
    assert step_rows(found, choice)[0].before == "before 40\u00a0%"


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (0.02, "under 3\u00a0hours"),
        (0.4, "0.4\u00a0days"),
        (1.0, "1\u00a0day"),
        (11.6, "12\u00a0days"),
    ],
)
def test_how_long_it_took(days, said):
    """Whoever went on within the hour did not take 0 days."""
    stays = counted(ladder_of(), 100, *climbers(300, 30))
    found = funnel(stays, ALL.selection(stays), ALL.by)
    found["steps"][0]["days"]["median"] = days
    assert step_rows(found, ALL)[0].half == f"half in {said}"


def test_shares():
    assert percent(0.005) == "0.5\u00a0%"
    assert percent(-0.0) == "0\u00a0%"
    assert span(0.2, 0.31) == "20 to 31\u00a0%"
    assert span(0.999, 1.0) == "100\u00a0%"
