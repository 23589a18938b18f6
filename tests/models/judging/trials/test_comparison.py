"""One goal of an experiment: each arm beside the control, by leads whose time is over."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.judging.trials import comparison
from models.judging.trials.comparison import Drawn, arm_counts, compared
from models.judging.trials.sequences import (
    effect_sequence,
    expected_outcomes,
    relative_risk_sequence,
)
from models.judging.trials.shapes import Span

RATES = (0.2, 0.6, 0.2)
"""Of the control and of two arms."""


def drawn(n: int = 900, arms: int = 2, pending: int = 0, rates=RATES, seed: int = 1) -> Drawn:
    """Leads of equal arms, the last ones of whom still have time."""
    rng = np.random.default_rng(seed)
    arm = rng.integers(0, arms, n)
    return Drawn(
        arm=arm,
        share=np.full((n, arms), 1.0 / arms),
        reached=rng.random(n) < np.array(rates)[arm],
        is_mature=np.arange(n) < n - pending,
        known=rng.normal(size=(n, 1)),
    )


def test_what_came_of_each_arm():
    """A rate is of those whose time is over; of those who have time nobody is counted yet."""
    one = Drawn(
        arm=np.array([0, 0, 0, 0, 1, 1]),
        share=np.full((6, 3), 1 / 3),
        reached=np.array([True, False, False, True, True, True]),
        is_mature=np.array([True, True, True, False, True, False]),
        known=np.zeros((6, 0)),
    )
    assert arm_counts(one, ["a", "b", "c"]) == [
        {"arm": "a", "leads": 4, "pending": 1, "reached": 1, "rate": pytest.approx(1 / 3)},
        {"arm": "b", "leads": 2, "pending": 1, "reached": 1, "rate": 1.0},
        {"arm": "c", "leads": 0, "pending": 0, "reached": 0, "rate": None},
    ]


def leads_by_chance(seed: int, effect: float = 0.0, n: int = 1000) -> Drawn:
    """Keen leads come into the second arm nine times in ten, others once in ten."""
    rng = np.random.default_rng(seed)
    keen = np.arange(n) % 2 == 0
    chance = np.where(keen, 0.9, 0.1)
    arm = (rng.random(n) < chance).astype(np.int64)
    return Drawn(
        arm=arm,
        share=np.column_stack([1.0 - chance, chance]),
        reached=rng.random(n) < np.where(keen, 0.5, 0.1) + effect * arm,
        is_mature=np.ones(n, dtype=np.bool_),
        known=np.full((n, 1), np.nan),
    )


@pytest.mark.parametrize("effect", [0.0, 0.2])
def test_who_is_likelier_to_be_in_an_arm_does_not_count_for_more(effect):
    """Rates, their difference and their ratio are those of equal chances, by a loop over leads."""
    values = []
    for seed in range(12):
        leads = leads_by_chance(seed, effect)
        (found,) = compared(leads, ["a", "b"], 0)
        rates = []
        for at, counted in enumerate(arm_counts(leads, ["a", "b"])):
            came = every = 0.0
            for arm, share, reached in zip(leads.arm, leads.share, leads.reached, strict=True):
                if arm == at:
                    every += 1.0 / share[at]
                    came += reached / share[at]
            rates.append(came / every)
            assert counted["rate"] == pytest.approx(came / every)
        low, high = found["effect"]["low"], found["effect"]["high"]
        assert high is not None
        assert found["effect"]["value"] == pytest.approx(np.clip(rates[1] - rates[0], low, high))
        assert found["ratio"]["value"] == pytest.approx(rates[1] / rates[0])
        assert found["worth"] == pytest.approx(min(0.02, 0.2 * rates[0]), rel=0.1)
        values.append(found["effect"]["value"] or 0.0)
    assert np.mean(values) == pytest.approx(effect, abs=0.05)


@pytest.mark.parametrize(
    ("arms", "together", "level"), [(2, 1, 0.95), (2, 2, 0.975), (3, 1, 0.975), (3, 2, 0.9875)]
)
def test_all_intervals_hold_together(arms, together, level):
    """An error of 5 % is shared by all arms beside the control, and by all goals."""
    leads = drawn(arms=arms)
    names = ["control", "one", "two"][:arms]
    found = compared(leads, names, 0, 0.05, together=together)
    assert [one["arm"] for one in found] == names[1:]
    for at, one in enumerate(found, start=1):
        both = leads.rows((leads.arm == at) | (leads.arm == 0))
        treated, half = both.arm == at, np.full(len(both), 0.5)
        came = both.reached.astype(np.float64)
        expected = expected_outcomes(both.known, treated, half, came)
        effect = effect_sequence(treated, half, came, expected, level=level)
        ratio = relative_risk_sequence(treated, half, came, level=level)
        assert one["leads"] == len(both)
        for span, sequence in ((one["effect"], effect), (one["ratio"], ratio)):
            ends = float(sequence.low[-1]), float(sequence.high[-1])
            assert (span["low"], span["high"]) == pytest.approx(ends)
        rates = [came[some].mean() for some in (treated, ~treated)]
        assert one["effect"]["value"] == pytest.approx(rates[0] - rates[1])
        assert one["ratio"]["value"] == pytest.approx(rates[0] / rates[1])
        decided = effect.decided
        assert one["decided_after"] == (None if decided is None else decided + 1)


def test_the_control_may_stand_anywhere():
    """What helps beside one hurts the other way round, as much."""
    leads = drawn()
    (helps,) = compared(leads, ["a", "b"], 0, 0.05)
    (hurts,) = compared(leads, ["a", "b"], 1, 0.05)
    assert (helps["arm"], helps["verdict"], helps["more"]) == ("b", "helps", None)
    assert (hurts["arm"], hurts["verdict"], hurts["more"]) == ("a", "hurts", None)
    assert helps["says"].startswith("b does better than a: ")
    assert hurts["says"].startswith("a does worse than b: ")
    assert helps["effect"]["value"] == pytest.approx(-(hurts["effect"]["value"] or 0.0))


def test_who_still_has_time_is_not_compared():
    """The comparison is that of the others alone."""
    leads = drawn(pending=200)
    late = replace(leads, reached=leads.reached | ~leads.is_mature)
    others = leads.rows(leads.is_mature)
    for one in (leads, late):
        assert compared(one, ["a", "b"], 0, 0.05) == compared(others, ["a", "b"], 0, 0.05)


@pytest.mark.parametrize("worth", [None, 0.05])
@pytest.mark.parametrize("only", [0, 1])
def test_one_arm_alone_shows_no_difference(only, worth):
    """Nothing is known then, whatever its leads came to."""
    leads = drawn()
    (found,) = compared(leads.rows(leads.arm == only), ["a", "b"], 0, worth)
    assert found["says"].startswith("Nothing is known of b beside a yet: of one of them")
    assert found["effect"] == {"value": None, "low": -1.0, "high": 1.0}
    assert found["ratio"] == {"value": None, "low": 0.0, "high": None}
    assert (found["verdict"], found["more"], found["course"]) == ("unknown", None, [])


@pytest.mark.parametrize("control", [0, 1])
def test_no_difference_that_is_worth_having(control):
    """Where the whole interval is within what is not worth it; a little more, and it is unknown."""
    leads = drawn(n=4000, rates=(0.3, 0.3))
    (found,) = compared(leads, ["a", "b"], control, 0.5)
    low, high = found["effect"]["low"], found["effect"]["high"]
    assert high is not None
    assert low < 0.0 < high
    worth = max(-low, high)
    for limit, verdict in ((worth, "no_difference"), (worth - 1e-9, "unknown")):
        (found,) = compared(leads, ["a", "b"], control, limit)
        assert found["verdict"] == verdict
        assert (found["more"] is None) == (verdict == "no_difference")
    # Each end counts by itself: it is not as wide to one side as to the other.
    (found,) = compared(leads, ["a", "b"], control, min(-low, high))
    assert found["verdict"] == "unknown"


@pytest.mark.parametrize(("rate", "left"), [(0.01, 0.3), (0.01, 0.5), (0.02, 0.7), (0.05, 0.7)])
def test_a_loss_of_what_is_rare_is_never_called_none(rate, left):
    """Of ten experiments in which the arm loses 30 to 70 % of what comes, however few that are."""
    for seed in range(10):
        leads = drawn(n=4000, rates=(rate, left * rate), seed=seed)
        (found,) = compared(leads, ["a", "b"], 0)
        assert found["verdict"] in ("hurts", "unknown"), found["says"]
        (control, _) = arm_counts(leads, ["a", "b"])
        assert found["worth"] == pytest.approx(0.2 * (control["rate"] or 0.0), rel=0.1)


def test_what_is_worth_having_is_a_part_of_what_the_control_reaches():
    """A fifth, at most 2 of 100, unless the caller says otherwise; the sentence says which."""
    for rates, worth in (((0.6, 0.3), 0.02), ((0.0, 0.3), 0.2 / 452)):
        leads = drawn(rates=rates)
        (found,) = compared(leads, ["a", "b"], 0)
        assert found["worth"] == pytest.approx(worth, rel=0.1)
        (said,) = compared(leads, ["a", "b"], 0, 0.07)
        assert said["worth"] == 0.07
    (found,) = compared(drawn(n=30_000, rates=(0.2, 0.2)), ["a", "b"], 0)
    assert found["verdict"] == "no_difference"
    assert "no difference worth having, of 2 of 100 or more:" in found["says"]


@pytest.mark.parametrize(
    ("rates", "worth", "early", "most"),
    [((0.3, 0.3), 0.08, 400, 8000), ((0.3, 0.2), None, 300, 8000), ((0.1, 0.1), 0.05, 600, 12000)],
)
def test_about_so_many_more_leads_tell(rates, worth, early, most):
    """In the median of twenty experiments what is said early is what it took, within twice."""
    said, took = [], []
    for seed in range(20):
        leads = drawn(n=most, rates=rates, seed=100 + seed)
        (found,) = compared(leads.rows(np.arange(most) < early), ["a", "b"], 0, worth)
        if found["verdict"] == "unknown":
            said.append(found["more"] or 0)
            took.append(_sure_after(leads, worth) - early)
    assert len(said) >= 10
    assert 0.5 <= np.median(said) / np.median(took) <= 2.0


def _sure_after(leads: Drawn, worth: float | None) -> int:
    """The number of leads after which there is a verdict, to some hundredths."""
    known, sure = 0, len(leads)
    while sure - known > max(10, known // 50):
        middle = (known + sure) // 2
        (found,) = compared(leads.rows(np.arange(len(leads)) < middle), ["a", "b"], 0, worth)
        known, sure = (middle, sure) if found["verdict"] == "unknown" else (known, middle)
    return sure


def test_a_lead_more_does_not_tell_where_both_are_likely():
    """Half of what is worth having: to be sure of it or of none, it has to be twice as narrow."""
    for seed in range(12):
        leads = drawn(n=5000, rates=(0.1, 0.11), seed=seed)
        (found,) = compared(leads, ["a", "b"], 0, 0.02)
        low, value, high = found["effect"]["low"], found["effect"]["value"], found["effect"]["high"]
        assert value is not None
        assert high is not None
        if found["verdict"] == "unknown" and abs(value) < 0.01:
            assert found["more"] is not None
            half = max(value - low, high - value)
            assert found["more"] > 5000 * ((half / 0.02) ** 2 - 1) * 1.2


def fixed(each: int, *came: int) -> Drawn:
    """Arms of so many leads each, of whom so many have reached the goal; evenly, by turns."""
    arm = np.tile(np.arange(len(came)), each)
    return Drawn(
        arm=arm,
        share=np.full((len(arm), len(came)), 1.0 / len(came)),
        reached=np.repeat(np.arange(each), len(came)) * np.array(came)[arm] % each
        < np.array(came)[arm],
        is_mature=np.ones(len(arm), dtype=np.bool_),
        known=np.zeros((len(arm), 0)),
    )


def test_an_early_difference_is_known_within_its_error_only():
    """Where it looks like none it may be one, and where it looks like half it may be either."""
    needed = 9 * 0.36 / 0.02**2  # of an interval that lies within 2 of 100, around a sure 0
    (none,) = compared(fixed(500, 50, 50), ["a", "b"], 0, 0.02)
    (half,) = compared(fixed(500, 50, 55), ["a", "b"], 0, 0.02)
    assert (none["verdict"], half["verdict"]) == ("unknown", "unknown")
    assert 1.3 * needed < (none["more"] or 0) + 1000 < 3.0 * needed
    assert 1.3 * needed < (half["more"] or 0) + 1000 < 3.0 * needed  # and not 4 times, as 1 of 100


@pytest.mark.parametrize(
    ("each", "rates", "verdict"),
    [
        (4000, (0.1, 0.1), "no_difference"),
        (8000, (0.1, 0.105), "no_difference"),
        (8000, (0.1, 0.095), "no_difference"),
        (3000, (0.2, 0.17), "hurts"),
        (3000, (0.17, 0.2), "helps"),
    ],
)
def test_shortly_before_it_is_sure_how_many_more_is_right(each, rates, verdict):
    """Where the rates stay what they are: after 60 of 100 it is not yet, after 150 it is."""
    (found,) = compared(fixed(each, *(round(each * rate) for rate in rates)), ["a", "b"], 0)
    more = found["more"]
    assert more is not None
    assert more < each  # half of what there is
    for part, wanted in ((0.6, "unknown"), (1.5, verdict)):
        later = each + round(part * more / 2)
        leads = fixed(later, *(round(later * rate) for rate in rates))
        assert compared(leads, ["a", "b"], 0)[0]["verdict"] == wanted


@pytest.mark.parametrize("value", [-0.03, -0.02, -0.015, -0.004, 0.0, 0.004, 0.015, 0.02, 0.03])
@pytest.mark.parametrize(("below", "above"), [(0.05, 0.03), (0.03, 0.05), (0.06, 0.06)])
def test_an_interval_is_sure_once_it_is_so_much_narrower(value, below, above):
    """Whatever its ends: a little less narrow, and it is not."""
    times = comparison._too_wide(value, below, above, 0.02)
    for narrower, is_sure in ((1.001 * times, True), (0.999 * times, False)):
        low, high = value - below / narrower, value + above / narrower
        verdict = comparison._verdict(Span(value=value, low=low, high=high), 0.02)
        assert (verdict != "unknown") == is_sure


def test_the_way_of_an_interval():
    """At sixty points at most, from the first lead to the last."""
    for n, points in ((1, 0), (40, 40), (900, 60)):
        (found,) = compared(drawn(n=n), ["a", "b"], 0, 0.05)
        course = found["course"]
        assert len(course) == points
        if course:
            assert (course[0]["leads"], course[-1]["leads"]) == (1, n)
            assert [one["leads"] for one in course] == sorted({one["leads"] for one in course})
            ends = (course[-1]["low"], course[-1]["high"])
            assert ends == (found["effect"]["low"], found["effect"]["high"])
