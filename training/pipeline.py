"""The main path: from an event log and a ladder to a bundle.

decision points -> signals (snapshot) -> labels -> fit -> calibrate -> effects of offers -> bundle
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from importlib.metadata import version
from typing import Any, Final, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from features.clock import said_from
from features.errors import NotEnoughData, StoreError, without_password
from features.events.log import DAY_US, EventLog
from features.funnel.states import State
from features.ladder.ladder import Ladder
from features.ladder.words import in_percent, things
from features.reading import names_apart
from features.signals.signal import Op, Signal
from features.signals.table import signals_of
from features.store.events import EventStore
from features.store.privacy import Privacy
from models.bundle import Bundle
from models.judging.rounding import rounded
from models.scores.encoding import Encoding
from models.scores.goal_model import FitConfig, GoalModel, TrainingRows, fit_goal
from models.scores.learners.learner import BoostedTrees, EstimatorError
from models.scores.learners.rehearsal import rehearse
from models.scores.step_rates import StepRates, advancement_priors, purchase_priors
from training.decision_points import Points, decision_points, why_no_points
from training.labels import Outcomes, arrival_delays, label
from training.policies.decisions import uncounted_gains
from training.policies.effects_told import changes_told, contradictions_told
from training.policies.offers import learn_offers
from training.trust.probes import accept, probed

__all__ = [
    "Begun",
    "TrainConfig",
    "begin_training",
    "disagreements",
    "record_training",
    "train",
]

_COMPUTING: Final = ("lightgbm", "numba", "numpy", "scikit-learn", "scipy")
"""The distributions whose arithmetic a bundle's bits follow from."""
_FIELD_ROWS: Final = 1000
_LATE_SPANS: Final = 5
"""Times that a log may have happened over, of those that it became known over, without a word."""


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """All that a training run depends on besides the log and the ladder.

    `most_points` bounds the decision points; a larger log is thinned by whole leads. With
    `look_back_days` only points so young when training ends are learned from; what was known of
    their leads before is still seen.
    """

    fit: FitConfig = field(default_factory=FitConfig)
    most_points: int = 300_000
    seed: int = 7
    look_back_days: float | None = None


def train(
    log: EventLog,
    ladder: Ladder,
    *,
    until: int | None = None,
    config: TrainConfig | None = None,
    accepted: Mapping[str, str] | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Bundle:
    """Train on what was known by `until` (microseconds; default, and at most: the last event).

    The result depends on nothing but the arguments and the versions of what computes: the same log,
    ladder and configuration give the same bundle, bit for bit.

    Parameters
    ----------
    accepted : what the probes (`training.trust`) may find, by its id, with the reason why.

    Raises
    ------
    LeakFound : a probe found what nobody accepts; nothing was fitted.
    NotEnoughData : no event is one that the ladder reads, or that its `score_at` matches. Any other
        log trains: with nothing to learn from, the answers are the ladder's bands.
    EstimatorError : the configuration's estimator cannot take the place of the trees, or fails.
    """
    with threadpool_limits(1, user_api="blas"):  # more add up otherwise
        return _trained(log, ladder, until, config or TrainConfig(), accepted or {}, progress)


def _trained(
    log: EventLog,
    ladder: Ladder,
    until: int | None,
    config: TrainConfig,
    accepted: Mapping[str, str],
    progress: Callable[[str], None],
) -> Bundle:
    notes = _rehearsed(config.fit, ladder)
    until = log.judged_until(until)
    log = log.known_by(until)
    if apart := names_apart(log, ladder):
        raise NotEnoughData(apart)
    progress("drawing decision points")
    look_back = config.look_back_days
    start = None if look_back is None else until - round(look_back * DAY_US)
    points = decision_points(
        log, ladder, start=start, end=until, seed=config.seed, most=config.most_points
    )
    notes += _notes(log, ladder, points, until, config.seed)
    if len(points) == 0 and ladder.score_at:
        raise NotEnoughData(f"{notes[-1]}: nothing to train on")
    advanced, purchased = label(log, ladder, points, until)
    if len(points) and not purchased.mature.any():
        notes.append(_never_over(ladder, points, purchased, until, look_back))
    if ladder.steps_never_lower:
        notes += disagreements(ladder, points, purchased)
    encoding = Encoding.learn(points.snapshot)
    progress(
        f"{things(len(points), 'decision point')} of {things(len(np.unique(points.lead)), 'lead')}"
    )
    progress("probing for leaks")
    found = probed(log, ladder, points, (advanced, purchased), encoding)
    found = accept(found, accepted)
    progress("effects of offers")  # before the fits: a decision that cannot be read ends here
    offers, decided = learn_offers(log, ladder, encoding, until, config.seed)
    notes += [*changes_told(offers), *contradictions_told(offers)]
    notes += uncounted_gains(log, ladder)
    models, counts = _fitted(ladder, points, (advanced, purchased), encoding, config.fit, progress)
    offers = replace(offers, fields=field_worth(ladder, points, encoding, models["advancement"]))
    manifest = {
        "rung": version("rung"),
        "libraries": {name: version(name) for name in _COMPUTING},
        "until": until,
        "arrival_delays": arrival_delays(log, ladder, until).tolist(),
        "data_fingerprint": fingerprint(log),
        "log": _log_in_counts(log),
        "config": _told(config),
        "trusted_types": sorted(config.fit.trusted),
        "trained_on": counts,
        "decisions": asdict(decided),
        "notes": notes,
        "probes": [one.as_dict() for one in found],
    }
    return Bundle(ladder, encoding, models["advancement"], models["purchase"], offers, manifest)


def _fitted(
    ladder: Ladder,
    points: Points,
    outcomes: tuple[Outcomes, Outcomes],
    encoding: Encoding,
    config: FitConfig,
    progress: Callable[[str], None],
) -> tuple[dict[str, GoalModel], dict[str, Any]]:
    """The model of each goal, and what it was fitted on, in counts."""
    models: dict[str, GoalModel] = {}
    counts: dict[str, Any] = {}
    means = advancement_priors(ladder), purchase_priors(ladder)
    for goal, came, mean in zip(("advancement", "purchase"), outcomes, means, strict=True):
        progress(f"fitting {goal}")
        is_rising = goal == "purchase" and ladder.steps_never_lower
        rows = training_rows(points, came, encoding, is_rising=is_rising)
        told = partial(_of_goal, goal, progress)
        try:
            models[goal] = fit_goal(rows, StepRates.prior(mean), config, told)
        except EstimatorError as error:
            raise EstimatorError(f"{goal}: {error}") from error
        counts[goal] = _counts(rows, came, models[goal])
    return models, counts


def _rehearsed(config: FitConfig, ladder: Ladder) -> list[str]:
    """What is to be known of an estimator; EstimatorError where it cannot do."""
    if config.estimator is None:
        return []
    columns = len(signals_of(ladder))
    return rehearse(config.estimator, columns, trusted=config.trusted, seed=config.seed)


def _notes(log: EventLog, ladder: Ladder, points: Points, until: int, seed: int) -> list[str]:
    """What whoever reads the result should know of the log, in sentences."""
    if not len(points):
        why = why_no_points(log, ladder, end=until, seed=seed)
        return [why if ladder.score_at else f"there is no decision point: {why}"]
    happened, known = (int(np.ptp(clock)) for clock in (log.occurred, log.known))
    if happened > _LATE_SPANS * max(known, DAY_US):
        return [
            f"events that happened over {happened / DAY_US:.0f} days all became known within"
            f" {max(1.0, known / DAY_US):.0f}: if known_at says when they were imported, leave it"
            " out; no lead can be looked at before anything was known"
        ]
    return []


def _never_over(
    ladder: Ladder, points: Points, purchased: Outcomes, until: int, look_back_days: float | None
) -> str:
    """That the points are too young for the horizon of a purchase, and what would help."""
    horizon = ladder.goals[-1].horizon_days
    first = int(points.as_of.min())
    age = rounded((until - first) / DAY_US, 3)
    if purchased.decided.any():
        counted = "what is known of purchases comes from those that were decided before it was over"
    else:
        counted = "chances of a purchase are what the ladder's bands say"
    helps = f"a log until {said_from(first + round(horizon * DAY_US))} or later"
    if look_back_days is not None and look_back_days <= horizon:
        # A later end moves the first point as well.
        more = things(horizon, "day")
        helps = f"a look-back of more than {more} (this one was of {look_back_days:g})"
    return (
        f"the horizon of a purchase is {things(horizon, 'day')}, and the first point is"
        f" {age} days old: no horizon is over yet, and {counted}; with {helps}, or a shorter"
        " horizon_days, purchases are learned from"
    )


class Begun(NamedTuple):
    """A training on a store that is about to read its events.

    Parameters
    ----------
    at : microseconds since the epoch.
    erasures : the ids of those that there were by then.
    """

    url: str
    at: int
    erasures: frozenset[str]


def begin_training(url: str, at: int) -> Begun:
    """What `record_training` needs of the time before a store is read.

    Parameters
    ----------
    at : the present in microseconds since the epoch.

    Raises
    ------
    StoreError : there is no such store, or none that can keep what was trained on it.
    """
    with EventStore.existing(url) as store:
        if store.database.only_reads:
            raise StoreError(
                f"{without_password(url)}: nothing can be written there, and what is trained on a"
                " store is kept in it, so that whoever is erased can be traced: copy it (rung"
                " import STORE --store OTHER) and train on the copy"
            )
        return Begun(url, at, frozenset(one.id for one in Privacy(store.database).erasures()))


def record_training(bundle: Bundle, begun: Begun) -> None:
    """Keep in a store that a saved bundle was trained on it, so that erasures can name it.

    Those since it was begun as well.

    Raises
    ------
    StoreError : there is no such store.
    """
    with EventStore.existing(begun.url) as store:
        Privacy(store.database).record_training(
            *(bundle.hash, bundle.ladder.name, int(bundle.manifest["until"])),
            *(begun.at, begun.erasures),
        )


def _told(config: TrainConfig) -> dict[str, Any]:
    """The configuration for the manifest; an estimator says what it is."""
    estimator = config.fit.estimator
    told = asdict(replace(config, fit=replace(config.fit, estimator=None)))
    told["fit"]["estimator"] = None if estimator is None else _unplaced(repr(estimator))
    if estimator is not None:
        parameters = estimator.get_params(deep=True)
        told["fit"]["parameters"] = {key: _unplaced(repr(parameters[key])) for key in parameters}
    return told


def _unplaced(text: str) -> str:
    """A text without places in memory, which are others each time."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)


def _of_goal(goal: str, progress: Callable[[str], None], what: str) -> None:
    progress(f"{goal}: {what}")


def training_rows(
    points: Points, outcomes: Outcomes, encoding: Encoding, *, is_rising: bool = False
) -> TrainingRows:
    """The decided points, as a model sees them.

    Parameters
    ----------
    is_rising : whether the steps that were completed are held not to lower the probability.
    """
    decided = points.rows(outcomes.decided)
    return TrainingRows(
        matrix=encoding.matrix(decided.snapshot),
        category_columns=encoding.category_columns,
        position=decided.position,
        lead=decided.lead,
        as_of=decided.as_of,
        happened=outcomes.happened[outcomes.decided],
        monotone=tuple(
            -1 if signal.is_against else _rising(signal) if is_rising else 0
            for signal in decided.snapshot.signals
        ),
        weight=outcomes.weight[outcomes.decided],
        censoring=outcomes.censoring and outcomes.censoring.rows(outcomes.decided),
        reached_after=outcomes.reached_after[outcomes.decided],
    )


def _rising(signal: Signal) -> int:
    """How a signal is held for the steps never to lower a purchase.

    Ages are not: how a chance falls with them need not be one way, and absent is not long ago.
    """
    if signal.op == Op.PACE:
        return -1
    return int(signal.group in ("position", "step") and signal.op in _RISING)


_RISING: Final = (Op.POSITION, Op.STEPS_COMPLETED, Op.SUM, Op.MAX)
"""How far a lead has come, and how deeply it took part."""
_SURE: Final = 2.33
"""Standard errors: one in a hundred by chance."""


def disagreements(ladder: Ladder, points: Points, purchased: Outcomes) -> list[str]:
    """Where leads that had completed a step bought surely less often than those before it.

    A rate has the weight of its leads, as the points of one lead are alike.
    """
    mature = points.rows(purchased.mature)
    happened = purchased.happened[purchased.mature]
    said = []
    for at in range(1, len(ladder.goals)):
        rates = [
            (float(happened[here].mean()), len(np.unique(mature.lead[here])))
            for place in (at - 1, at)
            if (here := mature.position == place).any()
        ]
        if len(rates) == 2 and _is_surely_less(*rates):
            said.append(
                f"of those who had completed {ladder.goals[at - 1].title!r}"
                f" {in_percent(rates[1][0], 1)} bought within the horizon, of those before it"
                f" {in_percent(rates[0][0], 1)}: the ladder's steps_never_lower holds the model to"
                " the contrary"
            )
    return said


def _is_surely_less(before: tuple[float, int], after: tuple[float, int]) -> bool:
    (lower, leads), (upper, others) = before, after
    middle = (lower * leads + upper * others) / (leads + others)
    error = np.sqrt(middle * (1.0 - middle) * (1.0 / leads + 1.0 / others))
    return bool(lower - upper > _SURE * error > 0.0)


def field_worth(
    ladder: Ladder, points: Points, encoding: Encoding, model: GoalModel
) -> dict[str, float]:
    """How far knowing each trait moves the margin on average, over some points where it is known.

    It is what a question for the trait would tell; 0 where nothing was learned.
    """
    learner = model.learner
    if learner is None or not ladder.traits or not len(points):
        return {trait.id: 0.0 for trait in ladder.traits}
    some = np.random.default_rng(7).permutation(len(points))[:_FIELD_ROWS]
    matrix = encoding.matrix(points.snapshot)[np.sort(some)]
    added = np.abs(learner.contributions(matrix))
    worth = {}
    for trait in ladder.traits:
        at = encoding.columns.index(f"trait.{trait.id}")
        known = ~np.isnan(matrix[:, at])
        worth[trait.id] = round(float(added[known, at].mean()), 6) if known.any() else 0.0
    return worth


def _counts(rows: TrainingRows, outcomes: Outcomes, model: GoalModel) -> dict[str, Any]:
    return {
        "points": len(rows.lead),
        "leads": len(np.unique(rows.lead)),
        "reached": int(rows.happened.sum()),
        "lost": int((outcomes.state[outcomes.decided] == State.LOST).sum()),
        "early": int((outcomes.decided & ~outcomes.mature).sum()),
        "pending": int((~outcomes.decided).sum()),
        "evidence": model.evidence,
        "learned": model.calibrator.learned,
        "learner": type(model.learner).__name__ if model.learner is not None else None,
        "trees": _trees(model),
    }


def _trees(model: GoalModel) -> int:
    return model.learner.trees.count if isinstance(model.learner, BoostedTrees) else 0


def _log_in_counts(log: EventLog) -> dict[str, Any]:
    """How much of a log there is, and when the first of it happened; None without an event."""
    return {
        "events": len(log.occurred),
        "leads": int((np.diff(log.starts) > 0).sum()),
        "from": int(log.occurred.min()) if len(log.occurred) else None,
    }


def fingerprint(log: EventLog) -> str:
    """SHA-256 of a log, whatever order it was read in."""
    digest = hashlib.sha256(repr((log.leads, log.names, log.columns, log.text_values)).encode())
    for column in (log.starts, log.name, log.occurred, log.known, log.numbers, log.texts):
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()
