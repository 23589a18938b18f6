"""What a worker finds of what serves, as it is kept and shown: its shapes, and the names in it."""

from __future__ import annotations

from typing import Any, Final, Literal

from typing_extensions import TypedDict  # pydantic reads typing's own from Python 3.12 on

from models.gate import GateCheck

__all__ = [
    "AHEAD",
    "AS_SERVED",
    "BETTER",
    "BOOSTING",
    "COUNTING_RULE",
    "LOGISTIC",
    "MODEL",
    "NOTHING_TO_LEARN",
    "NOT_SURE",
    "NO_BETTER",
    "OFFERS",
    "POINTS_RULE",
    "POLICY",
    "SCORES",
    "STEP_RATES",
    "WORSE",
    "AheadLook",
    "Expectation",
    "ExpectedFigures",
    "ExpectedGoal",
    "MovedSignal",
    "MovedStep",
    "PolicyLook",
    "ScoresLook",
    "about_policy",
]

BETTER: Final = "better than the step rates"
NO_BETTER: Final = "no better than the step rates"
"""In training the signals told leads apart, and in the period judged that saves nothing."""
NOTHING_TO_LEARN: Final = "no better than the step rates: nothing to learn here"
NOT_SURE: Final = "not sure yet whether it is better than the step rates"
WORSE: Final = "worse than the step rates"

MODEL: Final = "this bundle"
AS_SERVED: Final = "this bundle recalibrated"
"""The name of what is served beside the baselines: the same with its probabilities moved."""
STEP_RATES: Final = "step rates"
COUNTING_RULE: Final = "counting rule"
POINTS_RULE: Final = "points rule"
LOGISTIC: Final = "logistic regression"
BOOSTING: Final = "histogram gradient boosting"

SCORES: Final = "scores"
"""The kind of the report of a bundle's probabilities; it is about the bundle's whole hash."""
AHEAD: Final = "ahead"
"""The kind of the report of what is known before outcomes are; it is about the whole hash."""
POLICY: Final = "policy"
"""The kind of the report of a policy with a bundle; see `about_policy`."""
OFFERS: Final = "offers"
"""The kind of the report of what is known of offers by lot; it is about the ladder."""


def about_policy(bundle: str, policy: str) -> str:
    """What the report of a policy with a bundle, by its whole hash, is about."""
    return f"{bundle} {policy}"


class ScoresLook(TypedDict):
    """How good the probabilities of a bundle were since it was trained, as they were served.

    `evaluation` is what `rung evaluate` finds, null where nothing can be judged; `note` says why.
    """

    evaluation: dict[str, Any] | None
    note: str


class PolicyLook(TypedDict):
    """Whether a policy may serve with a bundle: the gate as plain values, and all it asks for.

    `gate` is null where nothing can be judged; `note` says why.
    """

    name: str
    gate: dict[str, Any] | None
    checks: list[GateCheck]
    note: str


class ExpectedFigures(TypedDict):
    """Figures of some chances: `rate` is the mean of them, or the share that came."""

    rate: float
    auc: float | None
    log_loss: float


class Expectation(TypedDict):
    """What the chances as they are served let expect of some points, and what came of them.

    `came` is null where that is not known yet; `auc_error` is a standard error of its AUC.
    """

    points: int
    leads: int
    expected: ExpectedFigures
    came: ExpectedFigures | None
    auc_error: float | None


class ExpectedGoal(TypedDict):
    """A goal since training: of the points whose time is not over yet, and of the others.

    Either is null where there are no such points.
    """

    goal: Literal["advancement", "purchase"]
    running: Expectation | None
    over: Expectation | None


class MovedSignal(TypedDict):
    """A signal that is surely not what it was in training, for the leads below one step.

    `share` is what it weighs among all signals there; `known` the share of points that have it;
    `says` what it says of a lead in the middle, and what it said of one in training.
    """

    id: str
    share: float
    moved: float
    moved_by_chance: float
    known: float
    known_before: float
    says: str
    says_before: str


class MovedStep(TypedDict):
    """A step before which signals have moved, the heaviest first; `says` tells it in a sentence."""

    step: str
    title: str
    says: str
    signals: list[MovedSignal]


class AheadLook(TypedDict):
    """What is known of the chances that serve before their outcomes are.

    `moved` is of the points from `since` on; `note` says why there is nothing.
    """

    since: str
    until: str
    goals: list[ExpectedGoal]
    moved: list[MovedStep]
    note: str
