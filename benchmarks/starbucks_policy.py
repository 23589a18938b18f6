"""Starbucks' randomised waves as decisions of Rung: which offer to send next, if any.

Every person has a decision at every wave, drawn with known chances: 0.075 for each of ten offers,
0.25 for none. They are written into the log as Rung writes its own, learned from up to 408 h, and
judged at 504 h and 576 h by the net spend of the next 72 hours: transactions less rewards paid.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks import starbucks
from features.decision_log import Decision, decision_event, exposure_events
from features.event_files import read_events
from features.event_log import DAY_US
from features.ladder import Ladder
from features.ladder_file import parse_ladder
from features.signals import RECORD
from features.store import Event
from models.bundle import Bundle
from models.options import NO_ASK, options_of
from models.policy import policy
from training.decisions import Decisions, drawn_decisions
from training.off_policy import Gain, Logged, PolicyValue, gain, off_policy, predicted_values
from training.pipeline import train
from training.policies import forecast_of

__all__ = ["Judged", "Waves", "run"]

Floats = npt.NDArray[np.float64]

_SENT, _NOT_SENT = 0.075, 0.25
_HOURS: Final = (0, 168, 336, 408, 504, 576)
_TRAIN_UNTIL_HOURS, _END_HOURS = 503.0, 714.0
_HORIZON_US: Final = 3 * DAY_US
_BEFORE: Final = 1_000_000
"""A decision is made a second before its wave, with what was known then."""

_HEAD = """
[ladder]
name = "starbucks-policy"
title = "Starbucks rewards, next offer"
restart_on = [{ event = "rung_decision" }]
score_at = [{ event = "rung_decision" }]

[events]
offer_extended = "offer_received"
offer_seen = "offer_viewed"

[value]
horizon_days = 3
gains = [
  { event = "transaction", measure = "amount" },
  { event = "offer_completed", measure = "reward", worth = -1 },
]

[policy]
exploration = 0.1

[[step]]
id = "buy"
title = "Buys something"
horizon_days = 3
complete_when = [{ event = "transaction" }]

[[step]]
id = "complete"
title = "Completes the offer after viewing it"
horizon_days = 3
band = [0.1, 0.6]
complete_when = [{ event = "offer_completed", where = { viewed = 1.0, latest = 1.0 } }]

[purchase]
title = "Spends 20 at once"
horizon_days = 3
band = [0.1, 0.6]
complete_when = [{ event = "transaction", where = { amount = { at_least = 20.0 } } }]
"""
