"""Outcomes are known, pending or left out; verdicts follow from them."""

import numpy as np
import pytest

from features.errors import NotEnoughData
from features.events.log import DAY_US
from training.audit.judgement import audit, judged_rows
from training.audit.page import audit_page
from training.audit.scores_file import ScoreRows

HORIZON = 90


def rows_of(leads, score, at, scale="points"):
    none = np.zeros(len(leads), dtype=np.int64)
    at = np.array(at, dtype=np.int64)
    return ScoreRows(tuple(leads), np.array(score, dtype=float), at, scale, False, none == 1, none)


def judge(score, happened, scale="probability", late=0):
    """An audit of leads on a hundred days, `late` of which were scored after they had won."""
    leads = [str(at) for at in range(len(score))]
    at = np.arange(len(score)) % 100 * DAY_US
    won = {lead: int(when) + DAY_US for lead, when, y in zip(leads, at, happened, strict=True) if y}
    won |= dict.fromkeys(list(won)[:late], 0)
    until = 200 * DAY_US
    judged = judged_rows(rows_of(leads, score, at, scale), won, until, HORIZON)
    return audit(judged, scale, until=until, horizon_days=HORIZON, capacity=0.2)


def world(n=2000, seed=1):
    rng = np.random.default_rng(seed)
    score = rng.beta(1.2, 4, n)
    return score, rng.random(n) < score


def test_outcomes():
    """Won in time, won too late, pending though won, won before, scored after the end, again."""
    at = [0, 0, 50, 10, 300, 20]
    rows = rows_of("abcdea", range(6), [day * DAY_US for day in at])
    won = {"a": 30 * DAY_US, "b": 95 * DAY_US, "c": 60 * DAY_US, "d": 10 * DAY_US, "z": 5 * DAY_US}
    judged = judged_rows(rows, won, 100 * DAY_US, HORIZON)
    assert dict(zip(judged.leads, judged.happened, strict=True)) == {"a": 1.0, "b": 0.0}
    assert judged.counts == {
        "leads": 5, "repeated_scores": 1, "won_before_score": 1, "dated_after_until": 1,
        "pending": 1, "won": 1, "not_won": 1, "won_unscored": 1,
    }  # fmt: skip
    assert (judged.winners, judged.late) == (4, 1)


def test_sound_scores():
    """Scores that are what they say are told so, with what calling by them finds."""
    found = judge(*world())
    assert found.faults == ()
    assert found.verdicts[0] == "Nothing was found to be wrong with these scores."
    assert "Calling the best 400 of 2,000 leads finds" in found.verdicts[2]


def test_faults_are_named():
    """Each planted fault has its sentence."""
    score, won = world()
    assert "too high" in judge(np.minimum(score + 0.2, 0.99), won).verdicts[0]
    assert "on their head" in judge(1000 - 1000 * score, won, "points").verdicts[0]
    assert "on the day of the win or later" in judge(score, won, late=150).verdicts[0]
    shuffled = np.random.default_rng(3).permutation(score)
    assert "useless" in judge(1000 * shuffled, won, "points").faults


def test_few_wins():
    """Few wins accuse nobody, and the answer is how many more it takes."""
    found = judge(np.linspace(0.9, 0.1, 300), np.arange(300) < 8)
    assert (found.faults, found.p_values) == ((), {})
    assert found.verdicts == (
        "Not enough data to judge these scores: 8 of 300 leads won in time. It takes about 12 more"
        " wins.",
    )


def test_nothing_is_over():
    """Where every horizon is running there is no verdict at all."""
    judged = judged_rows(rows_of("a", [1], [0]), {}, DAY_US, HORIZON)
    said = "of 1 with a score 1 has a horizon that is not over; wait until 90 days have passed"
    with pytest.raises(NotEnoughData, match=said):
        audit(judged, "points", until=DAY_US, horizon_days=HORIZON, capacity=0.2)


def test_page_needs_nothing_else():
    """The page holds every sentence, and asks nobody for anything; names in it are escaped."""
    found = judge(*world(400))
    page = audit_page(found, "<b>scores</b>")
    assert "&lt;b&gt;scores" in page
    assert "http" not in page
    assert "<script" not in page
    assert all(sentence in page for sentence in found.verdicts)
