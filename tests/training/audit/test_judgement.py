"""Outcomes are known, pending or left out; verdicts follow from them."""

import numpy as np
import pytest

from features.errors import NotEnoughData
from features.events.log import DAY_US
from features.ladder.words import in_percent
from training.audit.judgement import audit, judged_rows
from training.audit.page import audit_page
from training.audit.scores_file import ScoreRows

HORIZON = 90


def rows_of(leads, score, at, scale="points"):
    none = np.zeros(len(leads), dtype=np.int64)
    at = np.array(at, dtype=np.int64)
    return ScoreRows(tuple(leads), np.array(score, dtype=float), at, scale, none == 1, none)


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


def test_a_random_order_calls_as_many_each_week():
    """Quiet weeks are called whole, and were the best: a loop over weeks says what chance finds."""
    rng = np.random.default_rng(2)
    sizes, rates = (40, 40, 600, 600), (0.5, 0.4, 0.02, 0.03)
    week = np.repeat(np.arange(4), sizes)
    happened = rng.random(len(week)) < np.repeat(rates, sizes)
    leads = [str(at) for at in range(len(week))]
    at = week * 7 * DAY_US
    won = {lead: int(when) + 1 for lead, when, y in zip(leads, at, happened, strict=True) if y}
    for score in (rng.random(len(week)), np.ones(len(week))):
        judged = judged_rows(rows_of(leads, score, at), won, 200 * DAY_US, HORIZON)
        found = audit(judged, "points", until=200 * DAY_US, horizon_days=HORIZON, capacity=50)
        expected = 0.0
        for one in range(4):
            wins = happened[week == one].sum()
            expected += wins * min(50, sizes[one]) / sizes[one] / happened.sum()
        assert found.by_chance == pytest.approx(expected)
        said = next(one for one in found.verdicts if one.startswith("Calling"))
        assert f"a random order finds {in_percent(expected)}." in said
        assert said.startswith("Calling the best 50 of each week, 180 of 1,280 leads, finds ")
    assert found.found == pytest.approx(expected)


def test_rung_knows_too_few():
    """Of fewer than 20 that won, Rung is not held against the scores, and that is said."""
    score, won = world()
    leads, at = [str(one) for one in range(len(score))], np.zeros(len(score), dtype=np.int64)
    wins = {lead: DAY_US for lead, y in zip(leads, won, strict=True) if y}
    judged = judged_rows(rows_of(leads, score, at), wins, 100 * DAY_US, HORIZON)
    for known, is_enough in ((19, False), (20, True)):
        rung = np.where((np.cumsum(judged.happened) <= known), score, np.nan)
        found = audit(
            *(judged, "probability"),
            until=100 * DAY_US,
            horizon_days=HORIZON,
            capacity=0.2,
            rung=rung,
        )
        assert found.unknown_to_rung is not is_enough
        said = " ".join(found.verdicts)
        assert ("Rung knows too few of these leads" in said) is not is_enough
        assert ("Rung puts the winner higher" in said) is is_enough


def test_nearly_all_is_not_all():
    """A share is 0 or 100 % of nothing and of all alone, and one win is one."""
    n = 1200
    happened = np.arange(n) < 240
    score = np.where(happened, 2.0, 1.0)
    score[0] = 0.0
    said = next(one for one in judge(score, happened, "points").verdicts if "Calling" in one)
    assert "finds over 99 % of the 240 wins" in said
    assert said.endswith(" 1 win is missed.")


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
