"""Steps before which signals are surely not what the model that serves has learned from.

Of each step and model that is told once: what has moved stays so until a model is trained on it,
and signals near the border would else be told of each day anew.
"""

from __future__ import annotations

import json
from typing import Final

from features.store.database import Database
from features.store.kept.meta import held_meta, set_meta
from features.store.kept.notifications import add_notices
from models.judging.served import AheadLook
from serving.scoring.changes import drift_detected

__all__ = ["tell_drifts"]

_KEY: Final = "drifts "
"""With the name of a ladder after it: where the store keeps of which model what was told."""


def tell_drifts(
    database: Database, found: AheadLook, ladder: str, bundle: str, as_of: int, now: int
) -> int:
    """Tell of the steps whose signals have moved and that were not told of yet; of how many.

    Parameters
    ----------
    bundle : the whole hash of the one that serves.
    as_of : by what was known then, in microseconds since the epoch.
    now : the present.
    """
    with database.writing() as connection:
        key = f"{_KEY}{ladder}"
        kept = held_meta(connection, key)
        told: list[str] = json.loads(kept).get(bundle, []) if kept else []
        news = [one for one in found["moved"] if one["step"] not in told]
        if news:
            steps = [one["step"] for one in news]
            set_meta(connection, key, json.dumps({bundle: [*told, *steps]}))
        notices = [drift_detected(one, ladder, bundle, as_of, now) for one in news]
        return add_notices(connection, notices)
