"""What is known of the chances that serve before their outcomes are.

Outcomes come late: a horizon is weeks to months. Until then the probabilities themselves say how
good they are if they are calibrated, as they are held to be by the outcomes that do arrive. And
what they are made of can be seen at once: a signal whose values are surely other ones than those
that it was learned from has moved, or whatever sends its events has fallen silent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Literal

import numpy as np

from features.arrays import Floats, Ints
from features.clock import rfc3339
from features.events.log import DAY_US, EventLog
from features.ladder.words import things
from features.signals.snapshot import Snapshot
from models.bundle import Bundle
from models.judging import intervals, metrics
from models.judging.served import (
    AheadLook,
    Expectation,
    ExpectedFigures,
    ExpectedGoal,
    MovedSignal,
    MovedStep,
)
from models.recalibrated import Recalibrated
from models.scores.recalibration import Move
from training.decision_points import Points, decision_points
from training.labels import Outcomes, label
from training.scores.goals.signals import added_to
from training.scores.goals.stability import SignalValues, Stability, latest

__all__ = ["look_ahead"]

_GOALS: Final[tuple[Literal["advancement", "purchase"], ...]] = ("advancement", "purchase")
_LATELY_DAYS: Final = 28
"""Of the points whose signals are looked at: as long as a span of what is expected and comes."""
_ERROR: Final = 0.001
"""The chance at most that any signal is said to have moved where none has, at one look; there are
as many looks as days, and in a year thirteen that share no point."""
_LEAST_SHARE: Final = 0.01
"""Of the weights of a step, below which a signal that has moved moves no chance that one sees."""
_MOST_NAMED: Final = 3
_SEED: Final = 7


def look_ahead(
    bundle: Bundle,
    log: EventLog,
    until: int,
    moves: Mapping[str, Sequence[Move]],
    progress: Callable[[str], None] = lambda _: None,
) -> AheadLook:
    """What the chances of a bundle let expect since it was trained, and which signals have moved.

    Parameters
    ----------
    bundle : on the ladder that it serves on.
    until : by what was known then, in microseconds since the epoch.
    moves : of the bundle's probabilities, by outcomes; as they are served.
    """
    trained_until = int(bundle.manifest["until"])
    until = log.judged_until(until)  # what lies after the last event would be taken for silence
    since = max(trained_until, until - _LATELY_DAYS * DAY_US)
    found = AheadLook(since=rfc3339(since), until=rfc3339(until), goals=[], moved=[], note="")
    if until <= trained_until:
        return found | {"note": "nothing has come since the model was trained"}
    points = decision_points(log, bundle.ladder, start=trained_until, end=until, seed=_SEED)
    if not len(points):
        return found | {"note": "no lead was to be scored since the model was trained"}
    progress(f"what is expected of {things(len(points), 'point')}")
    scores = Recalibrated(bundle, moves).score(points.snapshot)
    outcomes = label(log, bundle.ladder, points, until)
    told = scores.advance.probability, scores.purchase.probability
    goals = [
        _expected(goal, points, probability, came)
        for goal, probability, came in zip(_GOALS, told, outcomes, strict=True)
    ]
    progress("which signals have moved")
    before = latest(decision_points(log, bundle.ladder, end=trained_until, seed=_SEED))
    lately = points.rows(points.as_of > since)
    return found | {"goals": goals, "moved": list(_moved(bundle, before, lately))}


# ---------------------------------------------------------------------------------------- Expected


def _expected(
    goal: Literal["advancement", "purchase"], points: Points, told: Floats, outcomes: Outcomes
) -> ExpectedGoal:
    # By the time alone: who went on or was lost before it was over is among those who still may,
    # as the chances were said of all of them alike.
    over = outcomes.mature
    happened = outcomes.happened[over]
    return {
        "goal": goal,
        "running": _expectation(told[~over], points.lead[~over]),
        "over": _expectation(told[over], points.lead[over], happened),
    }


def _expectation(told: Floats, lead: Ints, happened: Floats | None = None) -> Expectation | None:
    """Of some points, each of a lead; None where there are none.

    Parameters
    ----------
    happened : what came, 1.0 or 0.0; None where that is not known.
    """
    if not len(told):
        return None
    found = Expectation(
        points=len(told),
        leads=len(np.unique(lead)),
        expected=ExpectedFigures(
            rate=float(told.mean()),
            auc=metrics.expected_auc(told),
            log_loss=metrics.expected_log_loss(told) or 0.0,
        ),
        came=None,
        auc_error=None,
    )
    if happened is None:
        return found
    came = ExpectedFigures(
        rate=float(happened.mean()),
        auc=metrics.auc(told, happened),
        log_loss=metrics.log_loss(told, happened) or 0.0,
    )
    draws = metrics.auc_draws(told, happened, intervals.lead_weights(lead, _SEED))
    return found | {"came": came, "auc_error": intervals.standard_error(draws)}


# ------------------------------------------------------------------------------------------ Signals


def _moved(bundle: Bundle, before: Points, lately: Points) -> Iterator[MovedStep]:
    """The steps before which signals have moved.

    Each step by itself, as leads before different steps differ in everything: a busy month at the
    first would else move all signals of a ladder that is what it was.
    """
    sides = [
        (before.rows(before.position == at), lately.rows(lately.position == at))
        for at in range(len(bundle.ladder.goals))
    ]
    shares = [
        _shares(bundle, then) if len(then) and len(now) else np.zeros(0) for then, now in sides
    ]
    tests = sum(int((share >= _LEAST_SHARE).sum()) for share in shares)
    for goal, (then, now), share in zip(bundle.ladder.goals, sides, shares, strict=True):
        signals = list(_moved_signals(bundle, then, now, share, 1.0 - _ERROR / max(1, tests)))
        if signals:
            says = _said(goal.title, signals)
            yield MovedStep(step=goal.id, title=goal.title, says=says, signals=signals)


def _moved_signals(
    bundle: Bundle, then: Points, now: Points, share: Floats, level: float
) -> Iterator[MovedSignal]:
    """The signals of some leads that have moved, the heaviest first.

    Parameters
    ----------
    share : shape (n_signals,), what each weighs; empty where there is nobody to compare.
    level : how sure it is to be of each.
    """
    sides = [bundle.encoding.matrix(one.snapshot) for one in (then, now)]
    for column in np.argsort(-share, kind="stable").tolist():
        if share[column] < _LEAST_SHARE:
            return
        values = [side[:, column] for side in sides]
        move = Stability.of(
            SignalValues(values[0], then.lead),
            SignalValues(values[1], now.lead),
            is_category=column in bundle.encoding.category_columns,
        )
        if move is not None and move.has_moved(level):
            yield MovedSignal(
                id=bundle.encoding.columns[column],
                share=float(share[column]),
                moved=move.index,
                moved_by_chance=move.by_chance,
                known=_known(values[1]),
                known_before=_known(values[0]),
                says=_middle(now.snapshot, column),
                says_before=_middle(then.snapshot, column),
            )


def _shares(bundle: Bundle, points: Points) -> Floats:
    """Shape (n_signals,): what each weighs among all, at points of training; the goal where more.

    0 everywhere where the rates of the steps are all that the bundle has.
    """
    matrix = bundle.encoding.matrix(points.snapshot)
    most = np.zeros(matrix.shape[1])
    for goal in _GOALS:
        weight = np.abs(added_to(bundle, goal, points, matrix)[1]).mean(axis=0)
        if weight.any():
            most = np.maximum(most, weight / weight.sum())
    return most


def _known(values: Floats) -> float:
    return float((~np.isnan(values)).mean())


def _middle(snapshot: Snapshot, column: int) -> str:
    """What a signal says of a lead in the middle: its median, or the text that most have."""
    signal, values = snapshot.signals[column], snapshot.values[:, column]
    held = values[~np.isnan(values)]
    if len(held) * 2 <= len(values):
        return signal.sentence(None)
    if signal.id in snapshot.categories:
        code = int(np.bincount(held.astype(np.int64)).argmax())
        return signal.sentence(snapshot.categories[signal.id][code])
    return signal.sentence(float(np.quantile(held, 0.5, method="lower")))


def _said(title: str, signals: Sequence[MovedSignal]) -> str:
    """What has moved before a step: of the heaviest signal whose middle tells it, if one does."""
    told = next((one for one in signals if one["says"] != one["says_before"]), None)
    if told is None:
        ids = ", ".join(one["id"] for one in signals[:_MOST_NAMED])
        more = len(signals) - _MOST_NAMED
        rest = f" and {things(more, 'more signal')}" if more > 0 else ""
        return f"Before {title} the values of {ids}{rest} lie otherwise than in training"
    others = len(signals) - 1
    rest = f"; {things(others, 'more signal')} moved" if others else ""
    return (
        f'What is said of the usual lead before {title} was "{told["says_before"]}" in'
        f' training, and is "{told["says"]}" lately{rest}'
    )
