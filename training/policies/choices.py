"""What a policy would have chosen at decisions of a log."""

from __future__ import annotations

from dataclasses import replace

from features.arrays import Floats
from models.bundle import Bundle
from models.offers.policy import policy, probabilities
from models.recommendation import forecast_of
from training.policies.decisions import Decisions

__all__ = ["shares_of"]


def shares_of(
    bundle: Bundle, decisions: Decisions, name: str, exploration: float | None = None
) -> Floats:
    """Shape (n, n_options): the probabilities of a policy at decisions that were made.

    Also of what the policy that made them left out by its beliefs, and the log knows nothing of.

    Parameters
    ----------
    exploration : instead of the ladder's; 0 gives what the policy itself would choose.
    """
    snapshot, eligible = decisions.snapshot, decisions.eligible
    forecast = forecast_of(bundle, snapshot, bundle.score(snapshot), eligible, decisions.topic)
    settings = bundle.ladder.policy
    if exploration is not None:
        settings = replace(settings, exploration=exploration)
    return probabilities(policy(name, bundle.offers.options), forecast.beliefs, settings)
