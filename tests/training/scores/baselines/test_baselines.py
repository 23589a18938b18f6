"""The baselines: the points rule against a loop, and each of them on a small log."""

import numpy as np
import pytest

from features.events.log import DAY_US, EventLog, LogColumns
from features.signals.table import ladder_columns
from models.scores.step_rates import StepRates, advancement_priors
from tests.training.scores.scene import (
    JUDGED_UNTIL,
    LADDER,
    START_US,
    TRAINED_UNTIL,
    small_log,
)
from training.decision_points import decision_points
from training.labels import label
from training.scores.baselines.baselines import (
    Baseline,
    Missing,
    baselines,
    event_points,
    points_at,
)

NAMES = (
    "step rates",
    "counting rule",
    "points rule",
    "logistic regression",
    "histogram gradient boosting",
)


def fitted(log, happened=None, keep=slice(None)):
    """The baselines of advancement, trained up to TRAINED_UNTIL and asked about what follows."""
    train = decision_points(log, LADDER, end=TRAINED_UNTIL, seed=7)
    outcomes, _ = label(log, LADDER, train, TRAINED_UNTIL)
    mature = np.flatnonzero(outcomes.mature)[keep]
    judged = decision_points(log, LADDER, start=TRAINED_UNTIL, end=JUDGED_UNTIL, seed=7)
    mask = np.isin(np.arange(len(train)), mature)
    return judged, baselines(
        log,
        LADDER,
        train=train.rows(mask),
        happened=outcomes.happened[mask] if happened is None else np.full(mask.sum(), happened),
        judged=judged,
        priors=advancement_priors(LADDER),
        seed=7,
    )


@pytest.fixture(scope="module")
def log():
    return small_log(leads=300)


def points_by_loop(log, worth, lead, now):
    """The points rule as one would explain it."""
    total = 0.0
    for row in range(log.starts[lead], log.starts[lead + 1]):
        if log.known[row] <= now:
            age_days = (now - log.occurred[row]) / DAY_US
            total += worth[row] * max(0.0, 1.0 - age_days / 90.0)
    return total


def test_points_against_a_loop():
    """Points at any instant are those of a loop over the events known by then, late ones too."""
    rng = np.random.default_rng(3)
    occurred = START_US + rng.integers(0, 300 * DAY_US, 600)
    late = np.where(rng.random(600) < 0.3, rng.integers(0, 120 * DAY_US, 600), 0)
    log = EventLog.from_columns(
        [f"{at}" for at in rng.integers(0, 9, 600)], ["page"] * 600, occurred, occurred + late
    )
    worth = rng.integers(0, 4, 600).astype(float)
    lead = rng.integers(0, 9, 400)
    as_of = np.concatenate(
        [START_US + rng.integers(-DAY_US, 420 * DAY_US, 380), rng.choice(log.known, 20)]
    )
    slow = [points_by_loop(log, worth, *each) for each in zip(lead, as_of, strict=True)]
    assert points_at(log, worth, lead, as_of) == pytest.approx(slow, abs=1e-3)


def test_points_of_nothing():
    """Without events that count everybody has 0 points."""
    log = small_log(leads=5)
    now = np.full(5, JUDGED_UNTIL)
    assert points_at(log, np.zeros(len(log)), np.arange(5), now).tolist() == [0.0] * 5


def test_points_rise_with_the_rung(log):
    """An action counts its rung, a completion five times as much, and a half-watched video 1."""
    worth = event_points(log, LADDER)
    by_name = {name: set(worth[log.name == at].tolist()) for at, name in enumerate(log.names)}
    assert by_name == {
        "identify": {0.0}, "page": {1.0}, "video": {5.0}, "trial": {10.0}, "order": {15.0}
    }  # fmt: skip
    rows = [("a", "video"), ("a", "video")]
    short = EventLog.from_columns(
        [lead for lead, _ in rows],
        [name for _, name in rows],
        np.array([START_US, START_US + 1]),
        numbers={"fraction": [0.5, 0.8]},
        columns=LogColumns(*ladder_columns(LADDER)),
    )
    assert event_points(short, LADDER).tolist() == [1.0, 5.0]


def test_all_answer(log):
    """Each baseline gives a probability a point; but the points rule all rank by it."""
    judged, rivals = fitted(log)
    assert tuple(rival.name for rival in rivals) == NAMES
    for rival in rivals:
        assert isinstance(rival, Baseline)
        assert rival.probability.shape == rival.rank.shape == (len(judged),)
        assert ((rival.probability >= 0) & (rival.probability <= 1)).all()
    apart = [rival.name for rival in rivals if not np.array_equal(rival.rank, rival.probability)]
    assert apart == ["points rule"]


def test_points_become_a_monotone_probability(log):
    """The curve over the points keeps their order (or reverses it whole)."""
    _, rivals = fitted(log)
    order = np.argsort(rivals[2].rank, kind="stable")
    rises = np.diff(rivals[2].probability[order])
    assert (rises >= -1e-12).all() or (rises <= 1e-12).all()


@pytest.mark.parametrize("happened", [0.0, 1.0])
def test_one_class(log, happened):
    """With outcomes of one kind only the step rates answer; the others say why not."""
    _, rivals = fitted(log, happened)
    assert rivals[1:] == tuple(Missing(name, "one class only") for name in NAMES[1:])


def test_no_training_points(log):
    """Without training points the step rates are the ladder's bands."""
    judged, rivals = fitted(log, keep=slice(0, 0))
    assert rivals[1:] == tuple(Missing(name, "no training points") for name in NAMES[1:])
    priors = StepRates.prior(advancement_priors(LADDER)).mean
    assert rivals[0].probability.tolist() == priors[judged.position].tolist()


def test_step_rates_are_those_of_the_model(log):
    """The first baseline is the posterior that a bundle without a model serves."""
    train = decision_points(log, LADDER, end=TRAINED_UNTIL, seed=7)
    outcomes, _ = label(log, LADDER, train, TRAINED_UNTIL)
    rows = train.rows(outcomes.mature)
    rates = StepRates.prior(advancement_priors(LADDER)).updated(
        rows.position, outcomes.happened[outcomes.mature], rows.lead
    )
    judged, rivals = fitted(log)
    assert rivals[0].probability.tolist() == rates.mean[judged.position].tolist()


@pytest.mark.slow
def test_many_categories():
    """More categories than gradient boosting takes are cut down to the most frequent."""
    days = np.arange(0, 130, 3)
    lead, day = (grid.ravel() for grid in np.meshgrid(np.arange(300), days))
    rng = np.random.default_rng(5)
    video = rng.random(len(lead)) < 0.05
    log = EventLog.from_columns(
        [f"{at:03}" for at in [*lead, *range(300)]],
        [*np.where(video, "video", "page"), *["identify"] * 300],
        START_US + np.concatenate([day * DAY_US + lead, np.zeros(300, dtype=np.int64)]),
        numbers={"fraction": np.full(len(lead) + 300, 0.9)},
        texts={"device": [*[None] * len(lead), *(f"device {at}" for at in range(300))]},
        columns=LogColumns(*ladder_columns(LADDER)),
    )
    _, rivals = fitted(log)
    assert all(isinstance(rival, Baseline) for rival in rivals)
