"""How chances moved with outcomes, told of a typical lead."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from features.store.kept.recalibrations import KeptMove
from models.recalibrated import typical_log_odds
from serving.process.judged.moved import movements


def keep_moves(service, moves) -> None:
    service.store.recalibrations.add(service.scorer.bundle.hash, moves)
    service.refresh()


def test_nothing_is_known_yet(own, bare):
    """Chances stand as they were trained; without a model there are none."""
    assert movements(bare) == []
    found = movements(own)
    assert [one.goal for one in found] == ["advancement", "purchase"]
    for one in found:
        assert (one.outcomes, one.now, one.turned) == (0, one.trained, 1.0)
        assert (one.is_far, one.course) == (False, ())


def test_a_typical_lead_s_chance(own):
    """From what it was trained to be to what outcomes made of it, and whether that is far."""
    typical, now = typical_log_odds(own.scorer.model.track.bundle, "advancement"), own.clock()
    keep_moves(
        own,
        [
            KeptMove("advancement", now - 2_000_000, 0.2, 1.0, 10),
            KeptMove("advancement", now - 1_000_000, 0.9, 1.0, 25),
            KeptMove("advancement", now + 9_000_000_000, -3.0, 1.0, 99),  # not known yet
        ],
    )
    moved, still = movements(own)
    assert moved.trained == pytest.approx(float(expit(typical)))
    assert logit(moved.now) == pytest.approx(typical + 0.9)
    assert (moved.outcomes, moved.is_far) == (25, True)
    assert [one.outcomes for one in moved.course] == [10, 25]
    assert (still.outcomes, still.is_far) == (0, False)


def test_a_long_way_is_told_at_some_points(own):
    """Of thousands of moves the first and the last are among those that are told."""
    now = own.clock()
    keep_moves(
        own,
        [
            KeptMove("purchase", now - (3000 - at) * 1_000_000, 0.0001 * at, 1.0, at + 1)
            for at in range(2000)
        ],
    )
    course = movements(own)[1].course
    assert len(course) <= 80
    assert (course[0].outcomes, course[-1].outcomes) == (1, 2000)
    assert np.all(np.diff([one.known_at for one in course]) > 0)
