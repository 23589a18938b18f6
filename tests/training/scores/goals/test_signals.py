"""What probabilities rest on, and what has moved: against plain sums, and on planted changes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from features.events.log import DAY_US
from models.scores.step_rates import StepRates, advancement_priors
from tests.training.scores.scene import (
    JUDGED_UNTIL,
    LADDER,
    START_US,
    TRAINED_UNTIL,
    small_log,
)
from training.decision_points import Points, decision_points
from training.scores.goals.signals import uses_of
from training.scores.results import SignalUse


def points_of(log, start, until, seed=7) -> Points:
    return decision_points(log, LADDER, start=start, end=until, seed=seed)


@pytest.fixture
def before(log) -> Points:
    return points_of(log, None, TRAINED_UNTIL)


@pytest.fixture
def period(log) -> Points:
    return points_of(log, TRAINED_UNTIL, JUDGED_UNTIL)


def by_id(uses) -> dict[str, SignalUse]:
    return {one.id: one for one in uses}


def with_values(points: Points, signal: str, values) -> Points:
    """The points with another value of a signal; a function of those that it has."""
    at = [one.id for one in points.snapshot.signals].index(signal)
    held = points.snapshot.values.copy()
    held[:, at] = values(held[:, at])
    return replace(points, snapshot=replace(points.snapshot, values=held))


# ------------------------------------------------------------------------------------------ Weights


def test_weights_are_mean_sizes(bundle, before, period):
    """Each is the mean of what the reasons add, whatever its sign; the heaviest come first."""
    added = bundle.explain(period.snapshot).points
    expected = {
        column: float(sum(abs(one) for one in added[:, at])) / len(added)
        for at, column in enumerate(bundle.encoding.columns)
    }
    uses = uses_of(bundle, "advancement", before, period)
    assert len(period) < 5_000  # all of them are looked at
    assert {one.id: one.weight for one in uses} == pytest.approx(
        {column: weight for column, weight in expected.items() if weight > 0}
    )
    assert [one.weight for one in uses] == sorted((one.weight for one in uses), reverse=True)
    assert sum(one.share for one in uses) == pytest.approx(1.0)
    assert all(
        one.share * uses[0].weight == pytest.approx(one.weight * uses[0].share) for one in uses
    )


def test_the_last_step_is_the_purchase(bundle, before, period):
    """There a purchase has the next step's probability, and so rests on what that rests on."""
    last = period.rows(period.position == len(LADDER.goals) - 1)
    assert 0 < len(last) < len(period)
    assert uses_of(bundle, "purchase", before, last) == uses_of(bundle, "advancement", before, last)
    rest = period.rows(period.position < len(LADDER.goals) - 1)
    both = [uses_of(bundle, goal, before, rest) for goal in ("purchase", "advancement")]
    assert by_id(both[0]).keys() != by_id(both[1]).keys() or both[0] != both[1]


def test_many_points_are_looked_at_evenly(bundle, before, period):
    """Of very many points some are explained: the weights are nearly those of all."""
    often = period.rows(np.repeat(np.arange(len(period)), 8))
    assert len(often) > 10_000
    few, many = (by_id(uses_of(bundle, "advancement", before, one)) for one in (period, often))
    heaviest = list(few)[:8]
    assert [many[one].weight for one in heaviest] == pytest.approx(
        [few[one].weight for one in heaviest], rel=0.05
    )


def test_which_way_it_goes(bundle, before, period):
    """Eager leads go on: more visits raise a probability, more days at a step lower it."""
    uses = by_id(uses_of(bundle, "advancement", before, period))
    assert uses["activity.recent_3d"].more_of_it == "higher"
    assert uses["ladder.days_at_position"].more_of_it == "lower"
    plain = {id_ for id_, one in uses.items() if not one.more_of_it}
    assert "trait.device" in plain
    for id_ in plain - {"trait.device"}:  # a number has no way where it never differs
        at = [one.id for one in period.snapshot.signals].index(id_)
        held = period.snapshot.values[:, at]
        assert len(np.unique(held[~np.isnan(held)])) == 1


def test_rates_rest_on_nothing(bundle, before, period):
    """Where the rates of the steps are all there is no signal is told."""
    rates = StepRates.prior(advancement_priors(LADDER))
    calibrator = replace(bundle.advancement.calibrator, slope=np.zeros(len(rates.mean)))
    plain = replace(bundle, advancement=replace(bundle.advancement, calibrator=calibrator))
    assert uses_of(plain, "advancement", before, period) == ()


# ------------------------------------------------------------------------------------------- Moved


def stability_of(then: list[float], now: list[float]) -> float:
    """The index of a number, by plain loops: tenths of what it was, and the absent."""
    held = sorted(one for one in then if not math.isnan(one))
    borders = sorted({float(np.quantile(held, tenth / 10)) for tenth in range(1, 10)})

    def shares(values: list[float]) -> list[float]:
        counts = [0.0] * (len(borders) + 2)
        for one in values:
            counts[-1 if math.isnan(one) else sum(border <= one for border in borders)] += 1
        return counts

    both = [
        (one, other) for one, other in zip(shares(then), shares(now), strict=True) if one + other
    ]
    totals = [sum(pair[which] + 0.5 for pair in both) for which in (0, 1)]
    index = 0.0
    for one, other in both:
        first, second = (one + 0.5) / totals[0], (other + 0.5) / totals[1]
        index += (second - first) * math.log(second / first)
    return index


def test_the_index_by_plain_loops(bundle, before, period):
    """Of every number, what is absent included."""
    latest = before.rows(before.as_of >= np.quantile(before.as_of, 0.75))
    columns = [signal.id for signal in period.snapshot.signals]
    compared = 0
    for one in uses_of(bundle, "advancement", before, period):
        if one.id == "trait.device":
            continue
        at = columns.index(one.id)
        then, now = (part.snapshot.values[:, at].tolist() for part in (latest, period))
        assert one.moved == pytest.approx(stability_of(then, now))
        assert one.known == pytest.approx(1 - sum(map(math.isnan, now)) / len(now))
        assert one.known_before == pytest.approx(1 - sum(map(math.isnan, then)) / len(then))
        compared += 1
    assert compared > 10


def test_what_chance_shows_by_plain_loops(bundle, before, period):
    """The variance of each range's share over leads, over the share, then and now."""
    latest = before.rows(before.as_of >= np.quantile(before.as_of, 0.75))
    at = [signal.id for signal in period.snapshot.signals].index("ladder.pace")
    values = [part.snapshot.values[:, at] for part in (latest, period)]
    held = values[0][~np.isnan(values[0])]
    borders = np.unique(np.quantile(held, np.arange(1, 10) / 10))
    shares, variances = [], []
    for part, column in zip((latest, period), values, strict=True):
        place = [
            len(borders) + 1 if math.isnan(one) else sum(border <= one for border in borders)
            for one in column
        ]
        counts = np.bincount(place, minlength=len(borders) + 2)
        shares.append((counts + 0.5) / (counts + 0.5).sum())
        of_leads: dict[int, list[int]] = {}
        for lead, where in zip(part.lead.tolist(), place, strict=True):
            of_leads.setdefault(lead, []).append(where)
        share = counts / len(place)
        variances.append(
            [
                sum((own.count(where) - len(own) * one) ** 2 for own in of_leads.values())
                / len(place) ** 2
                * (len(of_leads) / (len(of_leads) - 1))
                for where, one in enumerate(share)
            ]
        )
    expected = sum(
        (then + now) / ((one + other) / 2)
        for then, now, one, other in zip(*variances, *shares, strict=True)
    )
    uses = by_id(uses_of(bundle, "advancement", before, period))
    assert uses["ladder.pace"].moved_by_chance == pytest.approx(expected)


def test_nothing_moves_by_chance(bundle):
    """Two halves of the leads of one period: the index is what chance shows, and none has moved."""
    ratios = []
    for seed in range(30, 40):
        points = points_of(small_log(seed), TRAINED_UNTIL, JUDGED_UNTIL, seed)
        half = np.random.default_rng(seed).random(points.lead.max() + 1) < 0.5
        uses = uses_of(
            bundle, "advancement", points.rows(half[points.lead]), points.rows(~half[points.lead])
        )
        assert not [one for one in uses if one.has_moved]
        ratios += [(one.moved or 0.0) / (one.moved_by_chance or 1.0) for one in uses]
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.25)


@pytest.mark.parametrize("seed", range(11, 16))
def test_little_moves_in_a_quiet_world(bundle, seed):
    """Other leads of the same kind, later: what a young log brings is not worth telling."""
    log = small_log(seed)
    before = points_of(log, None, TRAINED_UNTIL, seed)
    period = points_of(log, TRAINED_UNTIL, JUDGED_UNTIL, seed)
    for goal in ("advancement", "purchase"):
        assert not [one for one in uses_of(bundle, goal, before, period) if one.has_moved]


def test_a_signal_that_breaks_is_named(bundle, before, period):
    """Its values stop coming: it is told, with the share that has one, and no other is."""
    gone = with_values(period, "ladder.pace", lambda held: np.full_like(held, np.nan))
    uses = uses_of(bundle, "advancement", before, gone)
    assert [one.id for one in uses if one.has_moved] == ["ladder.pace"]
    (pace,) = (one for one in uses if one.has_moved)
    assert pace.known == 0.0
    assert pace.known_before == pytest.approx(0.53, abs=0.1)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_signal_in_another_unit_is_named(bundle, before, period, factor):
    """Seconds for minutes, twice as often: the values are others."""
    other = with_values(period, "ladder.days_at_position", lambda held: factor * held)
    uses = uses_of(bundle, "advancement", before, other)
    assert [one.id for one in uses if one.has_moved] == ["ladder.days_at_position"]


@pytest.mark.parametrize("code", [0.0, np.nan], ids=["all of one", "none known"])
def test_a_category_that_changes_is_named(bundle, before, period, code):
    """Everybody has one device all at once, or nobody has one any more."""
    now = with_values(period, "trait.device", lambda held: np.full_like(held, code))
    uses = uses_of(bundle, "advancement", before, now)
    assert [one.id for one in uses if one.has_moved] == ["trait.device"]


def test_a_few_leads_prove_nothing(bundle, before, period):
    """Many points of three leads are three leads: chance sets their values apart from others."""
    few = period.rows(np.isin(period.lead, np.unique(period.lead)[:3]))
    often = few.rows(np.repeat(np.arange(len(few)), 40))
    uses = uses_of(bundle, "advancement", before, often)
    assert max(one.moved for one in uses if one.moved is not None) > 1.0
    assert not [one for one in uses if one.has_moved]


def test_nothing_before(bundle, period):
    """Where there were no points before the period nobody knows whether anything has moved."""
    log = small_log()
    none = points_of(log, None, START_US - DAY_US)
    assert len(none) == 0
    uses = uses_of(bundle, "advancement", none, period)
    assert uses
    for one in uses:
        assert one.moved is None
        assert one.moved_by_chance is None
        assert one.known_before is None
        assert not one.has_moved
