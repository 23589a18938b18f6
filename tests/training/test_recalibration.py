"""Moves from a log: what counts when, whatever comes later, and that they serve."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.arrays import Ints
from features.events.log import DAY_US, EventLog
from features.ladder.ladder import EventRule
from models.bundle import Bundle
from models.recalibrated import GOALS, Recalibrated
from models.scores.goal_model import FitConfig
from models.scores.recalibration import Move
from tests.features.strategies import START_US
from tests.training.scene import APPLICATIONS, applications
from training import recalibration
from training.decision_points import Points, points_at, weekly_instants
from training.pipeline import TrainConfig, train
from training.recalibration import EVERY_US, _beside_silence, arrivals, recalibrate
from training.scores.evaluate import evaluate
from training.scores.results import AS_SERVED

UNTIL = START_US + 120 * DAY_US
END = START_US + 260 * DAY_US
QUICK = TrainConfig(FitConfig(folds=2, repeats=1))
SILENT = replace(APPLICATIONS, lost_when=(EventRule("never"),))
"""The same where nothing is said to lose a lead: no outcome is known before its horizon is over."""


@pytest.fixture(scope="module")
def log() -> EventLog:
    return applications(4, leads=700)


@pytest.fixture(scope="module")
def bundle(log) -> Bundle:
    return train(log, SILENT, until=UNTIL, config=QUICK)


@pytest.fixture(scope="module")
def points(log) -> Points:
    known = log.known_by(END)
    lead, as_of = weekly_instants(known, SILENT, START_US, END)
    return points_at(known, SILENT, lead, as_of)


def test_one_instant_a_lead_and_week(log):
    """Counted from when it was first known; none where nothing was learned of it for long."""
    lead, as_of = weekly_instants(log, SILENT, START_US, END)
    born = np.minimum.reduceat(log.known, log.starts[:-1])
    week = (as_of - born[lead]) // (7 * DAY_US)
    assert len(np.unique(np.stack([lead, week]), axis=1)[0]) == len(lead)
    assert ((as_of > START_US) & (as_of <= END)).all()
    dormant = round(SILENT.dormant_after_days * DAY_US)
    for one, when in zip(lead.tolist()[::97], as_of.tolist()[::97], strict=True):
        known = log.known[log.starts[one] : log.starts[one + 1]]
        assert when - known[known <= when].max() <= dormant
    # Every week in which it may be asked about has one, but for the first and the last.
    some = np.bincount(lead, minlength=len(log.leads))
    assert some.max() >= 10


@pytest.mark.parametrize("later", [END - 40 * DAY_US, END - 7 * DAY_US])
def test_what_comes_later_moves_no_instant(log, later):
    """The instants up to a moment are the same, however much is known by now."""
    known = log.known_by(later)
    before = weekly_instants(known, SILENT, START_US, later)
    after = weekly_instants(log, SILENT, START_US, later)
    names = [[of.leads[at] for at in one[0]] for of, one in ((known, before), (log, after))]
    first, second = (
        sorted(zip(name, one[1].tolist(), strict=True))
        for name, one in zip(names, (before, after), strict=True)
    )
    assert first == second


def test_with_score_at_it_is_the_first_of_the_week(log):
    """An instant at which the ladder says that leads are scored."""
    ladder = replace(SILENT, score_at=(EventRule("answered"),))
    lead, as_of = weekly_instants(log, ladder, START_US, END)
    answered = log.name == log.names.index("answered")
    of_lead = log.lead_of_rows()
    assert set(zip(lead.tolist(), as_of.tolist(), strict=True)) <= set(
        zip(of_lead[answered].tolist(), log.known[answered].tolist(), strict=True)
    )
    assert len(lead) > 100


@pytest.mark.parametrize("goal", GOALS)
def test_outcomes_count_when_their_horizon_is_over(log, bundle, points, goal):
    """In that order, only those that the bundle has not learned from, and none twice."""
    came = arrivals(log.known_by(END), bundle, goal, points, END)
    assert (np.diff(came.known_at) >= 0).all()
    assert ((came.known_at > UNTIL) & (came.known_at <= END)).all()
    assert ((came.weight > 0) & (came.weight <= 1)).all()
    delays = bundle.manifest["arrival_delays"]
    assert set((came.known_at - came.as_of).tolist()) <= {
        round(one.horizon_days * DAY_US) + delay
        for one, delay in zip(SILENT.goals, delays, strict=True)
    }
    assert 0 < came.happened.sum() < len(came.happened)


def test_points_of_a_lead_are_one_piece_of_evidence(log, bundle, points):
    """Of those whose horizons overlap the second counts half, the third a third."""
    came = arrivals(log.known_by(END), bundle, "purchase", points, END)
    assert {1.0, 0.5} < set(came.weight.tolist())


@pytest.mark.parametrize("earlier", [END - 1, END - 3 * DAY_US - 17, END - 30 * DAY_US, UNTIL])
def test_moves_are_a_function_of_what_was_known(log, bundle, earlier):
    """Those by an earlier instant are the first of those by a later one, to the last bit."""
    now, then = recalibrate(log, bundle, END), recalibrate(log, bundle, earlier)
    for goal in GOALS:
        assert then[goal] == [move for move in now[goal] if move.known_at <= earlier]
        assert len(now[goal]) > 20
        assert all(move.known_at % EVERY_US == 0 for move in now[goal])


@pytest.mark.parametrize("late_days", [0, 9])
def test_no_outcome_that_was_not_learned_from_is_left_out(log, bundle, points, late_days):
    """Those of leads that were asked about before the bundle learned, too, and of late reports."""
    delays = [one + late_days * DAY_US for one in bundle.manifest["arrival_delays"]]
    later = replace(bundle, manifest=bundle.manifest | {"arrival_delays": delays})
    moves = recalibrate(log, later, END)
    for goal in GOALS:
        came = arrivals(log.known_by(END), later, goal, points, END)
        last = moves[goal][-1]
        assert last.n == (came.known_at <= last.known_at).sum()
        assert moves[goal][0].known_at - EVERY_US <= came.known_at[0]


@pytest.fixture(scope="module")
def told_late(log) -> EventLog:
    """The log of a service that was down for three months: what happened came in on one day."""
    held_back = (log.known >= END - 92 * DAY_US) & (log.known < END - 2 * DAY_US)
    found: EventLog = replace(log, known=np.where(held_back, END - 2 * DAY_US, log.known))
    return found


def test_nothing_was_learned_for_months(log, bundle, told_late):
    """That nobody was told of a success makes none a failure: chances are what they were."""
    usual = recalibrate(log, bundle, END)["advancement"][-1]
    after = recalibrate(told_late, bundle, END)["advancement"][-1]
    assert abs(after.intercept - usual.intercept) < 0.15  # it was 0.49: two thirds of the odds
    assert after.n < usual.n


@pytest.mark.parametrize("days", [3, 30, 60, 86, 91.5])
def test_silence_moves_nothing_that_was_counted(bundle, told_late, days):
    """Before it, in it and after it moves are those that were found then, to the last bit."""
    earlier = END - round(days * DAY_US)
    now, then = (recalibrate(told_late, bundle, at) for at in (END, earlier))
    for goal in GOALS:
        assert then[goal] == [move for move in now[goal] if move.known_at <= earlier]


@pytest.mark.parametrize("leads", [20, 40, 80])
def test_a_log_of_few_leads_waits_for_nothing(leads):
    """Weeks without any news are usual there: what is known moves chances when it is known."""
    for seed in range(3):
        few = applications(20 + seed, leads=leads, days=400.0).known_by(END)
        waits = np.diff(np.unique(few.known // DAY_US))
        assert waits.max() > 7
        asked = np.arange(START_US, END, DAY_US)
        due, delay = asked + 30 * DAY_US, np.full(len(asked), 2 * DAY_US)
        silent, told = _beside_silence(few, SILENT, END, asked, due, delay)
        assert not silent.any()
        assert (told == due).all()


def test_a_silence_by_its_days(log):
    """It begins a week after the last day with news, and ends with the next one and its delay."""
    day, hour = DAY_US, DAY_US // 24
    daily = [at * day + hour for at in range(10 - 60, 11)]
    some = _only(log, [*(at + 100 * day for at in daily), 140 * day + 5 * hour])
    asked = np.array([17, 18, 40, 41, 47, 48, 49]) * day + 100 * day
    known = np.array([17, 18, 40, 41, 42, 48, 49]) * day + 100 * day
    delay = np.full(7, 2 * day)
    silent, told = _beside_silence(some, SILENT, 150 * day, asked, known, delay)
    assert silent.tolist() == [False, True, True, False, False, False, False]
    assert (told // day - 100).tolist() == [17, 43, 43, 43, 43, 48, 49]
    told_at_once = _beside_silence(some, SILENT, 128 * day, asked[:2], known[:2], delay[:2])[1]
    assert told_at_once[0] == known[0]
    later = _only(log, daily)
    silent, told = _beside_silence(later, SILENT, 40 * day, asked - 100 * day, known, delay)
    assert silent.tolist() == [False, *[True] * 6]
    assert (told > 10_000 * day).all()  # nobody knows yet when it ends


def test_a_silence_is_longer_than_what_is_usual(log):
    """Three times the longest wait of lately, and none of a log that nobody knows yet."""
    asked, delay = np.arange(1, 400) * DAY_US, np.full(399, DAY_US)

    def silent_days(days: list[int]) -> list[int]:
        some = _only(log, [at * DAY_US for at in days])
        silent, _ = _beside_silence(some, SILENT, 400 * DAY_US, asked, asked, delay)
        return list(asked[silent] // DAY_US)

    weekly = [at + at // 3 * 2 for at in range(62)]  # three days in a row, and none for two
    assert silent_days([*weekly, 300])[0] == weekly[-1] + 1 + 9
    fifth = [5 * at for at in range(62)]
    assert silent_days([*fifth, 350])[0] == fifth[-1] + 1 + 15
    again = silent_days([*fifth, 321])  # a day sooner, and that wait is a usual one from then on
    assert again[0] == 321 + 1 + 3 * 16
    assert silent_days([*range(60), 300]) == [], "of its pace too little is known"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("leads", "was_off", "off"),
    [(30, 0.0, 0.05), (120, 0.03, 0.03), (480, 0.1, 0.05), (1000, 0.2, 0.05)],
)
def test_logs_of_any_pace(bundle, monkeypatch, leads, was_off, off):
    """Without an outage moves are what they were; three days after one of months they are right.

    `leads` come in 900 days; `was_off` is by how much of log-odds at least, on average, chances
    were too low while a silence was a time of failures, and `off` by how much at most they are now.
    """
    start, resumed = (START_US + day * DAY_US for day in (420, 511))
    end = resumed + 3 * DAY_US
    older = replace(bundle, manifest=bundle.manifest | {"until": START_US + 240 * DAY_US})

    def none(*_: object) -> tuple[Ints, Ints]:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)

    def moves(log: EventLog, *, is_paced: bool) -> list[Move]:
        with monkeypatch.context() as patch:
            if not is_paced:
                patch.setattr(recalibration, "_silences", none)
            return recalibrate(log, older, end)["advancement"]

    others, before, now = 0, [], []
    for seed in range(12):
        log = applications(100 + seed, leads=leads, days=900.0)
        usual = moves(log, is_paced=False)
        others += moves(log, is_paced=True) != usual
        known = np.where((log.known >= start) & (log.known < resumed), resumed, log.known)
        late = replace(log, known=known)
        last = usual[-1].intercept
        before.append(moves(late, is_paced=False)[-1].intercept - last)
        now.append(moves(late, is_paced=True)[-1].intercept - last)
    assert others == 0
    assert np.mean(before) < -was_off
    assert abs(np.mean(now)) < off


def test_what_rung_itself_does_is_no_news(log):
    """That it draws offers for leads each day tells nothing of what they did."""
    days = [*range(61), 100]
    every = _only(log, [at * DAY_US for at in range(101)], name="rung_decision", but=days)
    asked = np.array([80]) * DAY_US
    silent, _ = _beside_silence(every, SILENT, 101 * DAY_US, asked, asked, np.array([DAY_US]))
    assert silent.all()


def _only(
    log: EventLog, known: list[int], name: str = "answered", but: list[int] | None = None
) -> EventLog:
    """A log of one lead, of whom something was learned at some instants."""
    names = ["answered" if but is None or at // DAY_US in but else name for at in known]
    at = np.array(known)
    return EventLog.from_columns(["ann"] * len(at), names, at, columns=log.columns)


def test_a_bundle_serves_at_each_instant_as_it_was_moved_then(log, bundle):
    """Before the first move as it was trained, then by the last one known; its hash stays."""
    moves = recalibrate(log, bundle, END)
    track = Recalibrated(bundle, moves)
    assert track.at(UNTIL) is bundle
    first = min(of[0].known_at for of in moves.values())
    assert track.at(first - 1) is bundle
    now = track.at(END)
    assert now.outcomes == sum(of[-1].n for of in moves.values())
    assert now is track.at(END + DAY_US)
    place = np.zeros(1, dtype=np.int64)
    for goal in GOALS:
        before, after = (getattr(one, goal).calibrator.base(place)[0] for one in (bundle, now))
        assert after == pytest.approx(moves[goal][-1].at(before))


def test_where_outcomes_are_decided_early_only_new_points_count(log):
    """A bundle that has learned from what was decided early is asked of what came after alone."""
    bundle = train(log, APPLICATIONS, until=UNTIL, config=QUICK)
    assert bundle.manifest["trained_on"]["advancement"]["early"] > 0
    known = log.known_by(END)
    lead, as_of = weekly_instants(known, APPLICATIONS, START_US, END)
    found = points_at(known, APPLICATIONS, lead, as_of)
    came = arrivals(known, bundle, "advancement", found, END)
    assert came.as_of.min() > UNTIL


def test_all_rows_are_moved_as_one_by_one(log, bundle, points):
    """What each point was served with, at once, is what the bundle of its instant says."""
    track = Recalibrated(bundle, recalibrate(log, bundle, END))
    some = points.rows(np.arange(len(points)) % 199 == 0)
    found = track.score(some.snapshot)
    for row, as_of in enumerate(some.as_of.tolist()):
        mask = np.arange(len(some)) == row
        alone = track.at(as_of).score(some.snapshot.rows(mask))
        for one, other in ((found.advance, alone.advance), (found.purchase, alone.purchase)):
            np.testing.assert_allclose(one.probability[row], other.probability[0], rtol=1e-9)
            np.testing.assert_allclose(one.low[row], other.low[0], atol=5e-3)
            np.testing.assert_allclose(one.high[row], other.high[0], atol=5e-3)


def test_evaluation_shows_what_is_served(log, bundle):
    """Beside what the bundle says by itself, where the outcomes have moved it."""
    moves = recalibrate(log, bundle, END)
    alone = evaluate(bundle, log, until=END)
    served = evaluate(bundle, log, until=END, moves=moves)
    assert served.advancement.performance == alone.advancement.performance
    names = [rival.name for rival in served.advancement.baselines]
    assert names == [*(rival.name for rival in alone.advancement.baselines), AS_SERVED]
    line = served.advancement.baselines[-1]
    assert line.performance is not None
    assert line.difference is not None
    assert line.performance.auc is not None
