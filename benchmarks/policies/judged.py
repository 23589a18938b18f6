"""Policies as decisions judge them that they have not seen."""

from __future__ import annotations

from dataclasses import dataclass

from features.arrays import Floats
from models.judging.off_policy import Logged, PolicyGain, PolicyValue, gain, off_policy

__all__ = ["Judged", "judged"]


@dataclass(frozen=True, eq=False, slots=True)
class Judged:
    """A policy as decisions judge it that it has not seen.

    Parameters
    ----------
    gain : over the best single option of the training decisions.
    shares : shape (k,), how much of the decisions each option gets.
    """

    policy: str
    value: PolicyValue
    gain: PolicyGain
    shares: Floats


def judged(
    logged: Logged, policies: dict[str, Floats], best: Floats, predicted: Floats
) -> list[Judged]:
    """Policies by name on the same decisions, each beside the best single option."""
    return [
        Judged(
            name,
            off_policy(logged, target, predicted),
            gain(logged, target, best, predicted),
            target.mean(axis=0),
        )
        for name, target in policies.items()
    ]
