"""Part of a log: the same leads each time, some of each step, told of as in the whole."""

from __future__ import annotations

import numpy as np

from features.funnel.sample import lot_of, sampled
from features.funnel.stays import stays_of
from tests.models.judging.funnel.planted import DropOff, drop_off_log


def test_a_small_log_is_taken_whole():
    """Nothing is copied."""
    world = DropOff("value", leads=200)
    log = drop_off_log(world, 1)
    stays = stays_of(log, world.ladder)
    assert sampled(log, stays) == (log, stays)
    assert sampled(log, stays, 200) == (log, stays)


def test_a_part_of_a_log():
    """Its leads' events and stays are theirs in the whole, and each step has its part."""
    world = DropOff("value", leads=600)
    log = drop_off_log(world, 1)
    stays = stays_of(log, world.ladder)
    part, own = sampled(log, stays, 200)
    assert part.leads == own.leads
    assert set(part.leads) < set(log.leads)
    again = stays_of(part, world.ladder, stays.until)
    assert again.entered.tolist() == own.entered.tolist()
    assert again.lead.tolist() == own.lead.tolist()
    assert again.goal.tolist() == own.goal.tolist()
    for goal in range(len(world.ladder.goals)):
        there = len(np.unique(stays.at(goal).lead))
        assert len(np.unique(own.at(goal).lead)) >= min(there, 50)
    assert sampled(log, stays, 200)[0].leads == part.leads


def test_the_lottery_does_not_follow_the_numbers():
    """Each number has a place of its own, unrelated to the next one's."""
    lots = lot_of(np.arange(2000))
    assert len(set(lots.tolist())) == 2000
    assert (lots >= 0).all()
    assert abs(np.corrcoef(np.arange(2000), lots)[0, 1]) < 0.08
