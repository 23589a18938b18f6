"""The evidence by itself: tests have their level, and each part of a cause is needed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from features.funnel.depth import Depths
from features.funnel.drops import Drops
from features.funnel.stays import stays_of
from models.judging.funnel.causes.evidence import (
    Observed,
    began_of,
    below_p,
    depth_evidence,
    depth_p,
    jump_evidence,
    share_of,
)
from tests.models.judging.funnel.planted import DropOff, drop_off_log

N = 900
WORLD = DropOff("jump", N)


@pytest.fixture(scope="module")
def seen():
    """A jump: all that speaks for it is there."""
    log = drop_off_log(WORLD, 1)
    stays = stays_of(log, WORLD.ladder).at(2)
    rng = np.random.default_rng(1)
    began = rng.random(N) < 0.85
    no = np.zeros(N, dtype=np.bool_)
    rank = (rng.permutation(N) + 0.5) / N
    return Observed(
        goal=2,
        ladder=WORLD.ladder,
        stays=stays,
        went=began & (rng.random(N) < 0.25),
        brought=rng.normal(size=(N, 2)),
        came_in_days=np.full(N, 2.0),
        drops=Drops(np.ones(N, np.int64), ~no, ~no, no, began, no, no),
        depths=Depths(rank, 1.0 + rank, ("asset_used minutes",)),
        least=0.4,
    )


def jump_p(seen, **changed):
    return jump_evidence(replace(seen, **changed))["p"]


def test_all_of_it_is_a_jump(seen):
    """Sure, as each part is."""
    assert jump_p(seen) < 0.001


def test_each_part_of_a_jump_is_needed(seen):
    """Effort, beginning, stopping then, deep users stopping too, whoever they are."""
    light = replace(seen.ladder, max_effort_jump=50.0)
    assert jump_p(seen, ladder=light) is None
    drops = seen.drops
    third = np.arange(N) % 3 == 0  # few begin: most stop before
    few = replace(drops, begun=third)
    assert (jump_p(seen, drops=few, went=third & (np.arange(N) % 12 == 0)) or 1.0) > 0.9
    begin = np.arange(N) % 5 > 0  # most of those that stop began, yet who begins goes on
    go_on = begin & ((np.arange(N) * 7) % 20 < 9)
    assert 0.34 < go_on.mean() < 0.38
    assert (jump_p(seen, drops=replace(drops, begun=begin), went=go_on) or 1.0) > 0.7
    rank = seen.depths.rank
    deep_go = seen.went | ((rank >= 2 / 3) & (np.arange(N) % 4 == 0))
    assert deep_go.mean() < 0.3
    assert (jump_p(seen, went=deep_go) or 1.0) > 0.2
    software = seen.stays.where("industry", "software")
    some_go = seen.went | (software & (np.arange(N) % 3 == 0))
    assert some_go.mean() < 0.35
    assert jump_p(seen, went=some_go) is None
    healthy = seen.went | (np.arange(N) % 3 == 0)
    assert (jump_p(seen, went=healthy) or 1.0) > 0.05


def test_unknown_depth_is_not_held_against_a_jump(seen):
    """Where no measure is known, the rest of it decides."""
    unknown = Depths(np.full(N, np.nan), np.full(N, np.nan), ())
    assert jump_p(seen, depths=unknown) < 0.001
    told = depth_evidence(replace(seen, depths=unknown))
    assert (told["known"], told["p"], told["if_all_deep"]) == (0, None, None)
    assert (told["deep"]["value"], told["deep"]["leads"]) == (None, 0)
    assert told["deep"]["high"] - told["deep"]["low"] > 0.999


def test_heavier_offers_are_evidence_of_their_own(seen):
    """Where leads were asked more or less, and fewer of the former go on; not the reverse."""
    light = replace(seen.ladder, max_effort_jump=50.0)
    offer = 1 + (np.arange(N) % 2)
    drops = replace(seen.drops, offer=offer)
    less = seen.went & ((offer == 2) | (np.arange(N) % 4 == 1))
    found = jump_evidence(replace(seen, ladder=light, drops=drops, went=less))
    assert found["heavier_goes_on_less"]
    assert (found["p"] or 1.0) < 0.01
    more = seen.went & (offer == 1)
    found = jump_evidence(replace(seen, ladder=light, drops=drops, went=more))
    assert found["heavier_goes_on_less"] is False
    assert jump_evidence(seen)["heavier_goes_on_less"] is None


def test_to_have_seen_is_to_begin_where_nothing_else_is_told():
    """Else it is what the lead did, or refused; who went on began."""
    no = np.zeros(4, dtype=np.bool_)
    one = np.array([True, False, False, False])
    drops = Drops(np.zeros(4, np.int64), no, ~no, no, no, no, no)
    assert began_of(drops, no).tolist() == [True] * 4
    assert began_of(replace(drops, begun=one), no).tolist() == one.tolist()
    assert began_of(replace(drops, turned=one), no).tolist() == one.tolist()
    assert began_of(replace(drops, declined=one), no).tolist() == one.tolist()
    assert began_of(replace(drops, begun=one), ~one).tolist() == [True] * 4


def test_deep_users_that_go_on(seen):
    """A slope that closes half of the gap is named; one that closes less is not, however sure."""
    rng = np.random.default_rng(2)
    rank = seen.depths.rank
    steep = replace(seen, went=rng.random(N) < 0.1 + 0.4 * rank)
    assert (depth_evidence(steep)["p"] or 1.0) < 0.001
    slight = replace(seen, went=rng.random(N) < 0.02 + 0.2 * rank)
    assert depth_p(rank, seen.brought, slight.went) < 0.001
    assert (depth_evidence(slight)["p"] or 1.0) > 0.1
    reverse = replace(seen, went=rng.random(N) < 0.5 - 0.4 * rank)
    assert (depth_evidence(reverse)["p"] or 1.0) > 0.99


def test_depth_is_judged_beside_what_was_brought():
    """Who did more of all before uses more and goes on more: no evidence of value."""
    found, plain = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        keen = rng.normal(size=400)
        rank = np.argsort(np.argsort(keen + rng.normal(size=400))) / 400.0
        went = rng.random(400) < 1.0 / (1.0 + np.exp(1.2 - 1.2 * keen))
        found.append(depth_p(rank, keen[:, None], went))
        plain.append(depth_p(rank, np.zeros((400, 0)), went))
    assert np.mean(np.array(found) < 0.05) < 0.15
    assert np.mean(np.array(plain) < 0.05) > 0.9


def test_below_p_is_that_of_the_binomial():
    """As the exact test, where there are many; one that says nothing without any."""
    went = np.arange(500) < 170
    exact = binomtest(170, 500, 0.4, alternative="less").pvalue
    assert below_p(went, 0.4) == pytest.approx(exact, rel=0.15)
    assert below_p(went[:0], 0.4) == 1.0
    assert below_p(~went, 0.4) > 0.99


def test_a_share():
    """With its interval, and null without anybody."""
    told = share_of(np.array([True, False, False, False]))
    assert told["value"] == 0.25
    assert told["low"] < 0.25 < told["high"]
    assert share_of(np.zeros(0, dtype=np.bool_))["value"] is None


def test_completion_by_fields_is_of_those_who_were_asked(seen):
    """One assessment asks for five fields and one for one; the others were asked nothing."""
    offer = np.repeat([1, 2, -1], N // 3)  # the second offer, the third, and none
    went = np.arange(N) % 10 < np.repeat([2, 6, 9], N // 3)
    told = jump_evidence(replace(seen, drops=replace(seen.drops, offer=offer), went=went))
    cells = {cell["fields"]: cell["went_on"] for cell in told["by_fields"]}
    assert [(fields, one["leads"]) for fields, one in cells.items()] == [(1, 300), (5, 300)]
    assert (cells[1]["value"], cells[5]["value"]) == pytest.approx((0.6, 0.2))
    assert told["effort_before"] == 21.0
    assert told["effort"] == pytest.approx((165.0 + 153.0) / 2)  # as many were asked for each
    assert told["ratio"] == pytest.approx(159.0 / 21.0)


def test_too_little_to_judge_depth_by():
    """Fifty leads of whom it is known, and ten that went on or stopped, are the fewest."""

    def p(known: int, came: int) -> float:
        went = np.zeros(60, dtype=np.bool_)
        went[(np.arange(came) * 11) % known] = True
        rank = np.where(np.arange(60) < known, (np.arange(60) + 0.5) / 60, np.nan)
        return depth_p(rank, np.zeros((60, 0)), went)

    assert [p(known, 20) == 1.0 for known in (49, 50, 60)] == [True, False, False]
    assert [p(60, came) == 1.0 for came in (9, 10, 50, 51)] == [True, False, False, True]
