"""What a policy would have chosen: at decisions of a log, and for leads at any instant."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from features.arrays import Bools, Floats, Ints
from features.events.log import EventLog
from features.signals.program import compile_ladder
from features.signals.snapshot import Snapshot, snapshot_at
from models.bundle import Bundle
from models.offers.offer_model import of_step
from models.offers.policy import policy, probabilities
from models.recommendation import forecast_of
from training.policies.decisions import Decisions

__all__ = ["shares_at", "shares_of"]


def shares_of(
    bundle: Bundle, decisions: Decisions, name: str, exploration: float | None = None
) -> Floats:
    """Shape (n, n_options): the probabilities of a policy at decisions that were made.

    Parameters
    ----------
    exploration : instead of the ladder's; 0 gives what the policy itself would choose.
    """
    eligible = decisions.probability > 0
    return _shares(bundle, decisions.snapshot, eligible, decisions.topic, name, exploration)


def shares_at(
    bundle: Bundle,
    log: EventLog,
    lead: Ints,
    as_of: Ints,
    name: str,
    exploration: float | None = None,
) -> Floats:
    """As `shares_of`, for leads of a log, with every offer of the next step eligible."""
    names = tuple(log.leads[at] for at in lead)
    snapshot = snapshot_at(log, compile_ladder(bundle.ladder), names, lead, as_of)
    there = [of_step(bundle.ladder, at) for at in snapshot.position.tolist()]
    eligible = np.array(there, dtype=np.bool_).reshape(len(lead), len(bundle.offers.options))
    return _shares(bundle, snapshot, eligible, np.zeros_like(eligible), name, exploration)


def _shares(
    bundle: Bundle,
    snapshot: Snapshot,
    eligible: Bools,
    topic: Bools,
    name: str,
    exploration: float | None,
) -> Floats:
    forecast = forecast_of(bundle, snapshot, bundle.score(snapshot), eligible, topic)
    settings = bundle.ladder.policy
    if exploration is not None:
        settings = replace(settings, exploration=exploration)
    return probabilities(policy(name, bundle.offers.options), forecast.beliefs, settings)
