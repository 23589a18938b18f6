"""Judging a bundle on a small log whose answer is known."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from features.errors import NotEnoughData
from features.events.log import DAY_US, EventLog, LogColumns
from features.ladder.ladder import Condition, EventRule, Ladder, Step, Trait
from features.signals.table import ladder_columns
from models.bundle import Bundle
from models.offers.offer_model import OfferModel
from models.scores.boosting import BoostingConfig
from models.scores.encoding import Encoding
from models.scores.goal_model import FitConfig, GoalModel, TrainingRows, fit_goal
from models.scores.step_rates import StepRates, advancement_priors, purchase_priors
from training.decision_points import decision_points
from training.labels import label
from training.scores.evaluate import evaluate
from training.scores.results import BETTER, NOTHING_TO_LEARN, WORSE

START_US = 1_767_571_200_000_000  # 2026-01-05T00:00Z
TRAINED_UNTIL = START_US + 100 * DAY_US
JUDGED_UNTIL = START_US + 170 * DAY_US

LADDER = Ladder(
    name="small",
    title="A small ladder",
    steps=(
        Step(
            "look",
            "Look",
            (EventRule("video", (Condition("fraction", "at_least", 0.8),)),),
            horizon_days=7.0,
            engaged_by=("page", "video"),
        ),
        Step("try", "Try", (EventRule("trial"),), horizon_days=7.0, engaged_by=("trial",)),
    ),
    purchase=Step("buy", "Buy", (EventRule("order"),), horizon_days=21.0, engaged_by=("order",)),
    traits=(Trait("device", "category"),),
    dormant_after_days=30.0,
)


def small_log(seed=1, leads=400, *, tells=True, climbs=True, days=170):
    """Leads of whom half are eager: these go on soon and look at many pages.

    Where it does not tell, all leads look at pages at one rate and go on at another, forever.
    """
    rng = np.random.default_rng(seed)
    rows: list[tuple[object, ...]] = []
    for lead in range(leads):
        eager = rng.random() < 0.5
        born = rng.uniform(0, days)
        slow, busy, lives = (4.0 if eager else 60.0, 1.5 if eager else 0.3, 40.0)
        if not tells:
            slow, busy, lives = 20.0, 0.3, days
        when = born
        rows.append((lead, "identify", born, np.nan, ["phone", "laptop"][int(rng.random() < 0.5)]))
        for name in ("video", "trial", "order") if climbs else ():
            when += rng.exponential(slow)
            rows.append((lead, name, when, 0.9, None))
        visits = born + np.sort(rng.uniform(0, lives, rng.poisson(lives * busy)))
        rows += [(lead, "page", at, np.nan, None) for at in [born, *visits]]
    late = np.where(rng.random(len(rows)) < 0.05, rng.exponential(0.5, len(rows)), 0.0)
    return as_log([(*row, by) for row, by in zip(rows, late, strict=True)], before=days)


def as_log(rows, before):
    """A log of the (lead, name, day, fraction, device, days of delay) rows before a day."""
    rows = [row for row in rows if row[2] < before]
    lead, name, day, fraction, device, late = (list(column) for column in zip(*rows, strict=True))
    occurred = START_US + (np.array(day) * DAY_US).astype(np.int64)
    return EventLog.from_columns(
        [f"lead-{at:04}" for at in lead],
        name,
        occurred,
        occurred + (np.array(late) * DAY_US).astype(np.int64),
        numbers={"fraction": np.array(fraction)},
        texts={"device": device},
        columns=LogColumns(*ladder_columns(LADDER)),
    )


def small_bundle(log, until=TRAINED_UNTIL):
    """A bundle trained in a moment on what was known by `until`."""
    points = decision_points(log, LADDER, end=until, seed=7)
    encoding = Encoding.learn(points.snapshot)
    config = FitConfig(BoostingConfig(most_rounds=60, learning_rate=0.1), folds=2)
    models = []
    for outcomes, priors in zip(
        label(log, LADDER, points, until),
        (advancement_priors(LADDER), purchase_priors(LADDER)),
        strict=True,
    ):
        mature = points.rows(outcomes.mature)
        rows = TrainingRows(
            encoding.matrix(mature.snapshot),
            encoding.category_columns,
            mature.position,
            mature.lead,
            mature.as_of,
            outcomes.happened[outcomes.mature],
        )
        models.append(fit_goal(rows, StepRates.prior(priors), config))
    advancement, purchase = models
    offers = OfferModel.prior(LADDER)
    return Bundle(LADDER, encoding, advancement, purchase, offers, {"until": until})


def shifted(model, by):
    """The model with every probability moved by so many log-odds."""
    calibrator = replace(model.calibrator, shift=model.calibrator.shift + by)
    return GoalModel(model.learner, calibrator, model.typical)


@cache
def small_world():
    """The log, its bundle, and what it is judged to be; made once for all tests."""
    log = small_log()
    bundle = small_bundle(log)
    return log, bundle, evaluate(bundle, log, until=JUDGED_UNTIL)


@cache
def too_early():
    """The same, judged when no purchase horizon is over."""
    log, bundle, _ = small_world()
    return evaluate(bundle, log, until=TRAINED_UNTIL + 15 * DAY_US, capacity=5)


@pytest.fixture
def log():
    return small_world()[0]


@pytest.fixture
def bundle():
    return small_world()[1]


@pytest.fixture
def judged():
    return small_world()[2]


def test_better_where_there_is_something_to_learn(judged):
    """Where activity tells leads apart the bundle beats the step rates, and says so."""
    assert judged.verdict == BETTER
    assert judged.advancement.learned
    rates = judged.advancement.baselines[0]
    assert rates.name == "step rates"
    assert rates.difference.log_loss < -2 * rates.difference.log_loss_error
    assert rates.difference.auc > 2 * rates.difference.auc_error


def test_nothing_to_learn():
    """Where no signal tells leads apart a bundle is no better than the step rates, and says so."""
    log = small_log(tells=False)
    judged = evaluate(small_bundle(log), log, until=JUDGED_UNTIL)
    assert judged.verdict == NOTHING_TO_LEARN
    assert "the signals could not tell leads apart" in judged.advancement.verdict_reason


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
    assert judged.verdict == NOTHING_TO_LEARN


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
    """All four baselines answer for the same points as the bundle."""
    goal = judged.advancement
    assert [rival.name for rival in goal.baselines] == [
        "step rates",
        "points rule",
        "logistic regression",
        "histogram gradient boosting",
    ]
    assert {rival.performance.n for rival in goal.baselines} == {goal.performance.n}
    assert {rival.performance.rate for rival in goal.baselines} == {goal.performance.rate}
    assert [name for name, _ in goal.gain[1:]] == [rival.name for rival in goal.baselines]


def test_as_dict_is_json(judged):
    """The evaluation is JSON without NaN, with instants as text."""
    values = json.loads(json.dumps(judged.as_dict(), allow_nan=False))
    assert values["start"] == "2026-04-15T00:00:00Z"
    assert values["verdict"] == BETTER
    assert values["advancement"]["performance"]["queue"]["instants"] > 5


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
    with pytest.raises(NotEnoughData, match=r"all \d+ points .* lapsed: judging takes outcomes"):
        evaluate(bundle, small_log(leads=60, climbs=False), until=JUDGED_UNTIL)


def test_purchase_may_be_too_early():
    """Advancement is judged as soon as it can be; purchase says that it has no data yet."""
    early = too_early()
    assert early.advancement.performance is not None
    assert early.purchase.performance is None
    assert early.purchase.note == "not enough data (n=0)"
    json.dumps(early.as_dict(), allow_nan=False)


def test_step_without_enough_leads(log, bundle):
    """A step with too few leads of either kind is not judged, and says how many there are."""
    few = np.arange(len(log.leads)) % 8 == 0
    judged = evaluate(bundle, log.only(few), until=JUDGED_UNTIL).advancement
    thin = [part for part in judged.by_step if part.performance is None]
    assert thin
    for part in thin:
        assert part.note.startswith(f"not enough data (n={part.n}: leads that reached the goal ")
    assert judged.performance is not None
