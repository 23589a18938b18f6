"""The sentence on top: where leads stop, whether that is worse than usual, and since when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from features.ladder.ladder import EventRule
from models.judging.funnel.rates import funnel
from serving.pages.ladder.answer import answered
from serving.pages.ladder.choices import LadderChoice
from tests.serving.pages.ladder.funnels import climbers, counted, event, ladder_of

ALL = LadderChoice(within="all")
USUAL = ((0.5, 0.9), (0.4, 0.6), (0.5, 0.9))


def told(ladder, day, *rows, choice=ALL):
    """What the page says, in one text; and of which kind the first sentence is."""
    stays = counted(ladder, day, *rows)
    answer = answered(funnel(stays, choice.selection(stays), choice.by), choice)
    return " ".join((answer.first, answer.beside, *answer.more)), answer.kind


def test_below_the_usual():
    text, kind = told(ladder_of(*USUAL), 100, *climbers(400, 300, 60, 40))
    assert text.startswith("Most stop before Call: 20 of 100 go on, below the usual 40 to 60.")
    assert kind == "bad"


def test_below_the_usual_where_fewer_stop():
    """It is named first as it is worse than usual; where most stop is said as well."""
    text, kind = told(ladder_of((0.3, 0.6), (0.4, 0.6)), 100, *climbers(900, 400, 40))
    assert text.startswith("Too many stop before Call: 10 of 100 go on, below the usual 40 to 60.")
    assert "Most leads stop before Watch: 44 of 100 go on, within the usual 30 to 60." in text
    assert kind == "bad"


def test_two_below():
    text, _ = told(ladder_of((0.6, 0.9), (0.4, 0.6)), 100, *climbers(900, 400, 40))
    assert text.startswith("Too many stop before Call")
    assert "Below the usual as well: Watch (44 of 100, usually 60 to 90)." in text


@pytest.mark.parametrize(
    ("usual", "wanted", "kind"),
    [
        (USUAL, "75 of 100 go on, within the usual 50 to 90. No step is below its usual", "good"),
        (((0.1, 0.2),), "go on, above the usual 10 to 20. No step is below its usual", "good"),
        (((0.74, 0.9),), "; whether that is within the usual 74 to 90 is not sure yet.", ""),
        ((), "75 of 100 go on; your ladder names no usual share for it.", ""),
    ],
)
def test_nothing_below(usual, wanted, kind):
    text, found = told(ladder_of(*usual), 100, *climbers(400, 300, 290, 280))
    assert wanted in text
    assert found == kind


def test_what_is_not_sure_elsewhere():
    text, _ = told(ladder_of((0.3, 0.9), (0.3, 0.6), (0.5, 0.9)), 100, *climbers(60, 30, 15, 9))
    assert "No step is surely below its usual share. Not sure yet: Call and Buy." in text


def test_where_most_stop_has_no_usual_share():
    """The first step has none: then it is said of the others that none is below theirs."""
    rows = climbers(400, 100, 50, 40)
    text, kind = told(ladder_of(None, (0.3, 0.7), (0.5, 0.99)), 100, *rows)
    assert text.startswith(
        "Most stop before Watch: 25 of 100 go on; no step is below its usual share."
    )
    assert kind == "good"
    text, kind = told(ladder_of(None, (0.48, 0.7), (0.5, 0.99)), 100, *rows)
    assert "25 of 100 go on; no step is surely below its usual share. Not sure yet: Call." in text
    assert kind == ""


def test_since_when():
    """In every month, from one on, or now and then; by what they were in those that are shown."""
    ladder = ladder_of((0.5, 0.9))
    good, bad = (lambda day: climbers(60, 50, day=day)), (lambda day: climbers(200, 40, day=day))
    text, _ = told(ladder, 130, *bad(0), *bad(40), *bad(80))
    assert "It was so in each of the 3 months." in text
    text, _ = told(ladder, 160, *good(0), *bad(40), *bad(80), *bad(110))
    assert "It has been so in every month since " in text
    text, _ = told(ladder, 160, *bad(0), *bad(40), *bad(80), *good(110))
    assert "It was so in 3 of 4 months." in text


def test_beside_the_stretch_before():
    """Only a sure difference is one; all time has nothing before it."""
    ladder, rows = ladder_of((0.5, 0.9)), [*climbers(300, 150), *climbers(300, 30, day=60)]
    choice = LadderChoice(within="30")
    rows += climbers(300, 120, day=90)
    text, _ = told(ladder, 100, *rows, choice=choice)
    assert "That is 30 of 100 more than in the 30 days before (10)." in text
    text, _ = told(ladder, 100, *rows)
    assert "before (" not in text
    same = [*climbers(300, 90, day=60), *climbers(300, 90, day=90)]
    text, _ = told(ladder, 100, *same, choice=choice)
    assert "In the 30 days before it was 30 of 100: no sure difference." in text


def test_too_early():
    text, kind = told(ladder_of(*USUAL), 3, *climbers(9, 4))
    assert text == (
        "It is too early to say where leads stop: 10 leads came to stand before Watch, 4 went on"
        " already, and of those who still stand there nobody’s 7 days are over. "
    )
    assert kind == ""


def test_who_begins_anew_is_no_second_lead():
    """How often leads came is not said to be so many leads."""
    ladder = replace(ladder_of(*USUAL), restart_on=(EventRule("again"),))
    text, _ = told(ladder, 3, *climbers(9, 4), event("again", 2, "search0.0-0"))
    assert ": 10 leads came 11 times to stand before Watch, 4 went on already" in text
