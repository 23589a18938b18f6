"""The funnel: counts against a plain loop, the product of the steps, bands, cohorts, segments."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.clock import instant, microseconds
from features.errors import FunnelError
from features.events.log import DAY_US
from features.funnel.states import State
from features.funnel.stays import Stays, stays_of
from features.ladder.ladder import Band, EventRule, Ladder, Step, Trait
from models.judging.funnel.rates import funnel
from models.judging.funnel.selection import Selection, had_by_nobody, leads_in
from models.judging.funnel.shapes import Whole
from models.judging.funnel.wording import again_said
from models.judging.intervals import wilson
from tests.features import strategies
from tests.features.strategies import GRID_US, START_US, log_of
from tests.oracles.snapshot_oracle import Event
from tests.oracles.stay_oracle import oracle_incidence, oracle_state, oracle_stays
from tests.profiles import examples

LADDER = Ladder(
    name="small",
    title="Watch, call, buy",
    steps=(
        Step("watch", "Watch", (EventRule("video"),), 7.0),
        Step("call", "Call", (EventRule("call"),), 14.0, Band(0.4, 0.6)),
    ),
    purchase=Step("purchase", "Buy", (EventRule("order"),), 30.0, Band(0.5, 0.9)),
    traits=(Trait("source", "category"),),
)


def event(name: str, day: float, lead: str, **said) -> Event:
    at = START_US + round(day * DAY_US)
    return Event(lead, name, at, at, said)


def stays_until(day: float, events: list[Event]) -> Stays:
    rows = [*events, event("page", 0, "zoe"), event("page", day, "zoe")]  # she never goes on
    return stays_of(log_of(rows, LADDER), LADDER)


def climbers(watch: int, call: int, order: int, **said) -> list[Event]:
    """100 leads that came on the first day, of whom so many went so far."""
    rows = [event("identify", 0, f"l{at:02}", **said) for at in range(100)]
    for name, many, day in (("video", watch, 1), ("call", call, 2), ("order", order, 3)):
        rows += [event(name, day + at / 1000, f"l{at:02}") for at in range(many)]
    return rows


def test_where_one_lead_is_nearly_all_there_is():
    """It begins anew all day and is still waiting: hardly anything is known, and that is told."""
    ladder = replace(LADDER, restart_on=(EventRule("again"),))
    rows = [event("video", 0, "ann"), event("call", 0.5, "ann"), event("order", 1, "ann")]
    rows += [event("video", 0, "bob"), event("call", 0.5, "bob"), event("video", 0, "dan")]
    for at in range(150):
        rows += [event("video", 20 + at / 20, "bot"), event("again", 20.01 + at / 20, "bot")]
    rows.append(event("video", 28, "bot"))
    until = START_US + 32 * DAY_US
    stays = stays_of(log_of([*rows, event("page", 32, "bot")], ladder), ladder, until)
    found = funnel(stays)
    assert [step["rate"]["value"] is None for step in found["steps"]] == [False] * 3
    assert found["steps"][1]["rate"]["leads"] < 0.1
    product = found["whole"]["product"]
    assert product["value"] is not None
    assert product["low"] < product["value"] < product["high"]


def test_who_begins_anew_is_told():
    """Counts that are more than the leads say so; a lead that came to two steps is no such one."""
    rows = [event("video", 0, "ann"), event("call", 1, "ann"), event("video", 0, "bob")]
    begun = [event("again", 2, "ann"), event("video", 3, "ann")]
    ladder = replace(LADDER, restart_on=(EventRule("again"),))
    until = START_US + 40 * DAY_US
    found = funnel(stays_of(log_of([*rows, *begun], ladder), ladder, until))
    assert (found["leads"], found["steps"][0]["counts"]["came"]) == (2, 3)
    assert [note for note in found["notes"] if "more than once" in note] == [again_said(1)]
    assert "2 leads came 3 times" in found["steps"][0]["says"]
    plain = funnel(stays_of(log_of(rows, ladder), ladder, until))
    assert "more than once" not in str(plain["notes"])
    assert not any(" times" in step["says"] for step in plain["steps"])


@settings(max_examples=examples(40), deadline=None)
@given(
    strategies.ladders(), st.lists(strategies.events(), min_size=1, max_size=40), st.integers(0, 90)
)
def test_counts_and_rates_are_those_of_a_plain_loop(ladder, events, grid):
    log = log_of(events, ladder)
    stays = stays_of(log, ladder, START_US + grid * GRID_US)
    found = funnel(stays)
    until = stays.counted_until
    own = [one for lead in log.leads for one in oracle_stays(events, ladder, lead, stays.until)]
    own = [stay for stay in own if stay.entered <= until]
    for goal, step in enumerate(found["steps"]):
        here = [stay for stay in own if stay.goal == goal]
        states = Counter(oracle_state(stay, ladder, until, None) for stay in here)
        assert step["counts"]["came"] == len(here)
        for state in ("advanced", "pending", "lapsed", "lost", "left"):
            assert step["counts"][state] == states[state]
            assert sum(cell["counts"][state] for cell in step["cohorts"]) == states[state]
        horizon = round(ladder.goals[goal].horizon_days * DAY_US)
        waited = []
        for stay in here:
            went = oracle_state(stay, ladder, until, None) == "advanced"
            ends = stay.advanced if went and stay.advanced is not None else until
            waited.append((min(horizon, ends - stay.entered), went))
        over = [stay.entered + horizon <= until for stay in here]
        waits = [ends for ends, (_, went) in zip(over, waited, strict=True) if not went]
        known = any(over) and (any(waits) or not waits)
        assert (step["rate"]["value"] is not None) == known
        if known:
            assert step["rate"]["value"] == pytest.approx(float(oracle_incidence(waited)))


def test_product_of_the_steps_is_the_whole():
    """Where nobody still has time and nobody went on late, they are the same (S29)."""
    found = funnel(stays_until(100, climbers(60, 30, 24)))
    rates = [step["rate"]["value"] for step in found["steps"]]
    assert rates == pytest.approx([60 / 101, 30 / 60, 24 / 30])
    whole = found["whole"]
    assert whole["product"]["value"] == pytest.approx(24 / 101)
    assert whole["followed"]["value"] is None or whole["followed"]["value"] > 0
    assert whole["so_far"] == pytest.approx(24 / 101)
    steps = [step["so_far"] for step in found["steps"]]
    assert prod(share or 0.0 for share in steps) == pytest.approx(whole["so_far"])


def banded(*bands: tuple[float, float] | None) -> Ladder:
    """The same ladder with other bands."""
    goals = [
        replace(goal, band=band and Band(*band))
        for goal, band in zip(LADDER.goals, bands, strict=True)
    ]
    return replace(LADDER, steps=tuple(goals[:-1]), purchase=goals[-1])


def ways_of(ladder: Ladder, events: list[Event]) -> Whole:
    rows = [*events, event("page", 0, "zoe"), event("page", 100, "zoe")]
    return funnel(stays_of(log_of(rows, ladder), ladder))["whole"]


def test_a_way_is_compared_with_bands_of_the_same_steps():
    """The first step has no band: the whole has none, and the rest of the way has its own rate."""
    whole = ways_of(LADDER, climbers(60, 30, 24))
    assert (whole["band"], whole["verdict"]) == (None, "no band")
    rest = whole["banded"]
    assert rest is not None
    assert (rest["step"], rest["title"]) == ("call", "Call")
    assert (rest["band"]["low"], rest["band"]["high"]) == pytest.approx((0.2, 0.54))
    assert rest["followed"]["value"] == pytest.approx(24 / 60)
    assert rest["so_far"] == pytest.approx(24 / 60)
    assert rest["verdict"] == "within"


def test_every_step_has_a_band():
    whole = ways_of(banded((0.5, 0.7), (0.4, 0.6), (0.5, 0.9)), climbers(60, 30, 24))
    assert whole["band"] is not None
    assert (whole["band"]["low"], whole["band"]["high"]) == pytest.approx((0.1, 0.378))
    assert (whole["verdict"], whole["banded"]) == ("within", None)


@pytest.mark.parametrize(
    "bands", [((0.5, 0.7), None, (0.5, 0.9)), ((0.5, 0.7), (0.4, 0.6), None), (None, None, None)]
)
def test_no_band_where_a_step_of_the_way_has_none(bands):
    """A step between, or the purchase; of the purchase alone its own row tells."""
    whole = ways_of(banded(*bands), climbers(60, 30, 24))
    assert (whole["band"], whole["verdict"], whole["banded"]) == (None, "no band", None)


@settings(max_examples=examples(25), deadline=None)
@given(st.lists(strategies.events(), min_size=1, max_size=40), st.integers(0, 90))
def test_the_rest_of_the_way_is_the_whole_of_those_who_come_to_it(events, grid):
    """As a plain loop over the oracle's stays has it: who came to the step, who bought by now."""
    log = log_of(events, LADDER)
    stays = stays_of(log, LADDER, START_US + grid * GRID_US)
    rest = funnel(stays)["whole"]["banded"]
    assert rest is not None
    came, bought = 0, 0
    for lead in log.leads:
        own = oracle_stays(events, LADDER, lead, stays.until)
        own = [stay for stay in own if stay.entered <= stays.counted_until]
        came += sum(stay.goal == 1 for stay in own)
        bought += sum(
            stay.goal == 2 and stay.advanced is not None and stay.advanced <= stays.counted_until
            for stay in own
        )
    assert rest["so_far"] == (None if not came else pytest.approx(bought / came))


def test_interval_of_the_product_by_resampling():
    rng = np.random.default_rng(2)
    found = funnel(stays_until(100, climbers(60, 30, 24)))["whole"]["product"]
    draws = prod(rng.binomial(n, k / n, 20_000) / n for k, n in ((60, 101), (30, 60), (24, 30)))
    low, high = np.quantile(draws, [0.025, 0.975])
    assert (found["low"], found["high"]) == pytest.approx((low, high), abs=0.02)


@pytest.mark.parametrize(
    ("went", "verdict"),
    [(20, "below"), (36, "undetermined"), (50, "within"), (70, "above"), (63, "undetermined")],
)
def test_band(went, verdict):
    """Below and above only where the whole interval is, within only where it lies inside."""
    many = [event("identify", 0, f"l{at}") for at in range(400)]
    many += [event("video", 1, f"l{at}") for at in range(400)]
    many += [event("call", 2, f"l{at}") for at in range(4 * went)]
    found = funnel(stays_until(100, many))["steps"]
    low, high = wilson(4.0 * went, 400.0)
    assert (found[1]["rate"]["low"], found[1]["rate"]["high"]) == pytest.approx((low, high))
    assert found[1]["verdict"] == verdict
    assert found[0]["verdict"] == "no band"
    few = funnel(stays_until(100, climbers(2, 1, 0)))["steps"][1]
    assert few["verdict"] == "undetermined"
    assert "not sure yet" in few["says"]


def test_pending_is_said_apart_and_counts_in_no_rate():
    rows = climbers(60, 30, 24)
    rows += [event("video", 99.5, f"new{at}") for at in range(500)]
    step = funnel(stays_until(100, rows))["steps"][1]
    assert step["counts"]["pending"] == 500
    assert step["rate"]["value"] == pytest.approx(0.5)
    assert "500 leads still have time" in step["says"]


def test_nobody_had_the_time():
    found = funnel(stays_until(5, climbers(60, 30, 24)))
    call, purchase = found["steps"][1:]
    assert call["rate"]["value"] is None
    assert call["rate"]["high"] == 1.0
    assert call["rate"]["low"] == pytest.approx(wilson(30.0, 60.0)[0])
    assert "14 days are over yet: 60 leads came, and 30 of them went on already" in call["says"]
    assert purchase["verdict"] == "undetermined"
    assert found["whole"]["product"]["value"] is None


def test_days_are_of_those_who_stood_there():
    rows = [*climbers(60, 30, 24), event("order", 4, "jumper"), event("page", 0, "jumper")]
    step = funnel(stays_until(100, rows))["steps"][1]
    assert step["counts"]["passed"] == 1
    assert step["days"]["least"] == pytest.approx(1.0)
    assert step["days"]["most"] == pytest.approx(1.0)
    assert step["days"]["median"] == pytest.approx(1.0)


def test_days_of_half_and_of_most():
    """Of ten that went on after one to ten days: five after five, nine after nine."""
    rows = [event("video", 1, f"l{at}") for at in range(20)]
    rows += [event("call", 1 + day, f"l{day}") for day in range(1, 11)]
    days = funnel(stays_until(100, rows))["steps"][1]["days"]
    assert days == pytest.approx({"least": 1.0, "median": 5.0, "most_of_them": 9.0, "most": 10.0})


def test_the_whole_way_has_the_time_of_all_its_steps():
    """7, 14 and 30 days after they came, whoever began it has had its time, and not before."""
    rows = climbers(60, 30, 24)
    early = funnel(stays_until(51 - 1 / DAY_US, rows))["whole"]
    assert early["followed"]["value"] is None
    assert early["so_far"] == pytest.approx(24 / 101)
    at_last = funnel(stays_until(51, rows))["whole"]
    assert at_last["followed"]["value"] == pytest.approx(24 / 101)
    assert at_last["followed"]["leads"] == pytest.approx(101)


@pytest.mark.parametrize(("until", "days"), [(0.5, 1.0), (33.25, 16.6), (99, 49.5), (300, 90.0)])
def test_a_trend_compares_ninety_days_or_half_of_the_log(until, days):
    """Whichever is less, and a day at least."""
    trend = funnel(stays_until(until, []))["steps"][0]["trend"]
    assert trend is not None
    assert trend["days"] == days


def test_the_stretch_before_is_as_long():
    """Of the newest two weeks and of the two before them as many went on, of older ones more."""
    rows = []
    for week in range(10):
        for at in range(40):
            rows.append(event("video", 1 + 7 * week, f"w{week}-{at}"))
            if at < (20 if week < 6 else 10):
                rows.append(event("call", 2 + 7 * week, f"w{week}-{at}"))
    stays = stays_until(1 + 70 + 14, rows)
    newest, end = START_US + 57 * DAY_US, START_US + 71 * DAY_US
    trend = funnel(stays, Selection(newest, end))["steps"][1]["trend"]
    assert trend is not None
    assert trend["days"] == 14.0
    assert (trend["newest"]["value"], trend["before"]["value"]) == pytest.approx((0.25, 0.25))
    assert (trend["newest"]["leads"], trend["before"]["leads"]) == pytest.approx((80, 80))


def test_segments_are_of_what_was_known_when_they_came():
    rows = climbers(60, 30, 24, source="fair")
    rows += [event("video", 1, "late"), event("identify", 3, "late", source="mail")]
    found = funnel(stays_until(100, rows))["steps"][1]["segments"]["source"]
    assert [(cell["value"], cell["counts"]["came"]) for cell in found] == [("fair", 60), (None, 1)]
    some = Selection(only={"source": "fair"})
    only = funnel(stays_until(100, rows), some)
    assert only["steps"][1]["counts"]["came"] == 60
    assert only["only"] == {"source": "fair"}
    with pytest.raises(FunnelError, match="did you mean 'source'"):
        funnel(stays_until(100, rows), Selection(only={"sorce": "fair"}))
    with pytest.raises(FunnelError, match="did you mean 'source'"):
        list(had_by_nobody(Selection(only={"sorce": "fair"}), stays_until(100, rows)))
    (note, *_) = funnel(stays_until(100, rows), Selection(only={"source": "fare"}))["notes"]
    said = "no lead had the source 'fare' when it came to a step; there were 'fair'"
    assert note == f"{said}; did you mean 'fair'?"


def test_cohorts_and_the_stretch_before():
    """200 a week for ten weeks; in the last five half as many went on."""
    rows = []
    for week in range(10):
        for at in range(200):
            lead = f"w{week}-{at}"
            rows.append(event("video", 1 + 7 * week, lead))
            if at < (120 if week < 5 else 60):
                rows.append(event("call", 2 + 7 * week, lead))
    stays = stays_until(1 + 70 + 14, rows)
    step = funnel(stays)["steps"][1]
    assert [cell["counts"]["came"] for cell in step["cohorts"]] == [200] * 10
    assert {instant(cell["since"]).weekday() for cell in step["cohorts"]} == {0}
    rates = [cell["rate"]["value"] for cell in step["cohorts"]]
    assert rates == pytest.approx([0.6] * 5 + [0.3] * 5)
    months = funnel(stays, every="month")["steps"][1]["cohorts"]
    assert [cell["since"][:10] for cell in months] == ["2026-03-01", "2026-04-01", "2026-05-01"]
    newest = START_US + round(36 * DAY_US)  # the stretch before is as long
    trend = funnel(stays, Selection(newest, START_US + 71 * DAY_US))["steps"][1]["trend"]
    assert trend is not None
    assert trend["difference"] == pytest.approx(-0.3)
    assert (trend["low"] or 0.0) < -0.3 < (trend["high"] or 0.0) < 0
    said = funnel(stays, Selection(newest, START_US + 71 * DAY_US))["steps"][1]["says"]
    assert "In the newest 35 days 30 of 100 fewer went on" in said


def test_what_is_not_shown_is_said():
    """The newest 53 weeks are shown, and of a trait the 20 values that most leads had."""
    rows = [event("identify", 7 * week, f"l{week:02}", source="fair") for week in range(53)]
    rows += [event("identify", 1, f"v{at:02}", source=f"s{at:02}") for at in range(19)]
    found = funnel(stays_until(380, rows))
    assert found["notes"] == []
    assert len(found["steps"][0]["segments"]["source"]) == 21  # and of zoe it is not known
    rows.append(event("identify", 7 * 53, "late", source="another"))
    found = funnel(stays_until(380, rows))
    assert found["notes"] == [
        "of each step the newest 53 weeks are shown",
        "of source the 20 values with the most leads are shown",
    ]
    cohorts, segments = found["steps"][0]["cohorts"], found["steps"][0]["segments"]
    assert len(cohorts) == 53
    since = [microseconds(instant(cell["since"])) for cell in cohorts]
    assert since[-1] <= rows[-1].occurred_us < since[-1] + 7 * DAY_US
    assert since == sorted(since)
    shown = [cell["value"] for cell in segments["source"]]
    assert (shown[0], shown[-1], len(shown)) == ("fair", None, 21)
    months = funnel(stays_until(380, rows), every="month")
    assert months["notes"] == ["of source the 20 values with the most leads are shown"]


def test_every_number_names_its_leads():
    rows = climbers(60, 30, 24)
    stays = stays_until(100, rows)
    found = funnel(stays)
    for step in found["steps"]:
        for state in (State.ADVANCED, State.PENDING, State.LAPSED, State.LOST):
            names = leads_in(stays, step["id"], state)
            assert len(names) == dict(step["counts"])[state.name.lower()]
        assert len(leads_in(stays, step["id"])) == step["counts"]["came"]
    assert leads_in(stays, "call", State.ADVANCED)[:2] == ["l29", "l28"]  # who came last first
    week = found["steps"][1]["cohorts"][0]
    since = microseconds(instant(week["since"]))
    one = Selection(since, since + 7 * DAY_US)
    assert len(leads_in(stays, "call", None, one)) == week["counts"]["came"]
    with pytest.raises(FunnelError, match="did you mean 'call'"):
        leads_in(stays, "calls")


def test_who_left_is_counted_and_not_named():
    rows = climbers(60, 30, 24)
    left = {"l40": START_US + 2 * DAY_US}
    stays = stays_of(log_of([*rows, event("page", 100, "zoe")], LADDER), LADDER, left=left)
    assert funnel(stays)["steps"][1]["counts"]["left"] == 1
    assert "l40" not in leads_in(stays, "call")
    with pytest.raises(FunnelError, match="opted out"):
        leads_in(stays, "call", State.LEFT)


def test_nobody_and_one():
    one = stays_until(100, [])
    found = funnel(one)
    assert found["steps"][0]["counts"]["lapsed"] == 1
    assert found["steps"][1]["says"] == "Nobody has come so far yet."
    assert found["whole"]["product"]["value"] is None
    nobody = funnel(one.rows(np.zeros(1, dtype=np.bool_)))
    assert nobody["notes"] == ["no lead has come to the ladder yet"]
    assert nobody["steps"][0]["rate"] == {"value": None, "low": 0.0, "high": 1.0, "leads": 0.0}
    assert "nobody came" in funnel(one, Selection(START_US + 200 * DAY_US))["notes"][0]
