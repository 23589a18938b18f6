"""Steps at which surely fewer go on than their band says.

That is told when it begins, and once more when a cause of it is known. The funnel is counted every
hour, and a rate wavers: it is over only when as many go on again as the band wants at the least,
and then it may begin anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from features.store.database import Database
from features.store.kept.meta import held_meta, set_meta
from features.store.kept.notifications import add_notices
from models.judging.funnel.cause_shapes import Diagnosis, StepDiagnosis
from serving.scoring.changes import dropoff_detected

__all__ = ["tell_dropoffs"]

_KEY: Final = "dropoffs "
"""With the name of a ladder after it: where the store keeps what was told of its steps."""

_Told = dict[str, list[str]]
"""The steps that are below their band, each with the causes that were told of."""


def tell_dropoffs(database: Database, found: Diagnosis, as_of: int, now: int) -> int:
    """Tell of what is found of steps below their band and was not told yet; of how many steps.

    Parameters
    ----------
    as_of : when the funnel was counted, in microseconds since the epoch.
    now : the present.
    """
    ladder = found["ladder"]
    with database.writing() as connection:
        key = f"{_KEY}{ladder}"
        kept = held_meta(connection, key)
        told: _Told = json.loads(kept) if kept else {}
        news, still = _news(found["steps"], told)
        if still != told:
            set_meta(connection, key, json.dumps(still))
        return add_notices(connection, [dropoff_detected(one, ladder, as_of, now) for one in news])


def _news(
    steps: Sequence[StepDiagnosis], told: Mapping[str, Sequence[str]]
) -> tuple[list[StepDiagnosis], _Told]:
    """The steps that there is news of, and what will have been told then."""
    news: list[StepDiagnosis] = []
    still: _Told = {}
    for step in steps:
        id_, before = step["id"], told.get(step["id"])
        if step["answer"] != "not below":
            causes = sorted({*(before or ()), *step["causes"]})
            if before is None or causes != sorted(before):
                news.append(step)
            still[id_] = causes
        elif before is not None and not _is_over(step):
            still[id_] = list(before)
    return news, still


def _is_over(step: StepDiagnosis) -> bool:
    """Whether as many go on as the band wants, or nobody says any more how many are to."""
    band, value = step["band"], step["rate"]["value"]
    return band is None or (value is not None and value >= band["low"])
