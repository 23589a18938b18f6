"""Outcomes that are decided before the horizon is over: known, weighed, and worth learning from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.arrays import Floats
from features.events.log import DAY_US, EventLog, LogColumns
from features.funnel.states import State
from features.ladder.ladder import EventRule
from features.signals.snapshot import snapshot
from features.signals.table import ladder_columns
from models.judging import intervals, metrics
from models.scores.encoding import Encoding
from models.scores.goal_model import FitConfig, fit_goal
from models.scores.step_rates import StepRates, advancement_priors
from tests.features.strategies import START_US
from tests.training.scene import APPLICATIONS, applications
from training.decision_points import Points, decision_points
from training.labels import Outcomes, label
from training.pipeline import TrainConfig, train, training_rows

UNTIL = START_US + 150 * DAY_US
SILENT = replace(APPLICATIONS, lost_when=())
"""The same ladder where nobody says what loses a lead."""


def at_the_horizon(outcomes: Outcomes) -> Outcomes:
    """Only those whose horizon is over, as without `lost_when`."""
    weight = outcomes.mature.astype(np.float64)
    return replace(outcomes, decided=outcomes.mature, weight=weight, censoring=None)


@pytest.fixture(scope="module")
def world():
    log = applications(1)
    now = log.known_by(UNTIL)
    points = decision_points(now, APPLICATIONS, end=UNTIL, seed=7)
    outcomes = label(now, APPLICATIONS, points, UNTIL)[0]
    # The whole log has more leads, and other numbers for them.
    whole = replace(points, lead=np.array([log.leads.index(now.leads[at]) for at in points.lead]))
    return points, outcomes, label(log, SILENT, whole, int(log.known.max()))[0].happened


def test_what_is_decided(world):
    """All but the pending where leads are lost: lost and advanced at once, others at the horizon.

    At a step where none is lost, the first, all that is decided has waited as long.
    """
    points, outcomes, _ = world
    known, loses = outcomes.state != State.PENDING, points.position > 0
    np.testing.assert_array_equal(outcomes.decided[loses], known[loses])
    alone = points.position == 0
    np.testing.assert_array_equal(outcomes.decided[alone], outcomes.mature[alone])
    assert len(np.unique(outcomes.weight[alone & outcomes.decided])) == 1
    assert (outcomes.decided & ~outcomes.mature).sum() > 500
    assert (outcomes.state == State.LOST).sum() > 500
    assert not outcomes.happened[outcomes.state == State.LOST].any()
    took = (outcomes.decided_at - points.as_of)[outcomes.decided]
    assert took.min() > 0
    horizons = [round(goal.horizon_days * DAY_US) for goal in APPLICATIONS.goals]
    assert took.max() <= max(horizons)
    lapsed = outcomes.state == State.LAPSED
    waited = (outcomes.decided_at - points.as_of)[lapsed]
    assert set(waited.tolist()) <= set(horizons)


def test_weights_undo_what_late_decisions_lack(world):
    """The rate at a step is that of all its points, whatever is decided sooner."""
    points, outcomes, truth = world
    here = (points.position == 1) & outcomes.decided
    weight, happened = outcomes.weight[here], outcomes.happened[here]
    rate = truth[points.position == 1].mean()
    assert np.average(happened, weights=weight) == pytest.approx(rate, abs=0.02)
    assert outcomes.weight[outcomes.decided].mean() == pytest.approx(1.0)
    assert not outcomes.weight[~outcomes.decided].any()


def test_where_nobody_was_lost_nothing_is_learned_early():
    """A ladder that says what would lose a lead changes nothing before one is."""
    log = applications(2, leads=100)
    spared = replace(APPLICATIONS, lost_when=(EventRule("struck off"),))
    points = decision_points(log, spared, end=UNTIL, seed=7)
    for outcomes in label(log, spared, points, UNTIL):
        np.testing.assert_array_equal(outcomes.decided, outcomes.mature)
        np.testing.assert_array_equal(outcomes.weight, outcomes.mature)


def test_a_horizon_that_fits_no_point():
    """What is undecided after the longest wait is not known: too many of them, and none counts."""
    early = START_US + 12 * DAY_US
    log = applications(3, leads=150, days=12.0).known_by(early)
    points = decision_points(log, APPLICATIONS, end=early, seed=7)
    purchased = label(log, APPLICATIONS, points, early)[1]
    assert (purchased.state == State.LOST).any()
    assert not purchased.decided.any()
    said = train(log, APPLICATIONS, until=early).manifest["notes"]
    assert any("the horizon of a purchase is 60 days" in line for line in said)
    assert any("chances of a purchase are what the ladder's bands say" in line for line in said)
    assert any("; with a log until 2" in line for line in said)


def test_a_look_back_that_no_horizon_fits_into():
    """However late the log ends, no point is as old as the horizon: a later end is no advice."""
    log, config = applications(3, leads=150), TrainConfig(look_back_days=60.0)
    (said,) = train(log, APPLICATIONS, until=UNTIL, config=config).manifest["notes"]
    assert "; with a look-back of more than 60 days (this one was of 60), or a shorter" in said
    assert "a log until" not in said


def followed(
    *stories: tuple[int, float | None], until: int, applied: int = 0
) -> tuple[Outcomes, Outcomes]:
    """What is known by a day of leads that are asked about, each from a day of its own.

    Parameters
    ----------
    stories : from which day a lead is asked about, and after how many days it declines.
    applied : how many of them, the last ones, have applied by then.
    """
    rows = []
    for at, (day, declines) in enumerate(stories):
        began = "identify" if at < len(stories) - applied else "applied"
        rows.append((f"lead-{at:02}", began, float(day)))
        if declines is not None:
            rows.append((f"lead-{at:02}", "declined", day + declines))
    leads = [lead for lead, _, _ in rows]
    when = START_US + np.array([days * DAY_US for *_, days in rows], dtype=np.int64)
    columns = LogColumns(*ladder_columns(APPLICATIONS))
    log = EventLog.from_columns(leads, [name for _, name, _ in rows], when, columns=columns)
    names = [f"lead-{at:02}" for at in range(len(stories))]
    as_of = START_US + np.array([day * DAY_US for day, _ in stories], dtype=np.int64)
    lead = np.array([log.leads.index(name) for name in names], dtype=np.int64)
    points = Points(lead, snapshot(log, APPLICATIONS, names, as_of))
    return label(log, APPLICATIONS, points, START_US + until * DAY_US)


@pytest.mark.parametrize(
    ("lost", "silent", "is_early"), [(1, 1, True), (2, 2, True), (2, 3, False), (1, 2, False)]
)
def test_where_most_fail_by_silence_losses_wait_for_the_horizon(lost, silent, is_early):
    """Of those whose time is over, not of the newest, among whom losses are all that is known."""
    old = [(0, 5.0)] * lost + [(0, None)] * silent
    new = [(40, 1.0), (40, 2.0), (40, 3.0), (40, 4.0)]
    advanced, _ = followed(*old, *new, until=50)  # applying has 30 days
    states = [State.LOST] * lost + [State.LAPSED] * silent + [State.LOST] * 4
    assert advanced.state.tolist() == states
    assert advanced.mature.tolist() == [True] * len(old) + [False] * len(new)
    assert advanced.decided.tolist() == [True] * len(old) + [is_early] * len(new)


def test_each_step_is_judged_by_its_own_leads():
    """Before applying most fail by silence; those who have applied are lost, and known early."""
    before = [(0, None), (0, None), (0, None), (0, 5.0), (80, 1.0)]
    after = [(0, 5.0), (80, 2.0)]
    advanced, _ = followed(*before, *after, until=90, applied=2)
    assert advanced.mature.tolist() == [True] * 4 + [False, True, False]
    assert advanced.decided.tolist() == [True] * 4 + [False, True, True]


def test_a_step_at_which_nobodys_time_is_over_is_judged_by_all_of_it():
    """Whoever else's time is over: those who have applied lately are lost, and known early."""
    before, after = [(0, None), (0, None), (0, 5.0)], [(80, 2.0), (80, 3.0)]
    advanced, _ = followed(*before, *after, until=90, applied=2)
    assert advanced.mature.tolist() == [True, True, True, False, False]
    assert advanced.decided.tolist() == [True] * 5


@pytest.mark.parametrize(("late_by", "state"), [(0, State.LOST), (1, State.LAPSED)])
def test_a_loss_at_the_end_of_the_horizon_is_one(late_by, state):
    """A microsecond later the lead has lapsed, whatever is said of it then."""
    advanced, _ = followed((0, 30 + late_by / DAY_US), until=40)
    assert advanced.state.tolist() == [state]
    assert advanced.decided_at.tolist() == [START_US + 30 * DAY_US]


@pytest.mark.parametrize(
    ("undecided", "since", "is_learned"), [(1, 0, True), (2, 0, False), (2, 19, True)]
)
def test_up_to_a_tenth_may_be_undecided_where_no_horizon_is_over(undecided, since, is_learned):
    """Of 16 leads one is a sixteenth, two are an eighth: nobody knows what comes of so many.

    Those who were followed for a day, when the others took two or more, say nothing of it.
    """
    lost = [(0, 2.0 + at) for at in range(16 - undecided)]
    # A purchase has 60 days.
    _, purchased = followed(*lost, *[(since, None)] * undecided, until=20)
    known = [State.LOST] * len(lost) + [State.PENDING] * undecided
    assert purchased.state.tolist() == known
    assert purchased.decided.tolist() == [is_learned] * len(lost) + [False] * undecided


def test_what_is_undecided_at_one_step_holds_up_no_other():
    """Before applying half are undecided; of those who have applied everybody is lost."""
    before, after = [(0, 2.0), (0, None)], [(0, 2.0), (0, 3.0)]
    _, purchased = followed(*before, *after, until=20, applied=2)
    assert purchased.decided.tolist() == [False, False, True, True]


@pytest.mark.parametrize(("until", "is_learned"), [(59, False), (60, True)])
def test_one_that_was_followed_to_the_end_is_enough(until, is_learned):
    """From the end of the first horizon on, what is decided early counts, however much is not."""
    stories = [(0, 5.0), (30, 5.0), (30, None), (30, None)]
    _, purchased = followed(*stories, until=until)
    assert purchased.decided.tolist() == [is_learned, is_learned, False, False]


@pytest.mark.slow
def test_decided_outcomes_beat_those_whose_horizon_is_over():
    """AUC and log loss on what came later, better by two paired errors, over three worlds."""
    better, variance = np.zeros(2), np.zeros(2)
    for seed in range(3):
        log = applications(seed, leads=2000)
        now = log.known_by(UNTIL)
        points = decision_points(now, APPLICATIONS, end=UNTIL, seed=7)
        outcomes = label(now, APPLICATIONS, points, UNTIL)[0]
        judged = decision_points(log, APPLICATIONS, start=UNTIL, end=UNTIL + 145 * DAY_US, seed=3)
        came = label(log, SILENT, judged, int(log.known.max()))[0].happened
        weights = intervals.lead_weights(judged.lead, seed)
        served = [answers(points, told, judged) for told in (outcomes, at_the_horizon(outcomes))]
        aucs = [metrics.auc_draws(one, came, weights) for one in served]
        losses = [metrics.log_loss_draws(one, came, weights) for one in served]
        gaps = (aucs[0] - aucs[1], losses[1] - losses[0])
        better += [gap.mean() for gap in gaps]
        variance += [gap.var() for gap in gaps]
    assert (better > 2 * np.sqrt(variance)).all(), (better, np.sqrt(variance))


def answers(points: Points, told: Outcomes, judged: Points) -> Floats:
    """What a model that was told so much of the points says of others."""
    encoding = Encoding.learn(points.snapshot)
    prior = StepRates.prior(advancement_priors(APPLICATIONS))
    model = fit_goal(training_rows(points, told, encoding), prior, FitConfig(repeats=1))
    return model.estimate(encoding.matrix(judged.snapshot), judged.position).probability
