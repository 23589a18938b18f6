"""A small log whose answer is known, a bundle trained on its first part, and its evaluation."""

from functools import cache

import numpy as np

from features.events.log import DAY_US, EventLog, LogColumns
from features.ladder.ladder import Condition, EventRule, Ladder, Step, Trait
from features.signals.table import ladder_columns
from models.bundle import Bundle
from models.offers.offer_model import OfferModel
from models.scores.encoding import Encoding
from models.scores.goal_model import FitConfig, TrainingRows, fit_goal
from models.scores.learners.boosting import BoostingConfig
from models.scores.step_rates import StepRates, advancement_priors, purchase_priors
from training.decision_points import decision_points
from training.labels import label
from training.scores.evaluate import evaluate

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


def small_bundle(log, until=TRAINED_UNTIL, seed=7):
    """A bundle trained in a moment on what was known by `until`; the seed draws its points."""
    config = FitConfig(BoostingConfig(most_rounds=60, learning_rate=0.1), folds=2)
    return bundle_of(log, LADDER, until, config, seed)


def bundle_of(log, ladder, until, config, seed=7, **manifest):
    """A bundle of fitted goals on a ladder, without offers' effects or anything else."""
    points = decision_points(log, ladder, end=until, seed=seed)
    encoding = Encoding.learn(points.snapshot)
    models = []
    for outcomes, priors in zip(
        label(log, ladder, points, until),
        (advancement_priors(ladder), purchase_priors(ladder)),
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
    offers = OfferModel.prior(ladder)
    return Bundle(ladder, encoding, advancement, purchase, offers, {"until": until, **manifest})


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
