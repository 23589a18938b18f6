"""Answers of the score route, kept for some seconds while nothing new is known of their lead.

Reasons take most of the time of a score. Time alone moves a score little in so few seconds, and an
answer says what instant it is of; an event, a merge, an opt-out or another model ends it at once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from features.clock import is_over
from serving.scoring.answers import OptedOutAnswer, ScoreAnswer
from serving.scoring.scorer import Scorer

__all__ = ["KeptAnswer", "KeptScores", "told"]

_KEPT_US: Final = 10_000_000
_MOST: Final = 20_000


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer as it is sent.

    Parameters
    ----------
    etag : of all that it says of the lead, but for the instants.
    """

    body: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class _Kept:
    stamp: tuple[object, ...]
    ranking: object
    until: int
    told: KeptAnswer


class KeptScores:
    """The present scores of the leads of a scorer."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._scorer: Scorer | None = None

    def of(self, scorer: Scorer, lead_id: str) -> KeptAnswer:
        """The score of a lead now, or a few seconds ago; it raises as `Scorer.score` does."""
        if scorer is not self._scorer:  # another model, or other offers
            self._kept, self._scorer = {}, scorer
        stamp, kept = scorer.store.stamp(lead_id), self._kept.get(lead_id)
        now = scorer.clock()
        if (
            kept is not None
            and kept.stamp == stamp
            and not is_over(kept.until, now, _KEPT_US)
            and kept.ranking is scorer.ranking
        ):
            return kept.told
        fresh = told(scorer.score(lead_id))
        if stamp is not None:
            if len(self._kept) >= _MOST:
                self._kept.clear()
            self._kept[lead_id] = _Kept(stamp, scorer.ranking, now + _KEPT_US, fresh)
        return fresh


def told(answer: ScoreAnswer | OptedOutAnswer) -> KeptAnswer:
    """An answer as JSON, with its weak ETag."""
    said = {**answer, "features_as_of": None, "scored_at": None, "usual": None}
    digest = blake2b(json.dumps(said, separators=(",", ":")).encode(), digest_size=12)
    body = json.dumps(answer, allow_nan=False, separators=(",", ":")).encode()
    return KeptAnswer(body, f'W/"{digest.hexdigest()}"')
