"""The share within a horizon where not everybody was followed to its end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.judging.funnel.incidence import Incidence, Waited, incidence, quantiles
from models.judging.intervals import wilson
from tests.oracles.stay_oracle import oracle_incidence

HORIZON = 10


def waited(rows: list[tuple[int, bool]], group: list[int] | None = None, lead=None) -> Waited:
    """Leads that were followed for up to `HORIZON`; who was not to its end has not gone on yet."""
    took = np.array([took for took, _ in rows], dtype=np.int64)
    advanced = np.array([went for _, went in rows], dtype=np.bool_)
    return Waited(
        took=took,
        advanced=advanced,
        is_mature=advanced | (took >= HORIZON),
        group=np.array(group or [0] * len(rows), dtype=np.int64),
        lead=np.arange(len(rows)) if lead is None else np.array(lead),
    )


rows = st.lists(st.tuples(st.integers(0, HORIZON), st.booleans()), min_size=1, max_size=25)


@given(st.lists(rows, min_size=1, max_size=4))
def test_share_is_kaplan_and_meiers(groups):
    """Each group by itself, in any order of the rows."""
    flat = [(at, row) for at, rows in enumerate(groups) for row in rows]
    flat = flat[::2] + flat[1::2]
    found = incidence(waited([row for _, row in flat], [at for at, _ in flat]), len(groups))
    for at, held in enumerate(groups):
        over = any(went or took == HORIZON for took, went in held)
        stayed = any(took == HORIZON and not went for took, went in held)
        known = over and (stayed or all(went or took == HORIZON for took, went in held))
        assert np.isnan(found.value[at]) != known
        if known:
            assert found.value[at] == pytest.approx(float(oracle_incidence(held)))
            assert found.low[at] <= found.value[at] <= found.high[at]
        else:
            assert found.high[at] == 1.0


@given(st.integers(1, 60), st.data())
def test_all_followed_is_wilsons_interval_of_their_share(count, data):
    went = data.draw(st.integers(0, count))
    rows = [(at % HORIZON, True) for at in range(went)] + [(HORIZON, False)] * (count - went)
    found = incidence(waited(rows), 1)
    assert found.value[0] == pytest.approx(went / count)
    assert found.effective[0] == pytest.approx(count)
    assert (found.low[0], found.high[0]) == pytest.approx(wilson(float(went), float(count)))


def test_where_nobody_went_on_the_share_is_no_negative_zero():
    """It is printed: -0.0 % would ask what it means."""
    found = incidence(waited([(HORIZON, False)] * 3), 1)
    assert str(float(found.value[0])) == "0.0"
    assert str(float(found.low[0])) == "0.0"


def test_those_who_still_have_time_count_for_less():
    """Half of 100 followed to the end went on; 100 more, seen for a moment, tell nothing."""
    whole = [(5, True)] * 50 + [(HORIZON, False)] * 50
    alone = incidence(waited(whole), 1)
    beside = incidence(waited(whole + [(1, False)] * 100), 1)
    for name in Incidence.__slots__:
        assert getattr(beside, name)[0] == pytest.approx(getattr(alone, name)[0])
    half = incidence(waited(whole + [(7, False)] * 100), 1)
    assert half.value[0] == pytest.approx(50 / 200 + 0.0)
    assert 100 < half.effective[0] <= 200


def test_who_went_on_early_says_nothing_of_the_last_days():
    """Of days in which nobody was left to be seen the share is not known, nor a low one sure."""
    early, waiting = [(1, True)] * 5, [(7, False)] * 23
    open_ = incidence(waited(early + waiting), 1)
    assert np.isnan(open_.value[0])
    assert open_.high[0] == 1.0
    assert 0.0 < open_.low[0] < 5 / 28
    one_more = incidence(waited([*early, *waiting, (HORIZON, False)]), 1)
    assert one_more.value[0] == pytest.approx(5 / 29)
    # Where eight of ten go on in those days it is one in five who stays.
    assert one_more.high[0] > 0.8
    assert one_more.effective[0] < 3
    assert one_more.low[0] == pytest.approx(open_.low[0], abs=0.02)
    # Nor is it sure that all do, as the one did who was left.
    assert incidence(waited([*early, *waiting, (9, True)]), 1).low[0] < 0.4
    assert incidence(waited(early), 1).value[0] == 1.0


@pytest.mark.parametrize("share", [0.1, 0.4, 0.8])
@pytest.mark.parametrize("mature", [0.03, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("late", [1, 8])
def test_intervals_hold_what_was_planted(share, mature, late):
    """Also where few of 100 were followed to the end: by Greenwood's variance 31 of 100 did not.

    Each side may miss 2.5 of 100, and Wilson's misses somewhat more where all are followed.
    """
    draw, size = np.random.default_rng(7), (1500, 100)
    goes = np.where(draw.random(size) < share, draw.beta(late, 1, size), 2.0)
    followed = np.where(draw.random(size) < mature, 1.0, 0.7 + 0.2 * draw.random(size))
    advanced = goes < followed
    held = Waited(
        took=(1000 * np.minimum(goes, followed)).astype(np.int64).ravel(),
        advanced=advanced.ravel(),
        is_mature=(advanced | (followed == 1.0)).ravel(),
        group=np.repeat(np.arange(size[0]), size[1]),
        lead=np.arange(advanced.size),
    )
    found = incidence(held, size[0])
    assert (found.low > share).mean() < 0.06
    assert (found.high < share).mean() < 0.06


def test_what_a_lead_has_twice_counts_once():
    rows = [(5, True)] * 20 + [(HORIZON, False)] * 20
    alone = incidence(waited(rows), 1)
    twice = incidence(waited(rows * 2, lead=[*range(40), *range(40)]), 1)
    assert twice.value[0] == pytest.approx(alone.value[0])
    assert twice.effective[0] == pytest.approx(alone.effective[0])


def test_a_group_without_anybody():
    found = incidence(waited([(1, True)], [1]), 3)
    assert np.isnan(found.value).tolist() == [True, False, True]
    assert found.low.tolist()[::2] == [0.0, 0.0]
    assert found.high.tolist()[::2] == [1.0, 1.0]


def test_quantiles_are_of_those_who_go_on():
    rows = [(1, True), (2, True), (4, True), (8, True), (HORIZON, False), (HORIZON, False)]
    assert quantiles(waited(rows), (0.25, 0.5, 0.75, 0.9)) == [1.0, 2.0, 4.0, 8.0]
    # Two that could be seen for 3 only: whoever goes on later stands for them as well.
    censored = [*rows, (3, False), (3, False), (3, False), (3, False)]
    assert quantiles(waited(censored), (0.5,)) == [4.0]
    assert quantiles(waited([(3, False)]), (0.5, 0.9)) == [None, None]


def test_what_a_lead_has_counts_once_in_each_group():
    """Leads that came twice, in two groups and in order: each group is what it is alone."""
    came = [(5, True)] * 3 + [(HORIZON, False)] * 5
    lead = [one for one in range(8) for _ in range(2)]
    alone = incidence(waited(came), 1)
    in_order = incidence(waited([came[one] for one in lead], lead=lead), 1)
    assert in_order.effective[0] == pytest.approx(alone.effective[0])
    for order in (lead, lead[::-1]):
        twice = [came[one] for one in order]
        found = incidence(waited([*twice, *twice], [0] * 16 + [1] * 16, [*order, *order]), 2)
        for name in Incidence.__slots__:
            one = getattr(alone, name)[0]
            assert getattr(found, name).tolist() == pytest.approx([one, one])


def test_one_alone_in_its_group_is_one_lead():
    """However often the leads of another group came."""
    came = [(HORIZON, False), (5, True), (5, True), (HORIZON, False)]
    found = incidence(waited(came, [0, 1, 1, 1], lead=[7, 2, 2, 3]), 2)
    assert found.effective[0] == pytest.approx(1.0)
    assert (found.low[0], found.high[0]) == pytest.approx(wilson(0.0, 1.0))


def test_quantiles_where_everybody_goes_on():
    """Nobody is left then, and half of them is half of all."""
    rows = [(1, True), (2, True), (4, True), (8, True)]
    assert quantiles(waited(rows), (0.25, 0.5, 0.75, 1.0)) == [1.0, 2.0, 4.0, 8.0]
