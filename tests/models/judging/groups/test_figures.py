"""Groups of leads beside each other: planted differences, none, and the slow way to compute it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import erf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.judging.groups.figures import (
    FEWEST_LEADS,
    GroupMeasure,
    compared_groups,
    discoveries,
)
from models.judging.intervals import wilson
from tests.proofs import size, tell

LEAST = 0.8
NAMES = ("a", "b")


def drawn(
    rng, leads=2000, share=0.3, rate=0.2, ratio=1.0, rows=1, alike=0.0, measure="selected"
) -> GroupMeasure:
    """Leads of two groups; b reaches `ratio` times the rate of a.

    `alike` is the share of leads of which all rows come to the same.
    """
    lead = np.repeat(np.arange(leads), rows)
    group = (rng.random(leads) < share).astype(np.int64)[lead]
    same = (rng.random(leads) < alike)[lead]
    luck = np.where(same, rng.random(leads)[lead], rng.random(len(lead)))
    came = (luck < np.where(group == 1, rate * ratio, rate)).astype(np.float64)
    return GroupMeasure("trait", measure, NAMES, group, lead, came)


def of_b(measured, least=LEAST):
    """The figure of group b."""
    return compared_groups([measured], least)[1]


def swapped(measured):
    """The same with each lead in the other group."""
    return replace(measured, group=1 - measured.group)


def exactly(measured_rows, least=LEAST):
    """A figure of b from (group, lead, came) rows."""
    group, lead, came = (np.array(column) for column in zip(*measured_rows, strict=True))
    return of_b(GroupMeasure("trait", "selected", NAMES, group, lead, came.astype(float)), least)


# ------------------------------------------------------------------------------------ planted truth


@pytest.mark.parametrize(
    ("kind", "world"),
    [
        ("selection", {"rate": 0.1, "ratio": 0.4}),
        ("a favour", {"rate": 0.1, "ratio": 2.0}),
        ("missed", {"rate": 0.5, "ratio": 0.6, "leads": 1500}),
    ],
)
def test_what_is_planted_is_found(kind, world):
    """Of 3,000 leads (1,500 of high rates) three in ten differ far beyond the limit."""
    rng = np.random.default_rng(1)
    runs = size(100, 1000)
    world = {"leads": 3000, **world}
    found = np.mean([of_b(drawn(rng, **world)).verdict == "apart" for _ in range(runs)])
    tell(f"groups: a planted difference of {kind} is found", float(found), ">= 0.9", runs)
    assert found >= 0.9


@pytest.mark.parametrize("off", [0.6, 1.6])
def test_chances_that_are_off_for_one_group_are_found(off):
    """What comes of a group's chances is another multiple of them than for the rest."""
    rng = np.random.default_rng(2)
    runs = size(100, 1000)
    found = np.mean([of_b(foreseen(rng, 4000, off)).verdict == "apart" for _ in range(runs)])
    tell(f"groups: chances off by {off} are found", float(found), ">= 0.9", runs)
    assert found >= 0.9


def foreseen(rng, leads: int, off: float, everywhere: float = 1.0) -> GroupMeasure:
    """Leads with chances, two rows each; of b `off` times as much comes, of all `everywhere`."""
    lead = np.repeat(np.arange(leads), 2)
    group = (rng.random(leads) < 0.4).astype(np.int64)[lead]
    chance = rng.beta(2, 8, leads)[lead]
    luck = rng.random(leads)[lead]
    came = luck < np.minimum(chance * everywhere * np.where(group == 1, off, 1.0), 1.0)
    return GroupMeasure("trait", "calibration", NAMES, group, lead, came.astype(np.float64), chance)


@pytest.mark.parametrize("ratio", [1.0, LEAST])
def test_no_alarm_where_groups_are_alike(ratio):
    """Whole reports of groups that are alike, or at the limit: one in twenty at most has an alarm.

    Two traits of two and four groups, three measures of each, some of repeated rows.
    """
    rng = np.random.default_rng(3)
    runs = size(100, 1000)
    alarms = np.mean([_has_alarm(rng, ratio) for _ in range(runs)])
    tell(f"groups: alarms at a true ratio of {ratio}", float(alarms), "<= 0.05", runs)
    assert alarms <= 0.05


def _has_alarm(rng, ratio: float) -> bool:
    measures = []
    for measure, rows, alike in (("selected", 4, 0.6), ("found", 1, 0.0), ("calibration", 2, 1.0)):
        two = drawn(rng, 1500, 0.3, 0.15, ratio, rows, alike, measure)
        four = rng.integers(0, 4, 1500)[two.lead]
        measures += [two, replace(two, trait="other", groups=tuple("wxyz"), group=four)]
    return any(one.verdict == "apart" for one in compared_groups(measures, LEAST))


@pytest.mark.parametrize(("rows", "alike"), [(1, 0.0), (6, 1.0), (6, 0.5)])
def test_intervals_cover_and_count_leads(rows, alike):
    """The 95 % interval of the ratio holds the truth, also where a lead has many equal rows."""
    rng = np.random.default_rng(4)
    runs = size(200, 2000)
    world = {"leads": 800, "rate": 0.1, "ratio": 0.7, "rows": rows, "alike": alike}
    figures = [of_b(drawn(rng, **world)) for _ in range(runs)]
    covered = np.mean([(one.ratio_low or 0) <= 0.7 <= (one.ratio_high or 9) for one in figures])
    rate = np.mean([one.low <= 0.07 <= one.high for one in figures])
    tell(f"groups: cover of the ratio, {rows} rows a lead", float(covered), ">= 0.93", runs)
    assert min(covered, rate) >= 0.92
    assert covered < 0.99  # it is no wider than it need be


def test_alike_is_said_where_it_is_sure():
    """With leads enough, groups at the same rate are alike, and none is apart."""
    rng = np.random.default_rng(5)
    found = [of_b(drawn(rng, 20_000, rate=0.3)) for _ in range(20)]
    assert {one.verdict for one in found} == {"alike"}
    assert all(LEAST <= one.ratio_low <= one.ratio_high <= 1 / LEAST for one in found)
    assert {one.why for one in found} == {""}


# ------------------------------------------------------------------------------------- by hand


def test_by_hand():
    """Twenty of a hundred, and ten of a hundred: rates, Wilson's intervals, and the ratio."""
    rows = [(0, at, at < 20) for at in range(100)] + [(1, 100 + at, at < 10) for at in range(100)]
    found = exactly(rows)
    assert (found.value, found.rest, found.ratio) == (0.1, 0.2, 0.5)
    assert (found.low, found.high) == pytest.approx(wilson(10, 100), rel=0.01)
    assert (found.group, found.measure, found.leads) == ("b", "selected", 100)


@pytest.mark.parametrize("expects", [False, True])
def test_interval_beside_a_search(expects):
    """The bounds are where the score statistic, written down plainly, passes 1.96."""
    rng = np.random.default_rng(6)
    lead = np.arange(900)
    group = (lead % 3 == 0).astype(np.int64)
    chance = rng.uniform(0.05, 0.4, 900) if expects else np.ones(900)
    came = (rng.random(900) < (chance if expects else 0.2)).astype(float)
    found = of_b(GroupMeasure("t", "m", NAMES, group, lead, came, chance if expects else None))
    assert _plainly(group, came, chance, found.ratio_low) == pytest.approx(1.96, abs=1e-6)
    assert _plainly(group, came, chance, found.ratio_high) == pytest.approx(-1.96, abs=1e-6)
    sides = [_normal(_plainly(group, came, chance, LEAST)), _normal(
        -_plainly(group, came, chance, 1 / LEAST))]  # fmt: skip
    assert found.p == pytest.approx(min(1.0, 2 * min(sides)), rel=1e-6)


def _plainly(group, came, chance, ratio):
    """The score statistic of rows that are all leads of their own, row by row."""
    sums = [[0.0, 0.0], [0.0, 0.0]]
    for one, y, e in zip(group, came, chance, strict=True):
        sums[one][0] += y
        sums[one][1] += e
    (rest_came, rest_said), (own_came, own_said) = sums
    worth = [_worth_of(came[group == g], chance[group == g]) for g in (0, 1)]
    common = own_came / worth[1] + rest_came / worth[0]
    common /= ratio * own_said / worth[1] + rest_said / worth[0]
    spread = [0.0, 0.0]
    for one, e in zip(group, chance, strict=True):
        mean = common * e * (ratio if one else 1.0)
        spread[one] += mean * (1 - mean)
    each = own_came / own_said - ratio * rest_came / rest_said
    return each / np.sqrt(
        worth[1] * spread[1] / own_said**2 + ratio**2 * worth[0] * spread[0] / rest_said**2
    )


def _worth_of(came, chance):
    each = came.sum() / chance.sum()
    together = ((came - each * chance) ** 2).sum() * len(came) / (len(came) - 1)
    return max(1.0, together / (each * chance * (1 - each * chance)).sum())


def _normal(z):
    return (1 + erf(z / 2**0.5)) / 2


# ---------------------------------------------------------------------------------- what must hold


def test_rows_of_one_lead_are_no_evidence():
    """The same leads with every row ten times have the same intervals and the same verdict."""
    rng = np.random.default_rng(7)
    once = drawn(rng, 700, ratio=0.6)
    lead, came = np.tile(once.lead, 10), np.tile(once.came, 10)
    again = GroupMeasure("trait", "selected", NAMES, np.tile(once.group, 10), lead, came)
    one, ten = of_b(once), of_b(again)
    assert one.leads == ten.leads
    for name in ("value", "low", "high", "ratio", "ratio_low", "ratio_high", "p"):
        assert getattr(ten, name) == pytest.approx(getattr(one, name), rel=0.02)


def test_two_groups_mirror_each_other():
    """What one has over the other is one over what the other has; both have one verdict."""
    measured = drawn(np.random.default_rng(8), ratio=0.4)
    first, second = of_b(swapped(measured)), of_b(measured)
    assert compared_groups([measured], LEAST)[0] == replace(first, group="a")
    assert first.ratio == pytest.approx(1 / second.ratio)
    assert first.ratio_low == pytest.approx(1 / second.ratio_high, rel=1e-6)
    assert first.p == pytest.approx(second.p, rel=1e-6)
    assert {first.verdict, second.verdict} == {"apart"}


def test_nobody_of_a_group():
    """A group of which nobody is selected is apart where others would have been, not unknown."""
    rows = [(0, at, at % 5 == 0) for at in range(1000)]
    rows += [(1, 1000 + at, False) for at in range(300)]
    found = exactly(rows)
    assert (found.verdict, found.ratio, found.value) == ("apart", 0.0, 0.0)
    assert found.ratio_low is None
    assert 0 < found.ratio_high < 0.1
    other = compared_groups([GroupMeasure("t", "m", NAMES, *_columns(rows))], LEAST)[0]
    assert (other.verdict, other.ratio, other.ratio_high) == ("apart", None, None)


def _columns(rows):
    group, lead, came = zip(*rows, strict=True)
    return np.array(group), np.array(lead), np.array(came, dtype=float)


@pytest.mark.parametrize("repeated", [1, 50])
def test_few_leads_with_many_rows(repeated):
    """Forty leads of which none was selected are forty, however often they were looked at."""
    rows = [(0, at, at % 10 == 0) for at in range(1000)]
    rows += [(1, 1000 + at, False) for at in range(40)] * repeated
    found = exactly(rows)
    assert found.verdict == "unknown"
    assert found.why == "40 leads are too few to tell"


def shown(sizes, *, unknown=0, rows=3):
    """Groups of so many leads, called by their place; of each the figure that is told.

    Of every group another share is reached, so that no two figures are alike.
    """
    leads = [*sizes, unknown]
    group = np.repeat([*range(len(sizes)), -1], leads).repeat(rows)
    lead = np.arange(sum(leads)).repeat(rows)
    came = (lead * 7919 % 97 < 10 + 20 * group).astype(float)
    names = tuple(f"group {at}" for at in range(len(sizes)))
    measured = GroupMeasure("religion", "calibration", names, group, lead, came, came * 0 + 0.3)
    return {one.group: one for one in compared_groups([measured], LEAST)}


SMALL = FEWEST_LEADS - 1


@pytest.mark.parametrize(
    ("sizes", "unknown", "told"),
    [
        # Large enough together, they are one group.
        ((500, 40, SMALL, 1), 0, {"group 0": 500, "group 1": 40, "all others": 30}),
        # Small together, they are hidden among those of whom nothing is known ...
        ((500, 40, 1), 29, {"group 0": 500, "group 1": 40}),
        ((500, 1), 29, {"group 0": 500}),
        # ... and where those are few, among the smallest group there is.
        ((500, 40, 1), 28, {"group 0": 500, "all others": 41}),
        ((500, 1), 0, {"all others": 501}),
        # Nothing but the number of leads is left where all that is known is of few.
        ((1,), 300, {"all others": 1}),
        ((20, 9), 300, {"all others": 29}),
        # A group that nobody is in is not named either: its name may be what one lead said.
        ((500, 40, 0), 0, {"group 0": 500, "group 1": 40}),
        ((0, 0), 300, {"all others": 0}),
    ],
)
def test_no_group_of_few_leads_is_told(sizes, unknown, told):
    """A group below the number that a verdict takes has no name and no figure of its own."""
    found = shown(sizes, unknown=unknown)
    assert {name: one.leads for name, one in found.items()} == told
    for one in found.values():
        assert (one.value is None) == (one.leads < FEWEST_LEADS)
        assert one.rest is None or sum(told.values()) - one.leads >= FEWEST_LEADS
    if len(told) == 1:
        (one,) = found.values()
        assert (one.verdict, one.rest, one.ratio) == ("unknown", None, None)


@given(
    st.lists(st.sampled_from((0, 1, 2, SMALL, 30, 31, 90)), min_size=1, max_size=6),
    st.sampled_from((0, 1, SMALL, 30, 100)),
)
def test_no_few_leads_are_left_over(sizes, unknown):
    """What is known of all, less what is told of groups, is never that of a few of known group."""
    found = shown(sizes, unknown=unknown, rows=1)
    told = sum(one.leads for one in found.values() if one.value is not None)
    left = sum(sizes) - told
    assert left == 0 or left + unknown >= FEWEST_LEADS or sum(sizes) + unknown < FEWEST_LEADS
    parts = [one.leads for one in found.values() if one.value is not None]
    assert all(part >= FEWEST_LEADS for part in parts)


def test_one_group_alone_is_compared_with_none():
    """Why nothing can be said where all leads but a few are of one group."""
    (one,) = shown((500, 1)).values()
    assert one.why == "there are no two groups of 30 leads or more"
    (few,) = shown((3, 2)).values()
    assert few.why == f"5 leads in the group, {FEWEST_LEADS} are needed"
    assert (few.value, few.low, few.high, few.p) == (None, 0.0, 1.0, 1.0)


def test_just_enough_leads_are_judged():
    """With as many leads as are needed there is a ratio."""
    rows = [(0, at, at % 2) for at in range(500)] + [(1, 500 + at, at % 2) for at in range(30)]
    assert exactly(rows).ratio == 1.0


def test_how_many_leads_would_tell():
    """With so many leads as are said to be needed, and the same rates, it can be told."""
    few = [(0, at, at % 5 < 2) for at in range(300)] + [
        (1, 300 + at, at % 5 < 1) for at in range(60)
    ]
    found = exactly(few)
    assert found.verdict == "unknown"
    assert found.why == f"60 leads are too few to tell, about {found.needed:,} would"
    times = int(np.ceil(found.needed / 60))
    more = [(g, lead + 1000 * k, came) for k in range(times) for g, lead, came in few]
    assert exactly(more).verdict == "apart"


def test_nothing_came_of_anybody():
    """Where nobody was selected at all, nothing can be compared."""
    found = exactly([(at % 2, at, 0) for at in range(200)])
    assert (found.verdict, found.why) == ("unknown", "it came to nothing for every lead")


@pytest.mark.parametrize("reached", [360, 250])
def test_alike_needs_both_ends_within_the_limit(reached):
    """Beside 30 of 100, 36 are 1.06 to 1.36 times as many and 25 are 0.72 to 0.96 times."""
    rows = [(0, at, at < 300) for at in range(1000)]
    rows += [(1, 1000 + at, at < reached) for at in range(1000)]
    found = exactly(rows)
    assert found.ratio_low is not None
    assert found.ratio_high is not None
    inside = [LEAST <= end <= 1 / LEAST for end in (found.ratio_low, found.ratio_high)]
    assert sorted(inside) == [False, True]
    assert found.verdict == "unknown"


def test_all_of_everybody():
    """Where everybody was, with leads enough, the groups are alike."""
    assert exactly([(at % 2, at, 1) for at in range(2000)]).verdict == "alike"


def test_rows_of_no_group_are_left_out():
    """A row whose group is not known is in neither side."""
    known = drawn(np.random.default_rng(9), 600, ratio=0.7)
    more = GroupMeasure(
        "trait", "selected", NAMES,
        np.append(known.group, np.full(500, -1)),
        np.append(known.lead, 10_000 + np.arange(500)),
        np.append(known.came, np.ones(500)),
    )  # fmt: skip
    assert compared_groups([more], LEAST) == compared_groups([known], LEAST)


def test_weights():
    """A row that counts twice moves the figures as two do; a weight of 0 is no row."""
    rng = np.random.default_rng(10)
    base = drawn(rng, 500, ratio=0.7)
    heavy = np.where(base.lead % 2, 2.0, 1.0)
    found = of_b(replace(base, weight=heavy))
    of_group = base.group == 1
    assert found.value == pytest.approx(np.average(base.came[of_group], weights=heavy[of_group]))
    none = np.where(base.lead < 250, 1.0, 0.0)
    half = replace(
        base, **{k: getattr(base, k)[base.lead < 250] for k in ("group", "lead", "came")}
    )
    assert of_b(replace(base, weight=none)).ratio == pytest.approx(of_b(half).ratio)


def test_calibration_is_a_gap_and_a_ratio():
    """Chances of a tenth of which a fifth came: a tenth too little was said."""
    lead = np.arange(1000)
    came = np.where(lead < 500, lead % 10 == 0, lead % 5 == 0).astype(float)
    group = (lead >= 500).astype(np.int64)
    said = np.full(1000, 0.1)
    found = of_b(GroupMeasure("t", "calibration", NAMES, group, lead, came, said))
    assert (found.value, found.rest, found.ratio) == pytest.approx((-0.1, 0.0, 2.0))
    low, high = wilson(100, 500)
    assert (found.low, found.high) == pytest.approx((0.1 - high, 0.1 - low), abs=2e-3)


def test_chances_that_are_off_for_all_are_no_difference():
    """Where chances are half of what comes for everybody, no group is apart."""
    rng = np.random.default_rng(11)
    found = [of_b(foreseen(rng, 4000, 1.0, everywhere=2.0)) for _ in range(40)]
    assert "apart" not in {one.verdict for one in found}
    assert all(one.value < -0.1 for one in found)


def test_the_limit_decides():
    """What is apart by four fifths is alike by a half."""
    measured = drawn(np.random.default_rng(12), 20_000, rate=0.3, ratio=0.65)
    assert of_b(measured, 0.8).verdict == "apart"
    assert of_b(measured, 0.5).verdict == "alike"


def test_false_discoveries_are_held_over_all():
    """A figure that would be apart by itself is not, among many of groups that are alike."""
    rng = np.random.default_rng(13)
    alone = next(
        one for one in (drawn(rng, 700, rate=0.2, ratio=0.55) for _ in range(500))
        if 0.02 < of_b(one).p < 0.05
    )  # fmt: skip
    assert of_b(alone).verdict == "apart"
    others = [drawn(rng, 700, rate=0.2) for _ in range(10)]
    assert compared_groups([alone, *others], LEAST)[1].verdict == "unknown"


# ------------------------------------------------------------------------------ false discoveries


@given(st.lists(st.integers(0, 200), max_size=30))
def test_discoveries_beside_the_definition(thousandths):
    """All up to the largest k of which the k-th smallest is at most k/n of the level."""
    p = [Fraction(one, 1000) for one in thousandths]
    limit = Fraction(-1)
    for k, one in enumerate(sorted(p), start=1):
        if one <= Fraction(k, len(p)) * Fraction(1, 20):
            limit = one
    found = discoveries(np.array([float(one) for one in p]))
    assert found.tolist() == [one <= limit for one in p]


def test_published_example():
    """The fifteen values of the paper's example: four are rejected at 5 %."""
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240,
         0.4262, 0.5719, 0.6528, 0.7590, 1.0000]  # fmt: skip
    assert discoveries(np.array(p)).sum() == 4
