"""Judging a bundle on a small log whose answer is known."""

import json
from dataclasses import replace

import numpy as np
import pytest

from features.errors import NotEnoughData
from features.events.log import DAY_US
from models.scores.goal_model import GoalModel
from models.scores.learners.learner import EstimatorError
from tests.training.scores.scene import (
    JUDGED_UNTIL,
    LADDER,
    TRAINED_UNTIL,
    small_bundle,
    small_log,
    too_early,
)
from training.decision_points import decision_points
from training.labels import label
from training.scores.evaluate import evaluate
from training.scores.results import (
    BETTER,
    NOT_SURE,
    NOTHING_TO_LEARN,
    WORSE,
)


def shifted(model, by):
    """The model with every probability moved by so many log-odds."""
    calibrator = replace(model.calibrator, shift=model.calibrator.shift + by)
    return GoalModel(model.learner, calibrator, model.typical)


def test_better_where_there_is_something_to_learn(judged):
    """Where activity tells leads apart the bundle beats the step rates, and says so."""
    assert judged.verdict == BETTER
    assert judged.advancement.learned
    rates = judged.advancement.baselines[0]
    assert rates.name == "step rates"
    assert rates.difference.log_loss < -2 * rates.difference.log_loss_error
    assert rates.difference.auc > 2 * rates.difference.auc_error


def test_how_soon(bundle, log, judged):
    """Of parts of each goal's horizon what was said, beside the share that had come by then."""
    points = decision_points(log, bundle.ladder, start=TRAINED_UNTIL, end=JUDGED_UNTIL, seed=7)
    for goal, outcomes in zip(
        (judged.advancement, judged.purchase),
        label(log, bundle.ladder, points, JUDGED_UNTIL),
        strict=True,
    ):
        assert [one.id for one in goal.within] == ["0.25", "0.5", "0.75"]
        whole = goal.realised[0]
        said = [one.expected for one in goal.within]
        assert 0.0 < said[0] < said[1] < said[2] < whole.expected
        after = outcomes.reached_after[outcomes.decided]
        for one in goal.within:
            assert one.came == pytest.approx((after <= float(one.id)).mean())
        assert goal.within[2].came <= whole.came


def test_a_bundle_that_knows_no_times(bundle, log):
    """It is judged as ever, without a word on how soon."""
    timeless = replace(bundle, purchase=replace(bundle.purchase, timing=None))
    found = evaluate(timeless, log, until=JUDGED_UNTIL)
    assert (found.advancement.within, found.purchase.within) == ((), ())


@pytest.mark.slow
def test_nothing_to_learn():
    """Where no signal tells leads apart a bundle is no better than the step rates, and says so."""
    log = small_log(leads=2400, tells=False)
    judged = evaluate(small_bundle(log), log, until=JUDGED_UNTIL)
    assert judged.verdict == NOTHING_TO_LEARN
    assert "the signals could not tell leads apart" in judged.advancement.verdict_reason


def test_nothing_learned_of_few_leads_is_not_nothing_to_learn():
    """Of so few leads something that is worth having would hide as well: that is said."""
    log = small_log(leads=200, tells=False)
    judged = evaluate(small_bundle(log, seed=9), log, until=JUDGED_UNTIL)
    assert not judged.advancement.learned
    assert judged.verdict == NOT_SURE
    assert "more leads to learn from until a gain" in judged.advancement.verdict_reason


def test_worse(bundle, log, judged):
    """Probabilities that are far too high are worse than the step rates, and the bins show it."""
    too_high = replace(bundle, advancement=shifted(bundle.advancement, 3.0))
    worse = evaluate(too_high, log, until=JUDGED_UNTIL).advancement
    figures, honest = worse.performance, judged.advancement.performance
    assert worse.verdict == WORSE
    assert figures is not None
    assert figures.bins_inside < 0.5 < honest.bins_inside
    assert figures.ece > 3 * figures.ece_by_chance
    assert figures.auc == pytest.approx(honest.auc)


def test_chance_is_not_learning(bundle, log):
    """A lead over the step rates counts only where training found that the signals tell."""
    lucky = replace(bundle.advancement.calibrator, z=1.0)
    model = GoalModel(bundle.advancement.learner, lucky, bundle.advancement.typical)
    judged = evaluate(replace(bundle, advancement=model), log, until=JUDGED_UNTIL)
    assert judged.verdict == NOT_SURE


def test_differences_are_paired(judged):
    """A difference is surer than two figures apart: both are drawn from the same leads."""
    ours, rival = judged.advancement.performance, judged.advancement.baselines[-1]
    apart = np.hypot(ours.log_loss_error, rival.performance.log_loss_error)
    assert rival.difference.log_loss == pytest.approx(ours.log_loss - rival.performance.log_loss)
    assert rival.difference.log_loss_error < 0.8 * apart


def test_counts_add_up(judged):
    """Every point is advanced, lapsed or pending, and stands at one step."""
    for goal in (judged.advancement, judged.purchase):
        parts = [step.counts for step in goal.steps]
        for counts in (goal.counts, *parts):
            assert counts.advanced + counts.lapsed + counts.pending == counts.points
            assert counts.lapsed <= counts.mature <= counts.points - counts.pending
        assert sum(counts.points for counts in parts) == goal.counts.points


def test_parts_add_up(judged):
    """Each judged point is in one step, and its lead seen in training or not."""
    for goal in (judged.advancement, judged.purchase):
        assert goal.performance.n == goal.counts.mature
        for parts in (goal.by_step, goal.by_lead):
            assert sum(part.n for part in parts) == goal.performance.n


def test_unseen_leads_came_later(judged, log):
    """The unseen leads are those of whom nothing was known when training ended."""
    seen, unseen = judged.advancement.by_lead
    points = decision_points(log, LADDER, start=TRAINED_UNTIL, end=JUDGED_UNTIL, seed=7)
    outcomes, _ = label(log, LADDER, points, JUDGED_UNTIL)
    first = np.minimum.reduceat(log.known, log.starts[:-1])[points.lead[outcomes.mature]]
    assert (seen.id, seen.n) == ("seen", (first <= TRAINED_UNTIL).sum())
    assert (unseen.id, unseen.n) == ("unseen", (first > TRAINED_UNTIL).sum())


def test_pending_is_not_lost(judged):
    """The rate is that of mature points; the naive one counts all points, pending as lost."""
    step = judged.purchase.steps[0]
    assert step.counts.pending > 0
    assert step.naive_rate == step.counts.advanced / step.counts.points
    assert step.low <= step.rate <= step.high
    assert step.rate > step.naive_rate


def test_every_baseline_is_judged(judged):
    """All five baselines answer for the same points as the bundle."""
    goal = judged.advancement
    assert [rival.name for rival in goal.baselines] == [
        "step rates",
        "counting rule",
        "points rule",
        "logistic regression",
        "histogram gradient boosting",
    ]
    assert {rival.performance.n for rival in goal.baselines} == {goal.performance.n}
    assert {rival.performance.rate for rival in goal.baselines} == {goal.performance.rate}
    assert [name for name, _ in goal.gain[1:]] == [rival.name for rival in goal.baselines]


def test_same_inputs_same_figures(bundle, log, judged):
    """An evaluation depends on nothing but its arguments; the points may be handed in."""
    before = decision_points(log, LADDER, end=TRAINED_UNTIL, seed=7)
    again = evaluate(bundle, log, start=TRAINED_UNTIL, until=JUDGED_UNTIL, train_points=before)
    assert again.as_dict() == judged.as_dict()


def test_judged_on_what_it_was_trained_on(bundle, log):
    """A period that begins before the end of training is marked, and points of it teach nothing."""
    start = TRAINED_UNTIL - 40 * DAY_US
    everything = decision_points(log, LADDER, end=TRAINED_UNTIL, seed=7)
    early = evaluate(
        bundle, log, start=start, until=TRAINED_UNTIL, capacity=3, train_points=everything
    )
    own = everything.rows(everything.as_of <= start)
    same = evaluate(bundle, log, start=start, until=TRAINED_UNTIL, capacity=3, train_points=own)
    assert early.flatters
    assert early.as_dict() == same.as_dict()
    assert early.advancement.performance is not None
    queue = early.advancement.performance.queue
    assert queue.picked <= 3 * queue.instants


class Unsaid:
    """A learner of somebody else's that has no number for the first row."""

    def __init__(self, learner):
        self.learner = learner

    def margins(self, matrix):
        margins = self.learner.margins(matrix)
        margins[0] = np.nan
        return margins


def test_no_number_is_no_probability(bundle, log):
    """A bundle is not judged by the leads alone of whom its estimator says something."""
    unsaid = replace(bundle.advancement, learner=Unsaid(bundle.advancement.learner))
    said = r"advancement: .* gave NaN for a probability, at 1 of [\d,]+ points"
    with pytest.raises(EstimatorError, match=said):
        evaluate(replace(bundle, advancement=unsaid), log, until=int(log.known.max()))


def test_period_too_short(bundle, log):
    """Before any horizon is over there is nothing to judge on."""
    with pytest.raises(NotEnoughData, match="the horizon of none is over: the shortest is 7 days"):
        evaluate(bundle, log, until=TRAINED_UNTIL + DAY_US)


def test_empty_period(bundle, log):
    """A period without a lead to score is named."""
    start = JUDGED_UNTIL + 100 * DAY_US
    with pytest.raises(NotEnoughData, match="no lead to score between 2026-10-02"):
        evaluate(bundle, log, start=start, until=start + 30 * DAY_US)


def test_one_kind_of_outcome(bundle):
    """Where all leads lapsed there is nothing to tell apart."""
    with pytest.raises(
        NotEnoughData, match=r"all \d+ points .* did not advance: judging takes outcomes"
    ):
        evaluate(bundle, small_log(leads=60, climbs=False), until=JUDGED_UNTIL)


def test_purchase_may_be_too_early():
    """Advancement is judged as soon as it can be; purchase says that it has no data yet."""
    early = too_early()
    assert early.advancement.performance is not None
    assert early.purchase.performance is None
    assert early.purchase.note.startswith("not enough data (n=0): the horizon of none of ")
    json.dumps(early.as_dict(), allow_nan=False)


def test_a_handful_of_leads_has_no_verdict(log, bundle, judged):
    """Where fewer than ten leads advanced there are no figures; the note counts them."""
    points = decision_points(log, LADDER, start=TRAINED_UNTIL, end=JUDGED_UNTIL, seed=7)
    outcomes, _ = label(log, LADDER, points, JUDGED_UNTIL)
    reached = np.unique(points.lead[outcomes.decided & (outcomes.happened == 1)])
    missed = np.unique(points.lead[outcomes.decided & (outcomes.happened == 0)])
    assert judged.advancement.counts.reached_leads == len(reached)
    assert judged.advancement.counts.missed_leads == len(missed)
    assert judged.advancement.counts.decided_leads == len(np.union1d(reached, missed))
    some = np.zeros(len(log.leads), dtype=np.bool_)
    some[[*reached[:3], *np.setdiff1d(missed, reached)[:40]]] = True
    few = evaluate(bundle, log.only(some), until=JUDGED_UNTIL).advancement
    assert 3 <= few.counts.reached_leads < 10 < few.counts.missed_leads
    assert (few.performance, few.verdict, few.baselines) == (None, "", ())
    assert few.note == (
        f"not enough data (n={few.counts.decided}: leads that reached the goal"
        f" {few.counts.reached_leads}, that did not {few.counts.missed_leads}); judging takes 10 of"
        " each"
    )


def test_step_without_enough_leads(log, bundle):
    """A step with too few leads of either kind is not judged, and says how many there are."""
    few = np.arange(len(log.leads)) % 8 == 0
    judged = evaluate(bundle, log.only(few), until=JUDGED_UNTIL).advancement
    thin = [part for part in judged.by_step if part.performance is None]
    assert thin
    for part in thin:
        assert part.note.startswith(f"not enough data (n={part.n}: leads that reached the goal ")
    assert judged.performance is not None
