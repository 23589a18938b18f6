"""What is worth telling outside systems, found by comparing scores with the former ones.

Each notification has an id that follows from the fact it tells, so that processes which find the
same fact tell it once. They carry ids and figures and no personal data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from types import MappingProxyType
from typing import Final, Literal

from features.clock import rfc3339
from features.ladder.ladder import Ladder
from features.store.kept.notifications import Notice
from features.store.kept.scores import Former, StoredScore
from models.bundle import version_of
from models.judging.funnel.cause_shapes import StepDiagnosis
from models.judging.served import MovedStep

__all__ = [
    "Cause",
    "Round",
    "drift_detected",
    "dropoff_detected",
    "model_promoted",
    "recommended",
    "reply_overdue",
    "score_changes",
]


Cause = Literal["events", "time", "model", "recalibration"]
"""Why a score changed: something became known, time passed, another model scores, or outcomes have
moved its probabilities."""

_MOST_SIGNALS: Final = 5
"""That are told of one step, the heaviest: many tell the same."""


@dataclass(frozen=True, slots=True)
class Round:
    """What is new of a lead that may have begun the ladder anew.

    Parameters
    ----------
    began_known_at : when the newest event that may begin it anew became known, in microseconds.
    rounds : of each round the places of the rungs that it completed, and when that became known:
        what was begun before goes on, and ends with the event that begins the ladder anew.
    """

    began_known_at: int
    rounds: tuple[tuple[tuple[int, int], ...], ...]


def score_changes(
    ladder: Ladder,
    former: Mapping[str, Former],
    rows: Sequence[StoredScore],
    rounds: Mapping[str, Round] = MappingProxyType({}),
) -> list[Notice]:
    """Steps that leads have completed since their former score, and bands they have moved to.

    Parameters
    ----------
    rounds : of leads that may have begun the ladder anew since, as an order may.
    """
    notices: list[Notice] = []
    for row in rows:
        before = former.get(row.lead_id)
        anew = rounds.get(row.lead_id)
        if anew is not None and (before is None or anew.began_known_at > before.as_of):
            notices += _steps_of_rounds(ladder, before, row, anew)
            notices += _band_changed(before, row)
            continue
        if before is not None and before.position >= row.position and before.band == row.band:
            continue  # most of them, and it is asked of each
        notices += _steps_completed(ladder, before, row)
        notices += _band_changed(before, row)
    return notices


def _steps_completed(ladder: Ladder, former: Former | None, row: StoredScore) -> list[Notice]:
    before = former.position if former else 0
    since = former.as_of if former else 0
    return [
        _step_completed(ladder, row, at, since)
        for at in range(before, min(row.position, len(ladder.goals)))
    ]


def _steps_of_rounds(
    ladder: Ladder, former: Former | None, row: StoredScore, anew: Round
) -> list[Notice]:
    """What was completed until the ladder was begun anew and after that, by when it was known."""
    position = former.position if former else 0  # what is below was told
    found: list[Notice] = []
    for completed in anew.rounds:
        for rung, known in completed:
            passed = range(position, rung + 1)
            found += [_step_completed(ladder, row, at, known) for at in passed]
            position = max(position, rung + 1)
        position = 0
    return found


def _step_completed(ladder: Ladder, row: StoredScore, at: int, since: int) -> Notice:
    goals = ladder.goals
    told = {
        "step": goals[at].id,
        "position": at + 1,
        "next_step": goals[at + 1].id if at + 1 < len(goals) else None,
    }
    return _notice("step.completed", row, (goals[at].id, since), told)


def _band_changed(former: Former | None, row: StoredScore) -> list[Notice]:
    before = former.band if former else None
    if row.band is None or row.band == before:
        return []
    if before is None and row.band == "low":  # where every lead begins is no news
        return []
    told = {
        "band": row.band,
        "former_band": before,
        "step": row.step,
        "probability": row.p_advance,
        "cause": row.cause,
        "model_version": version_of(row.bundle),
    }
    since = former.as_of if former else 0
    return [_notice("score.band_changed", row, (row.band, since), told)]


def _notice(
    type_: str, row: StoredScore, fact: tuple[object, ...], told: Mapping[str, object]
) -> Notice:
    data = {
        "lead_id": row.lead_id,
        "ladder": row.ladder,
        **told,
        "features_as_of": rfc3339(row.as_of),
    }
    return _made(type_, row.lead_id, row.scored_at, (row.lead_id, *fact), data)


def recommended(decision_id: str, lead_id: str, as_of: int, told: Mapping[str, object]) -> Notice:
    """That a next step was recommended."""
    data = {"decision_id": decision_id, "lead_id": lead_id, **told}
    return _made("recommendation.created", lead_id, as_of, (decision_id,), data)


def model_promoted(as_of: int, former: str, told: Mapping[str, object]) -> Notice:
    """That another model or policy serves; `former` is what served before, and since when."""
    return _made("model.promoted", None, as_of, (former, *told.values()), told)


def reply_overdue(row: StoredScore, as_of: int, minutes: float) -> Notice:
    """That a lead has waited longer than so many minutes for a reply."""
    since = row.waiting_since or as_of
    data = {
        "lead_id": row.lead_id,
        "ladder": row.ladder,
        "waiting_since": rfc3339(since),
        "limit_minutes": minutes,
        "band": row.band,
    }
    return _made("reply.overdue", row.lead_id, as_of, (row.lead_id, since), data)


def dropoff_detected(step: StepDiagnosis, ladder: str, as_of: int, now: int) -> Notice:
    """That fewer go on at a step than its band says.

    Parameters
    ----------
    as_of : when it was counted, in microseconds since the epoch.
    now : when that was found.
    """
    data = {
        "ladder": ladder,
        "step": step["id"],
        "title": step["title"],
        "rate": step["rate"],
        "band": step["band"],
        "answer": step["answer"],
        "causes": step["causes"],
        "says": step["says"],
        "experiment": next(iter(step["experiments"]), None),
        "as_of": rfc3339(as_of),
    }
    fact = (ladder, step["id"], *step["causes"], as_of)
    return _made("dropoff.detected", None, now, fact, data)


def drift_detected(step: MovedStep, ladder: str, bundle: str, as_of: int, now: int) -> Notice:
    """That signals before a step are surely not what they were when the model was trained.

    Parameters
    ----------
    bundle : the whole hash of the one that serves.
    as_of : by what was known then it was found, in microseconds since the epoch.
    now : when that was found.
    """
    data = {
        "ladder": ladder,
        "model_version": version_of(bundle),
        "step": step["step"],
        "title": step["title"],
        "signals": [
            {name: one[name] for name in ("id", "moved", "says", "says_before")}
            for one in step["signals"][:_MOST_SIGNALS]
        ],
        "says": step["says"],
        "as_of": rfc3339(as_of),
    }
    return _made("drift.detected", None, now, (ladder, bundle, step["step"]), data)


def _made(
    type_: str,
    lead_id: str | None,
    as_of: int,
    fact: tuple[object, ...],
    data: Mapping[str, object],
) -> Notice:
    named = json.dumps([type_, *fact], ensure_ascii=False, default=str)
    id_ = f"msg_{blake2b(named.encode(), digest_size=16).hexdigest()}"
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return Notice(id_, type_, lead_id, as_of, text)
