"""Decisions of others, as estimators see them."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.offers.learning import Tried
from models.offers.options import NO_ASK
from tests.training.policies.scene import PLACE

WIDTH = len(PLACE)
CLIP, GUIDE, DEMO, ALONE = (PLACE[name] for name in ("clip", "guide", "demo", NO_ASK))
POSSIBLE = {0: (CLIP, GUIDE, ALONE), 1: (DEMO, ALONE)}


def tried(chosen: Any, lead: Any = None, column: Any = None, position: Any = 0) -> Tried:
    """Decisions of others, with 1 for what was possible where each stood."""
    n = len(chosen)
    stood = np.broadcast_to(position, n).astype(np.int64)
    probability = np.zeros((n, WIDTH))
    for at, options in POSSIBLE.items():
        probability[np.ix_(stood == at, np.isin(np.arange(WIDTH), options))] = 1.0
    return Tried(
        matrix=np.zeros((n, 1)) if column is None else np.asarray(column, dtype=float)[:, None],
        columns=("column",),
        category_columns=[],
        fit_columns=[],
        position=stood,
        lead=np.arange(n) if lead is None else np.asarray(lead),
        chosen=np.asarray(chosen),
        probability=probability,
        topic=np.zeros((n, WIDTH)),
        reach=np.ones((n, WIDTH)),
        as_of=np.arange(n),
        is_lot=np.full(n, True),
    )
