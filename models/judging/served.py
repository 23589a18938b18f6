"""What a worker finds of what serves, as it is kept and shown: shapes and the names of reports."""

from __future__ import annotations

from typing import Any, Final

from typing_extensions import TypedDict  # pydantic reads typing's own from Python 3.12 on

from models.gate import GateCheck

__all__ = ["OFFERS", "POLICY", "SCORES", "PolicyLook", "ScoresLook", "about_policy"]

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
