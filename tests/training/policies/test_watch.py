"""What of a log a daily look counts: by rules that know no outcome, in values of a known range."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.ladder.ladder import EventRule, Gain
from models.judging.off_policy import Logged
from models.judging.off_policy_sequence import LeadBlocks
from tests.training.policies.scene import LADDER, drawn, exposed, log_of, us
from tests.training.policies.story import UNTIL, judged, learned, log
from training.policies.decisions import Decisions, drawn_decisions
from training.policies.watch import WatchedGain, Watching, watched_gain, watching


def decisions_at(*days: float) -> Decisions:
    """Decisions of one lead."""
    events = [one for day in days for one in exposed(drawn("ann", day))]
    return drawn_decisions(log_of(events), LADDER, us(400))


def test_a_block_takes_a_third_of_the_longest_window():
    """Purchases take 21 days here: a block takes decisions of 7 days, and is due after 28."""
    found = watching(LADDER, decisions_at(10.0, 16.9, 17.1, 38.5), us(5), us(390))
    assert found.blocks.block.tolist() == [0, 0, -1, 1]
    early = watching(LADDER, decisions_at(10.0, 16.9, 17.1, 38.5), us(5), us(37.9))
    assert early.blocks.block.tolist() == [-1] * 4
    due = watching(LADDER, decisions_at(10.0, 16.9, 17.1, 38.5), us(5), us(38.1))
    assert due.blocks.block.tolist() == [0, 0, -1, -1]


def test_how_many_a_block_holds_is_known_before():
    """As many as nine in ten of the blocks before the period had; 4 where there were none."""
    before = [10.0, 10.5, 11.0, 11.5, 12.0, 12.5]
    after = [100.0 + day / 10 for day in range(10)]
    found = watching(LADDER, decisions_at(*before, *after), us(50), us(390))
    assert found.blocks.most == 6
    assert found.blocks.block.tolist() == [0] * 6 + [-1] * 4
    alone = watching(LADDER, decisions_at(*after), us(50), us(390))
    assert alone.blocks.most == 4
    many = watching(LADDER, decisions_at(*np.linspace(10, 16, 40), *after), us(50), us(390))
    assert many.blocks.most == 12


def test_between_what_values_lie():
    """Purchases are 0 or 1; of amounts those that were known when the period began tell."""
    found = watching(LADDER, decisions_at(10.0, 100.0), us(50), us(390))
    assert (found.lowest, found.highest) == (0.0, 1.0)
    gains = replace(LADDER, value=replace(LADDER.value, gains=(Gain(EventRule("order"), 7.0),)))
    decisions = decisions_at(10.0, 45.0, 100.0)
    decisions.value[:] = [30.0, 80.0, 500.0]  # of the second nothing is known yet at day 50
    found = watching(gains, decisions, us(50), us(390))
    assert (found.lowest, found.highest) == (0.0, 30.0)
    decisions.value[0] = 0.0
    found = watching(gains, decisions, us(50), us(390))
    assert (found.lowest, found.highest) == (None, None)


def amounts(
    n: int, low: float | None, high: float | None, cost: float = 1.0, reach: float = 1.0
) -> WatchedGain | None:
    """Decisions drawn evenly, of which one option brings amounts up to 100."""
    rng = np.random.default_rng(0)
    chosen = rng.integers(0, 2, n)
    shown = np.random.default_rng(1).random(n) < reach
    value = rng.choice([0.0, 20.0, 100.0], n) * (chosen == 0)
    logged = Logged(np.full((n, 2), 0.5), chosen, value, np.arange(n))
    return watched_gain(
        logged,
        rng.normal(size=(n, 2)),
        Watching(LeadBlocks(np.arange(n), 1), low, high),
        (np.tile([0.9, 0.1], (n, 1)), logged.probability),
        worth=1.0,
        cost=np.array([cost, 0.0]),
        paid=np.where(shown & (chosen == 0), cost, 0.0),
        binary=False,
    )


def test_what_was_not_shown_is_not_paid_for():
    """A cost of 60 is taken off where it was paid alone, and a value may then be the whole 100."""
    whole, some = (amounts(2000, 0.0, 100.0, 60.0, reach) for reach in (1.0, 0.5))
    assert whole is not None
    assert some is not None
    assert whole.low < 0.4 * (40.0 - 60.0) < whole.high
    assert some.low < 0.4 * (40.0 - 30.0) < some.high


def test_where_all_is_paid_for_it_is_surer_sooner():
    """Nothing can be worth the whole 100 then; one of 2,000 that was not shown, and it can."""
    whole, but_one = (amounts(2000, 0.0, 100.0, 60.0, reach) for reach in (1.0, 0.9995))
    assert whole is not None
    assert but_one is not None
    assert whole.high - whole.low < 0.9 * (but_one.high - but_one.low)


def test_amounts_beyond_the_range_count_as_its_end():
    """They are counted, and the gain is that of amounts cut there, less what options cost."""
    found, cut = amounts(2000, 0.0, 100.0), amounts(2000, 0.0, 20.0)
    assert found is not None
    assert cut is not None
    assert (found.leads, found.decisions, found.beyond) == (2000, 2000, 0)
    assert found.low < 0.4 * 40.0 - 0.4 < found.high  # a third each of 0, 20 and 100
    assert cut.low < 0.4 * 40.0 / 3 - 0.4 < cut.high
    assert cut.high < found.value
    assert 200 < cut.beyond < 500
    assert found.better_after is not None
    assert 1 < found.better_after < 200
    assert found.worse_after is None


def test_what_an_option_costs_is_taken_off():
    """A policy that chooses the costly option so much more often pays for just that."""
    dear, free = amounts(500, 0.0, 100.0, cost=5.0), amounts(500, 0.0, 100.0, cost=0.0)
    assert dear is not None
    assert free is not None
    assert dear.value - free.value == pytest.approx(-0.4 * 5.0)


def test_without_earlier_amounts_the_first_leads_tell_their_range():
    """Fifty leads are given up for it, whatever comes later."""
    found = amounts(500, None, None)
    assert found is not None
    assert (found.leads, found.left_out, found.highest) == (450, 50, 100.0)
    assert amounts(50, None, None) is None


def test_nothing_is_due():
    """A period that has just begun says nothing, and the report says so."""
    assert learned().watch is not None
    assert judged(until=us(70.0)).watch is None


def test_a_daily_look_keeps_what_was_said():
    """A later look counts the leads of the earlier ones, with the same figures, and more."""
    looks = [judged(until=us(day)).watch for day in (78.3, 78.7, UNTIL)]
    counted = [one.leads for one in looks if one is not None]
    assert len(counted) == 3
    assert counted == sorted(set(counted))
    whole = learned().watch
    assert whole == looks[-1]
    decisions = drawn_decisions(log(), LADDER, us(UNTIL))
    some = [watching(LADDER, decisions, us(30.0), us(day)).blocks.block for day in (78.5, UNTIL)]
    early = some[0] >= 0
    assert early.any()
    assert (some[0][early] == some[1][early]).all()


@pytest.mark.parametrize("name", ["uniform", "only:clip"])
def test_the_watch_tells_the_gain_that_is_estimated(name):
    """With one decision a lead in the period it is near what the single look tells."""
    found = judged(name)
    assert found.watch is not None
    dr = found.assessment.gain.dr
    assert abs(found.watch.value - dr.value) <= 2.0 * dr.error
    assert found.watch.low < dr.low <= dr.high < found.watch.high or name == "uniform"
