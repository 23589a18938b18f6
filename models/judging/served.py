"""What a worker finds of what serves, as it is kept and shown: its shapes, and the names in it."""

from __future__ import annotations

from typing import Any, Final

from typing_extensions import TypedDict  # pydantic reads typing's own from Python 3.12 on

from models.gate import GateCheck

__all__ = [
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
