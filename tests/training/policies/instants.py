"""What a policy would choose for leads of a log at any instant, asked as at decisions."""

from __future__ import annotations

import numpy as np

from features.arrays import Floats, Ints
from features.events.log import EventLog
from features.signals.program import compile_ladder
from features.signals.snapshot import snapshot_at
from models.bundle import Bundle
from models.offers.offer_model import of_step
from training.policies.choices import shares_of
from training.policies.decisions import Decisions


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
    eligible = np.array(there, dtype=np.float64).reshape(len(lead), len(bundle.offers.options))
    unknown, nowhere = np.zeros(len(lead)), np.zeros(len(lead), dtype=np.bool_)
    asked = Decisions(
        lead=lead,
        snapshot=snapshot,
        chosen=np.zeros(len(lead), dtype=np.int64),
        probability=eligible,
        eligible=eligible > 0,
        topic=np.zeros_like(eligible, dtype=np.bool_),
        advanced=unknown,
        value=unknown,
        step_is_over=nowhere,
        is_over=nowhere,
        is_shown=nowhere,
        framing=("",) * len(lead),
        framing_chance=np.ones(len(lead)),
    )
    return shares_of(bundle, asked, name, exploration)
