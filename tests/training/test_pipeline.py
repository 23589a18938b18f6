"""The main path: what a bundle is trained on, what it is not, and what it says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import expit
from sklearn.tree import DecisionTreeClassifier

from features.errors import EventsError, NotEnoughData
from features.events.log import DAY_US, EventLog
from features.funnel.states import State
from features.ladder.ladder import EventRule, Ladder, Step, Trait
from features.ladder.words import in_percent
from models.bundle import Bundle
from models.scores.calibration import uncalibrated
from models.scores.encoding import Encoding
from models.scores.goal_model import FitConfig, GoalModel, TrainingRows, _later, fit_goal
from models.scores.learners.boosting import BoostingConfig
from models.scores.learners.learner import BoostedTrees
from models.scores.step_rates import StepRates, advancement_priors, purchase_priors
from tests.features.strategies import START_US, log_of
from tests.oracles.snapshot_oracle import Event
from training.decision_points import decision_points
from training.labels import Outcomes, label
from training.pipeline import (
    TrainConfig,
    disagreements,
    field_worth,
    fingerprint,
    train,
    training_rows,
)

LADDER = Ladder(
    name="small",
    title="Look, try, buy",
    steps=(
        Step("look", "Look", (EventRule("video"),), 7.0, engaged_by=("page", "video")),
        Step("try", "Try", (EventRule("trial"),), 7.0, engaged_by=("trial",)),
    ),
    purchase=Step("buy", "Buy", (EventRule("order"),), 21.0, engaged_by=("order",)),
    traits=(Trait("size", "number"), Trait("device", "category")),
    dormant_after_days=30.0,
)
Floats = npt.NDArray[np.float64]
UNTIL = START_US + 90 * DAY_US
QUICK = TrainConfig(
    FitConfig(BoostingConfig(most_rounds=10, learning_rate=0.3), folds=2, repeats=1)
)


def event(lead: str, name: str, day: float, late: float = 0.0, **said: float | str) -> Event:
    occurred = START_US + round(day * DAY_US)
    return Event(lead, name, occurred, occurred + round(late * DAY_US), said)


@cache
def crowd(leads: int = 180, days: float = 110.0, seed: int = 1) -> tuple[Event, ...]:
    """Leads of whom half are large and go on soon, the others hardly ever."""
    chance = np.random.default_rng(seed)
    events = []
    for at in range(leads):
        lead, born, large = f"lead-{at:03}", chance.uniform(0.0, days), chance.random() < 0.5
        device = ["phone", "laptop"][int(chance.random() < 0.5)]
        size = float(chance.integers(50, 100) if large else chance.integers(1, 40))
        events.append(event(lead, "identify", born, size=size, device=device))
        when = born
        for name in ("video", "trial", "order"):
            when += chance.exponential(4.0 if large else 60.0)
            events.append(event(lead, name, when, chance.exponential(0.2)))
        visits = born + chance.uniform(0.0, 40.0, chance.poisson(12 if large else 5))
        events += [event(lead, "page", visit) for visit in [born, *visits]]
    return tuple(each for each in events if each.occurred_us < START_US + days * DAY_US)


@cache
def small_world() -> tuple[EventLog, Bundle]:
    """The log, and what its first ninety days teach; trained once for all tests."""
    log = log_of(crowd(), LADDER)
    return log, train(log, LADDER, until=UNTIL, config=QUICK)


@pytest.fixture
def log() -> EventLog:
    return small_world()[0]


@pytest.fixture
def bundle() -> Bundle:
    return small_world()[1]


def learned(bundle: Bundle) -> dict[str, Any]:
    """All that a bundle knows, as values that can be compared."""
    models = {"advancement": bundle.advancement, "purchase": bundle.purchase}
    return {
        "manifest": bundle.manifest,
        "encoding": asdict(bundle.encoding),
        "fields": dict(bundle.offers.fields),
        **{
            name: (
                model.calibrator.as_dict(),
                model.typical.tolist(),
                None if model.learner is None else model.learner.to_bytes(),
            )
            for name, model in models.items()
        },
    }


# ------------------------------------------------------------------------------- What it knows of


def test_what_is_known_later_is_not_learned(bundle):
    """Events that became known after `until` change nothing, whenever they happened."""
    past = [each for each in crowd() if each.known_us <= UNTIL]
    late = [
        event("lead-000", "order", 1.0, late=89.0 + 1e-6),
        event("nobody yet", "page", 95.0),
        event("lead-001", "never heard of", 91.0),
    ]
    for events in ([*past, event("nobody yet", "page", 95.0)], [*past, *late]):
        again = train(log_of(events, LADDER), LADDER, until=UNTIL, config=QUICK)
        assert learned(again) == learned(bundle)


@pytest.mark.parametrize("days", [0.0, 1e-9, 30.0, 9e3])
def test_training_ends_with_the_log(days):
    """After the last event nothing is known: a later `until` makes no pending lead a lost one."""
    log = log_of(crowd(40, 60.0), LADDER)
    last = int(log.known.max())
    until = last + round(days * DAY_US)
    again = train(log, LADDER, until=until, config=QUICK)
    assert learned(again) == learned(train(log, LADDER, config=QUICK))
    assert again.manifest["until"] == last
    assert again.manifest["trained_on"]["advancement"]["pending"] > 0


def test_what_is_known_at_until_is_learned(bundle):
    """An event that becomes known at that very instant is part of the log."""
    past = [each for each in crowd() if each.known_us <= UNTIL]
    more = [*past, Event("lead-000", "order", START_US, UNTIL)]
    again = train(log_of(more, LADDER), LADDER, until=UNTIL, config=QUICK)
    assert again.manifest["data_fingerprint"] != bundle.manifest["data_fingerprint"]


def test_by_default_all_of_the_log_is_known():
    """Without `until` training ends when the last event became known, not when it happened."""
    events = [*crowd(30), event("lead-000", "page", 1.0, late=200.0)]
    bundle = train(log_of(events, LADDER), LADDER, config=QUICK)
    assert bundle.manifest["until"] == START_US + 201 * DAY_US


def test_the_same_arguments_give_the_same_bundle(log, bundle):
    """Bit for bit, in whatever order the rows of the log were read; another seed gives another."""
    shuffled = [crowd()[at] for at in np.random.default_rng(2).permutation(len(crowd()))]
    for given in (log, log_of(shuffled, LADDER)):
        assert learned(train(given, LADDER, until=UNTIL, config=QUICK)) == learned(bundle)
    other = train(log, LADDER, until=UNTIL, config=replace(QUICK, seed=8))
    assert other.manifest["trained_on"] != bundle.manifest["trained_on"]


def test_only_mature_points_teach(log, bundle):
    """Each goal learns from the points whose horizon is over, with what came of these."""
    known = log.known_by(UNTIL)
    points = decision_points(known, LADDER, end=UNTIL, seed=7)
    priors = {"advancement": advancement_priors(LADDER), "purchase": purchase_priors(LADDER)}
    for goal, outcomes in zip(priors, label(known, LADDER, points, UNTIL), strict=True):
        is_rising = goal == "purchase"
        rows = training_rows(points, outcomes, bundle.encoding, is_rising=is_rising)
        said = bundle.manifest["trained_on"][goal]
        assert said["points"] == outcomes.mature.sum() < len(points)
        assert said["pending"] == len(points) - said["points"]
        assert said["leads"] == len(np.unique(points.lead[outcomes.mature]))
        assert said["reached"] == (outcomes.state[outcomes.mature] == State.ADVANCED).sum()
        again = fit_goal(rows, StepRates.prior(priors[goal]), QUICK.fit)
        model = getattr(bundle, goal)
        assert again.calibrator.as_dict() == model.calibrator.as_dict()
    assert bundle.manifest["trained_on"]["advancement"]["pending"] > 0


def came_to(state: npt.ArrayLike, mature: npt.NDArray[np.bool_]) -> Outcomes:
    """Outcomes of a ladder that does not say what loses a lead."""
    weight = mature.astype(np.float64)
    at, after = np.zeros(len(weight), np.int64), np.full(len(weight), np.nan)
    return Outcomes(np.asarray(state, dtype=np.int64), mature, mature, at, weight, after)


def test_rows_of_pending_points_are_left_out():
    """Also of those that have advanced already; the rows that stay are those of their points."""
    log = log_of(crowd(12), LADDER)
    points = decision_points(log, LADDER, end=UNTIL, seed=7)
    kind = np.arange(len(points)) % 4
    state = np.array([State.LAPSED, State.ADVANCED, State.PENDING, State.ADVANCED])[kind]
    outcomes = came_to(state, kind < 2)
    encoding = Encoding.learn(points.snapshot)
    rows = training_rows(points, outcomes, encoding)
    np.testing.assert_array_equal(rows.happened, kind[kind < 2])
    np.testing.assert_array_equal(rows.lead, points.lead[kind < 2])
    np.testing.assert_array_equal(rows.as_of, points.as_of[kind < 2])
    np.testing.assert_array_equal(rows.position, points.position[kind < 2])
    np.testing.assert_array_equal(rows.matrix, encoding.matrix(points.snapshot)[kind < 2])
    assert rows.category_columns == encoding.category_columns


def test_what_the_steps_are_held_to():
    """Of the purchase: more steps and deeper ones never lower, slowness never raises.

    Of the next step only what speaks against a lead is held.
    """
    log = log_of(crowd(12), LADDER)
    points = decision_points(log, LADDER, end=UNTIL, seed=7)
    outcomes = came_to(np.ones(len(points)), np.ones(len(points), np.bool_))
    encoding = Encoding.learn(points.snapshot)
    names = [signal.id for signal in points.snapshot.signals]
    held = dict(
        zip(names, training_rows(points, outcomes, encoding, is_rising=True).monotone, strict=True)
    )
    assert held["ladder.position"] == held["ladder.steps_completed"] == 1
    assert held["ladder.pace"] == held["against.recent"] == -1
    assert held["ladder.days_at_position"] == held["activity.days_since_last"] == 0
    assert held["offers.ignored"] == held["replies.hours_waiting"] == 0
    free = dict(zip(names, training_rows(points, outcomes, encoding).monotone, strict=True))
    assert {name for name, sign in free.items() if sign} == {
        name for name in names if name.startswith("against.")
    }


def test_where_the_data_disagree_is_said():
    """Leads that bought less often after a step, surely, are told of; a few of them are not."""
    log = log_of(crowd(400), LADDER)
    points = decision_points(log, LADDER, end=UNTIL, seed=7)
    mature = np.ones(len(points), np.bool_)

    def told(chances: Sequence[float], keep: int) -> list[str]:
        some = np.isin(points.lead, np.unique(points.lead)[:keep])
        luck = np.random.default_rng(1).random(len(points))
        bought = luck < np.array(chances)[np.minimum(points.position, len(chances) - 1)]
        state = np.where(bought, State.ADVANCED, State.LAPSED)
        return disagreements(LADDER, points.rows(some), came_to(state[some], mature[some]))

    (said,) = told([0.5, 0.1, 0.6], 400)
    assert repr(LADDER.goals[0].title) in said
    here = points.position == 1
    bought = np.random.default_rng(1).random(len(points))[here] < 0.1
    assert f"{in_percent(bought.mean(), 1)} bought" in said
    assert told([0.1, 0.5, 0.6], 400) == []
    assert told([0.5, 0.1, 0.6], 4) == []


def test_at_most_so_many_points(log, bundle):
    """A larger log is thinned by whole leads."""
    few = train(log, LADDER, until=UNTIL, config=replace(QUICK, most_points=1000))
    said, whole = (one.manifest["trained_on"]["advancement"] for one in (few, bundle))
    assert 0 < said["points"] + said["pending"] < 1000 < whole["points"] + whole["pending"]


# ------------------------------------------------------------------------------ Nothing to go by


@pytest.mark.parametrize(
    ("leads", "until"), [(5, START_US - 1), (0, UNTIL), (0, None)], ids=["early", "empty", "never"]
)
def test_before_the_first_event(leads, until):
    """With nothing known the answers are the ladder's bands."""
    log = log_of(crowd(leads), LADDER)
    bundle = train(log, LADDER, until=until, config=QUICK)
    for goal, means in (
        ("advancement", advancement_priors(LADDER)),
        ("purchase", purchase_priors(LADDER)),
    ):
        said = bundle.manifest["trained_on"][goal]
        assert (said["evidence"], said["points"], said["pending"]) == ("prior", 0, 0)
        assert (said["learner"], said["trees"], said["learned"]) == (None, 0, False)
        model = getattr(bundle, goal)
        found = model.predict_proba(np.zeros((3, len(bundle.encoding.columns))), np.arange(3))
        np.testing.assert_allclose(found[:, 1], means)


def test_a_lead_with_one_event():
    """A single page trains: one lead is no evidence for a model, its outcomes move the rates."""
    log = log_of([event("ann", "page", 0.0), event("later", "page", 91.0)], LADDER)
    bundle = train(log, LADDER, until=UNTIL, config=QUICK)
    said = bundle.manifest["trained_on"]["advancement"]
    assert (said["evidence"], said["leads"], said["reached"]) == ("rates", 1, 0)
    assert bundle.advancement.calibrator.rate[0] < advancement_priors(LADDER)[0]


def test_no_event_of_score_at_is_an_error():
    """Where leads are scored at events that the log does not hold, those are named."""
    rules = (EventRule("zoom"), EventRule("meeting"), EventRule("zoom"))
    ladder = replace(LADDER, score_at=rules)
    with pytest.raises(NotEnoughData, match=r"score_at \(meeting, zoom\): nothing to train on"):
        train(log_of(crowd(5), ladder), ladder, until=UNTIL, config=QUICK)


def test_at_the_events_of_score_at():
    """With `score_at` a point is drawn at each of these events, and nowhere else."""
    ladder = replace(LADDER, score_at=(EventRule("identify"),))
    bundle = train(log_of(crowd(40), ladder), ladder, until=UNTIL, config=QUICK)
    said = bundle.manifest["trained_on"]["advancement"]
    born = [each for each in crowd(40) if each.name == "identify" and each.known_us <= UNTIL]
    assert said["points"] + said["pending"] == len(born)


# ---------------------------------------------------------------------------------- What it says


def test_the_manifest(log, bundle):
    """It says what the bundle was trained with, on which data, and until when."""
    told = bundle.manifest
    assert told["rung"] == version("rung")
    assert told["libraries"].keys() == {"lightgbm", "numba", "numpy", "scikit-learn", "scipy"}
    assert all(version(name) == held for name, held in told["libraries"].items())
    assert told["until"] == UNTIL
    assert told["data_fingerprint"] == fingerprint(log.known_by(UNTIL))
    then = log.known_by(UNTIL)
    seen = {then.leads[at] for at in then.lead_of_rows()}
    assert told["log"] == {
        "events": len(then.name),
        "leads": len(seen),
        "from": int(then.occurred.min()),
    }
    assert told["config"]["seed"] == 7
    assert told["config"]["most_points"] == 300_000
    assert told["config"]["fit"]["boosting"]["most_rounds"] == 10
    assert told["config"]["fit"]["estimator"] is None
    assert told["decisions"] == {"drawn": 0, "observed": 0, "pending": 0} | {
        "value_pending": 0,
        "dropped": {},
        "unseen": 0,
        "lots": 0,
    }
    assert told["notes"] == []


def test_what_the_manifest_says_of_a_model(bundle):
    """The kind of learner, how many trees it has, and whether the signals told leads apart."""
    said = bundle.manifest["trained_on"]["advancement"]
    learner = bundle.advancement.learner
    assert isinstance(learner, BoostedTrees)
    assert said["learner"] == "BoostedTrees"
    assert said["trees"] == learner.booster.num_trees() > 0
    assert said["evidence"] == bundle.advancement.evidence == "model"
    assert said["learned"] is bundle.advancement.calibrator.learned is True


def test_an_estimator_in_place_of_the_trees(log):
    """The manifest holds its text, and no trees."""
    fit = replace(QUICK.fit, estimator=DecisionTreeClassifier(max_depth=2))
    bundle = train(log, LADDER, until=UNTIL, config=replace(QUICK, fit=fit))
    told = bundle.manifest["config"]["fit"]["estimator"]
    assert told == "DecisionTreeClassifier(max_depth=2)"
    said = bundle.manifest["trained_on"]["advancement"]
    assert (said["learner"], said["trees"]) == ("Averaged", 0)


def test_progress(log):
    """Training says what it is at, goal by goal."""
    told: list[str] = []
    train(log, LADDER, until=UNTIL, config=QUICK, progress=told.append)
    points = decision_points(log.known_by(UNTIL), LADDER, end=UNTIL, seed=7)
    assert told[:5] == [
        "drawing decision points",
        f"{len(points):,} decision points of {len(np.unique(points.lead)):,} leads",
        "probing for leaks",
        "effects of offers",
        "fitting advancement",
    ]
    assert "advancement: boosting fold 1" in told
    assert told.index("advancement: boosting fold 2") < told.index("fitting purchase")


def test_a_decision_without_its_record_is_refused_before_anything_is_fitted():
    """A long training does not end in what could be told at once."""
    rows = [event("eve", name, day) for name, day in (("page", 0), ("rung_decision", 20))]
    told: list[str] = []
    with pytest.raises(EventsError, match="lead 'eve': a 'rung_decision' event without its"):
        train(log_of(rows, LADDER), LADDER, until=UNTIL, config=QUICK, progress=told.append)
    assert not [line for line in told if line.startswith("fitting")]


# ---------------------------------------------------------------------------- The worth of a field


@dataclass(frozen=True, eq=False)
class Weighted:
    """A learner to which each column adds its value times a weight; it notes how much it saw."""

    weights: dict[int, float]
    seen: list[int]
    suffix = ".none"

    def margins(self, matrix: Floats) -> Floats:
        return np.asarray(self.contributions(matrix).sum(axis=1), dtype=np.float64)

    def contributions(self, matrix: Floats) -> Floats:
        self.seen.append(len(matrix))
        added = np.zeros_like(matrix)
        for column, weight in self.weights.items():
            added[:, column] = weight * np.nan_to_num(matrix[:, column], nan=1e6)
        return added

    def to_bytes(self) -> bytes:
        return b""


def worth(events: Sequence[Event], weights: dict[str, float]) -> tuple[dict[str, float], int]:
    """The worth of each trait where traits weigh so much, and how many rows were looked at."""
    log = log_of(events, LADDER)
    points = decision_points(log, LADDER, end=UNTIL, seed=3)
    encoding = Encoding.learn(points.snapshot)
    columns = {encoding.columns.index(f"trait.{name}"): by for name, by in weights.items()}
    learner = Weighted(columns, [])
    model = GoalModel(learner, uncalibrated(RATES), np.zeros((3, len(encoding.columns))))
    return field_worth(LADDER, points, encoding, model), sum(learner.seen)


def test_the_worth_of_a_field():
    """It is how far the trait moves the margin either way, on average where it is known."""
    events = [
        event("ann", "identify", 0.0, size=-2.0),
        event("ann", "page", 0.0),
        event("bob", "page", 0.0),
    ]
    found, _ = worth(events, {"size": 0.5, "device": 3.0})
    assert found == {"size": 1.0, "device": 0.0}  # nobody's device is known


def test_the_worth_of_a_field_is_looked_for_on_some_points():
    """A thousand points are enough."""
    found, seen = worth([event(f"{at}", "page", 1.0) for at in range(400)], {"size": 1.0})
    assert seen == 1000
    assert found == {"size": 0.0, "device": 0.0}


def test_no_field_is_worth_anything_without_a_learner(log, bundle):
    """Where nothing was learned, or nobody was looked at, each trait is worth 0."""
    points = decision_points(log.known_by(UNTIL), LADDER, end=UNTIL, seed=3)
    nothing = {"size": 0.0, "device": 0.0}
    without = GoalModel(None, uncalibrated(RATES), bundle.advancement.typical)
    assert field_worth(LADDER, points, bundle.encoding, without) == nothing
    nobody = points.rows(np.zeros(len(points), dtype=np.bool_))
    assert field_worth(LADDER, nobody, bundle.encoding, bundle.advancement) == nothing


def test_the_worth_of_fields_is_told_of_the_next_step(log, bundle):
    """A bundle holds the worth of each trait for advancing, as a mean over its decision points."""
    points = decision_points(log.known_by(UNTIL), LADDER, end=UNTIL, seed=7)
    by_goal = [
        field_worth(LADDER, points, bundle.encoding, model)
        for model in (bundle.advancement, bundle.purchase)
    ]
    assert by_goal[0] != by_goal[1]
    assert bundle.offers.fields == by_goal[0]
    assert bundle.offers.fields["size"] > 0.0


# ----------------------------------------------------------------------------------- Fingerprints


def test_a_fingerprint_is_of_what_the_log_says():
    """The order of the rows is no part of it; everything that an event says is."""
    events = [
        event("ann", "identify", 0.0, size=1.0, device="phone"),
        event("ann", "page", 1.0),
        event("bob", "page", 1.0),
    ]
    first = events[0]
    changed = [
        replace(first, lead_id="cem"),
        replace(first, name="page"),
        replace(first, occurred_us=first.occurred_us - 1),
        replace(first, known_us=first.known_us + 1),
        replace(first, properties={"size": 2.0, "device": "phone"}),
        replace(first, properties={"size": 1.0, "device": "laptop"}),
        replace(first, properties={"size": 1.0}),
    ]
    base = fingerprint(log_of(events, LADDER))
    assert fingerprint(log_of(events[::-1], LADDER)) == base
    prints = {fingerprint(log_of([one, *events[1:]], LADDER)) for one in changed}
    assert len(prints | {base, fingerprint(log_of(events[1:], LADDER))}) == len(changed) + 2
    assert len(base) == 64


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("a:page b:page b:page", "a:page a:page b:page", id="whose an event is"),
        pytest.param("a:page b:page", "a:page c:page", id="a lead's name"),
        pytest.param("a:page b:page", "a:view b:view", id="an event's name"),
        pytest.param("a:page b:view", "a:view b:page", id="which event it is"),
        pytest.param("a:page=x b:page=y", "a:page=y b:page=x", id="who said a text"),
    ],
)
def test_a_fingerprint_tells_logs_apart(one, other):
    """Two logs that hold the same words for others, or other words alike, are two logs."""

    def told(text: str) -> str:
        parts = [part.replace("=", ":").split(":") for part in text.split()]
        devices = [{"device": part[2]} if len(part) > 2 else {} for part in parts]
        events = [
            Event(part[0], part[1], START_US, START_US, dict(device))
            for part, device in zip(parts, devices, strict=True)
        ]
        return fingerprint(log_of(events, LADDER))

    assert told(one) != told(other)
    assert told(one) == told(" ".join(reversed(one.split())))


def test_a_fingerprint_is_of_the_columns():
    """The same number under another name is another log."""
    ladders = [replace(LADDER, traits=(Trait(name, "number"),)) for name in ("size", "width")]
    prints = {
        fingerprint(log_of([event("ann", "identify", 0.0, size=1.0, width=1.0)], ladder))
        for ladder in ladders
    }
    assert len(prints) == 2


# ----------------------------------------------------------------------- What is fitted on what


def rows_of(
    lead: npt.ArrayLike, as_of: npt.ArrayLike, happened: npt.ArrayLike, told: Floats | None = None
) -> TrainingRows:
    """Points on the first step, told apart by one column."""
    leads, times = (np.array(column, dtype=np.int64) for column in (lead, as_of))
    matrix = np.zeros((len(leads), 1)) if told is None else told[:, None]
    reached = np.array(happened, dtype=np.float64)
    return TrainingRows(matrix, [], np.zeros_like(leads), leads, times, reached)


def planted(leads: int = 300, per_lead: int = 4, seed: int = 1) -> TrainingRows:
    """Leads whom one column tells apart, at random instants."""
    chance = np.random.default_rng(seed)
    lead = np.repeat(np.arange(leads), per_lead)
    told = chance.normal(size=len(lead))
    happened = chance.random(len(lead)) < expit(2.0 * told - 0.5)
    return rows_of(lead, chance.permutation(len(lead)), happened, told)


RATES = StepRates.prior(np.array([0.4, 0.4, 0.2]))
SPLIT = replace(QUICK.fit, least_calibration=50)


def test_the_latest_quarter_is_calibrated_on():
    """Where it holds enough outcomes; else all points are."""
    rows = planted()
    np.testing.assert_array_equal(_later(rows, SPLIT), rows.as_of >= 900)
    third = replace(SPLIT, calibration_share=1 / 3)
    np.testing.assert_array_equal(_later(rows, third), rows.as_of >= 800)


@pytest.mark.parametrize("kind", [0.0, 1.0])
@pytest.mark.parametrize(("outcomes", "is_split"), [(10, True), (9, False)])
def test_a_later_period_takes_enough_outcomes_of_either_kind(kind, outcomes, is_split):
    """With fewer than `least_calibration` of one kind all points are used."""
    later = np.full(50, 1.0 - kind)
    later[:outcomes] = kind
    happened = np.concatenate([np.arange(150) % 2, later])
    rows = rows_of(np.arange(200), np.arange(200), happened)
    found = _later(rows, FitConfig(least_calibration=10))
    assert found.sum() == (50 if is_split else 200)


@pytest.mark.parametrize("kind", [0.0, 1.0])
@pytest.mark.parametrize(("leads", "is_split"), [(30, True), (29, False)])
def test_an_earlier_period_takes_enough_leads_of_either_kind(kind, leads, is_split):
    """With fewer than `least_leads` of one kind before it, the period is not split."""
    earlier = np.full(150, 1.0 - kind)
    earlier[:leads] = kind
    happened = np.concatenate([earlier, np.arange(50) % 2])
    rows = rows_of(np.arange(200), np.arange(200), happened)
    found = _later(rows, FitConfig(least_calibration=10))
    assert found.sum() == (50 if is_split else 200)


def test_the_instant_of_the_cut_is_before_it():
    """Points of one instant are never parted: where most are of the last, none is later."""
    as_of = [*range(100), *[100] * 300]
    rows = rows_of(np.arange(400), as_of, np.arange(400) % 2)
    assert _later(rows, FitConfig(least_calibration=10)).all()


def test_the_newest_outcomes_are_learned_from():
    """Outcomes of the later period change the trees, as those of the earlier one do."""
    rows = planted()
    later = rows.as_of >= 900
    base = fit_goal(rows, RATES, SPLIT)
    for part in (later, ~later):
        flipped = replace(rows, happened=np.where(part & (rows.lead % 5 == 0), 1.0, rows.happened))
        other = fit_goal(flipped, RATES, SPLIT)
        assert isinstance(base.learner, BoostedTrees)
        assert isinstance(other.learner, BoostedTrees)
        assert other.learner.to_bytes() != base.learner.to_bytes()
        assert other.calibrator.as_dict() != base.calibrator.as_dict()


def test_what_changed_lately_is_known():
    """A signal that began to tell in the last quarter of the points tells what is served."""
    rows = planted(leads=600)
    late = rows.as_of >= 1800
    chance = np.random.default_rng(3).random(len(late))
    tells = np.where(late, 2.0, 0.0) * rows.matrix[:, 0]
    rows = replace(rows, happened=(chance < expit(tells - 0.5)).astype(np.float64))
    served = fit_goal(rows, RATES, SPLIT).estimate(rows.matrix, rows.position).probability
    assert np.corrcoef(served, rows.matrix[:, 0])[0, 1] > 0.8


def test_weights_are_numbers_of_rows():
    """A row that counts twice is as good as two of it, for rates, level and slope."""
    rows = planted(leads=500)
    twice = rows.lead % 2 == 0
    weighted = fit_goal(replace(rows, weight=np.where(twice, 2.0, 1.0)), RATES, SPLIT)
    again = np.concatenate([np.arange(len(twice)), np.flatnonzero(twice)])
    names = ("matrix", "position", "lead", "as_of", "happened", "weight")
    doubled = replace(rows, **{name: getattr(rows, name)[again] for name in names})
    other = fit_goal(doubled, RATES, SPLIT)
    probabilities = [
        model.estimate(rows.matrix, rows.position).probability for model in (weighted, other)
    ]
    assert np.abs(probabilities[0] - probabilities[1]).mean() < 0.02
    assert weighted.calibrator.rate == pytest.approx(other.calibrator.rate, abs=0.01)


def test_the_rates_of_the_later_period():
    """They are those of its leads, with what was before worth ten; unsplit, those of the log."""
    rows = planted()
    later, before = rows.rows(rows.as_of >= 900), rows.rows(rows.as_of < 900)
    whole = RATES.updated(rows.position, rows.happened, rows.lead)
    leads = len(np.unique(later.lead))
    reached = 4 * 0.4 + 10 * before.happened.mean() + leads * later.happened.mean()
    expected = reached / (4 + 10 + leads)
    split = fit_goal(rows, RATES, SPLIT).calibrator
    assert split.rate[0] == pytest.approx(expected)
    assert split.leads == leads
    unsplit = fit_goal(rows, RATES, QUICK.fit).calibrator
    assert unsplit.rate[0] == pytest.approx(whole.mean[0])
    assert unsplit.leads == 300


@pytest.mark.parametrize("least_calibration", [50, 10_000], ids=["split", "unsplit"])
def test_no_lead_is_calibrated_by_a_model_that_has_seen_it(least_calibration):
    """A learner that knows every lead by heart has learned nothing, and it shows."""
    chance = np.random.default_rng(5)
    lead = np.repeat(np.arange(300), 4)
    happened = (chance.random(300) < 0.4)[lead]
    as_of, column = chance.permutation(1200), chance.random(300)[lead]
    by_heart = rows_of(lead, as_of, happened, column)
    config = replace(SPLIT, estimator=DecisionTreeClassifier(), least_calibration=least_calibration)
    model = fit_goal(by_heart, RATES, config)
    assert model.learner is not None
    assert ((model.learner.margins(by_heart.matrix) > 0) == happened).mean() > 0.7
    assert not model.calibrator.learned


def test_a_step_counts_all_leads_that_stood_on_it():
    """How far the margin is believed at a step goes by its leads of both periods."""
    rows = planted()
    position = np.where(rows.lead < 8, 1, 0)
    calibrator = fit_goal(replace(rows, position=position), RATES, SPLIT).calibrator
    assert calibrator.learned
    of_many, of_few = 292 / (292 + 5), 8 / (8 + 5)
    assert calibrator.slope[1] / calibrator.slope[0] == pytest.approx(of_few / of_many)
    assert calibrator.slope[2] == 0.0


@pytest.mark.parametrize(("few", "is_own"), [(20, True), (19, False)])
def test_what_is_typical_of_a_step(few, is_own):
    """The mean margin of its points, or of all where fewer than twenty stood on it."""
    rows = planted(leads=100)
    position = np.where(np.arange(400) < few, 1, 0)
    rows = replace(rows, position=position, matrix=rows.matrix + position[:, None])
    model = fit_goal(rows, RATES, SPLIT)
    assert model.learner is not None
    margins, typical = model.learner.margins(rows.matrix), model.calibrator.typical_margin
    assert typical[0] == pytest.approx(margins[position == 0].mean())
    assert typical[1] == pytest.approx(margins[position == 1].mean() if is_own else margins.mean())
    assert typical[2] == pytest.approx(margins.mean())


def test_what_is_typical_is_looked_for_on_some_points():
    """Four hundred points of each step are looked at, drawn at random; of fewer, all."""
    rows = planted(leads=500)
    rows = replace(rows, position=np.where(np.arange(2000) % 80 == 0, 1, 0))
    model = fit_goal(rows, RATES, SPLIT)
    assert model.learner is not None
    margins, typical = model.learner.margins(rows.matrix), model.calibrator.typical_margin
    shuffled = np.random.default_rng(7).permutation(2000)
    first = shuffled[rows.position[shuffled] == 0][:400]
    assert typical[0] == pytest.approx(margins[first].mean())
    assert typical[1] == pytest.approx(margins[rows.position == 1].mean())


@pytest.mark.parametrize("kind", [0.0, 1.0])
@pytest.mark.parametrize(("leads", "is_fitted"), [(30, True), (29, False)])
def test_a_model_takes_enough_leads_of_either_kind(kind, leads, is_fitted):
    """With `least_leads` leads of either kind a model is fitted, with one fewer there is none."""
    happened = np.full(100, 1.0 - kind)
    happened[:leads] = kind
    lead = np.repeat(np.arange(100), 2)
    rows = rows_of(lead, np.arange(200), happened[lead], np.random.default_rng(1).random(200))
    assert (fit_goal(rows, RATES, QUICK.fit).learner is not None) == is_fitted


def test_no_rows_are_no_model():
    """Also where no lead at all is asked for, the bands answer."""
    nothing = planted().rows(np.zeros(1200, dtype=np.bool_))
    model = fit_goal(nothing, RATES, replace(QUICK.fit, least_leads=0))
    assert (model.learner, model.evidence) == (None, "prior")


def test_a_learner_that_is_not_believed_is_not_asked():
    """Where no step believes the margins, the rates are served whatever the learner would say."""
    learner = Weighted({0: np.inf}, [])
    model = GoalModel(learner, uncalibrated(RATES, leads=50), np.zeros((3, 1)))
    found = model.predict_proba(np.ones((3, 1)), np.arange(3))
    np.testing.assert_allclose(found[:, 1], RATES.mean)
    assert learner.seen == []


def test_a_look_back_learns_from_young_points_alone(log):
    """Points older than it teach nothing; what their leads did before is seen all the same."""
    config = replace(QUICK, look_back_days=40.0)
    bundle = train(log, LADDER, until=UNTIL, config=config)
    known = log.known_by(UNTIL)
    points = decision_points(known, LADDER, start=UNTIL - 40 * DAY_US, end=UNTIL, seed=7)
    mature = label(known, LADDER, points, UNTIL)[0].mature
    assert bundle.manifest["trained_on"]["advancement"]["points"] == mature.sum()
    assert bundle.manifest["config"]["look_back_days"] == 40.0
    every = decision_points(known, LADDER, end=UNTIL, seed=7)
    young = every.rows(every.as_of > UNTIL - 40 * DAY_US)
    np.testing.assert_array_equal(young.snapshot.values, points.snapshot.values)
