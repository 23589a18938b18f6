"""What a policy would have chosen: at decisions of a log, and for leads at any instant."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from features.event_log import DAY_US, EventLog
from features.program import compile_ladder
from features.snapshot import Snapshot, snapshot_at
from models.bundle import Bundle
from models.offer_model import Forecast, of_step
from models.policy import policy, probabilities
from models.recommendation import ACTIVE_DAYS
from training.decisions import Decisions

__all__ = ["forecast_of", "shares_at", "shares_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def shares_of(
    bundle: Bundle, decisions: Decisions, name: str, exploration: float | None = None
) -> Floats:
    """Shape (n, n_options): the probabilities of a policy at decisions that were made.

    Parameters
    ----------
    exploration : instead of the ladder's; 0 gives what the policy itself would choose.
    """
    eligible = decisions.probability > 0
    forecast = forecast_of(bundle, decisions.snapshot, eligible, decisions.topic)
    return _shares(bundle, forecast, name, exploration)


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
    forecast = forecast_of(bundle, snapshot, eligible, np.zeros_like(eligible))
    return _shares(bundle, forecast, name, exploration)


def forecast_of(bundle: Bundle, snapshot: Snapshot, eligible: Bools, topic: Bools) -> Forecast:
    """What each option would do for the leads of a snapshot."""
    scores = bundle.score(snapshot)
    bought = snapshot.position >= len(bundle.ladder.goals)
    silent_us = snapshot.as_of - snapshot.last_active
    return bundle.offers.forecast(
        bundle.encoding.matrix(snapshot),
        np.where(bought, 0.5, scores.advance.probability),
        np.where(bought, 0.5, scores.purchase.probability),
        snapshot.position,
        eligible,
        topic,
        silent_us <= ACTIVE_DAYS * DAY_US,
    )


def _shares(bundle: Bundle, forecast: Forecast, name: str, exploration: float | None) -> Floats:
    settings = bundle.ladder.policy
    if exploration is not None:
        settings = replace(settings, exploration=exploration)
    return probabilities(policy(name, bundle.offers.options), forecast.beliefs, settings)
