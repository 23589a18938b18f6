"""Answers of the score route, kept for a minute at most while nothing new is known of their lead.

Reasons take most of the time of a score. Time alone moves a score little in a minute (of 5,060
simulated leads 0.2 % of the scores, by 0.034 at the most), and an answer says what instant it is
of; an event, a merge, an opt-out or another model ends it at once, and so does the moment that an
event was dated ahead to.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from math import isfinite
from typing import Final
from zlib import crc32

import orjson

from features.clock import is_over
from features.store.events import Stamp
from features.store.identities.turns import Erased
from serving.scoring.answers import OptedOutAnswer, ScoreAnswer
from serving.scoring.scorer import Scorer

__all__ = ["CACHE_CONTROL", "KeptAnswer", "KeptScores", "told"]

CACHE_CONTROL: Final = "private, max-age=0"
"""Whoever asked may keep it, and has to ask whether it is still so."""
_KEPT_US: Final = 60_000_000
_MOST: Final = 20_000


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer as it is sent.

    Parameters
    ----------
    etag : of all that it says of the lead, but for the instants.
    headers : of the whole answer, as ASGI has them.
    """

    body: bytes
    etag: str
    headers: tuple[tuple[bytes, bytes], ...]


@dataclass(slots=True)
class _Kept:
    """An answer, and what it depends on.

    Parameters
    ----------
    mark : of the commits before the lead was looked at last; with the same one nothing is new.
    stamp : of the lead; with the same one nothing is new of it.
    """

    mark: object
    stamp: Stamp
    scorer: Scorer
    ranking: object
    until: int
    told: KeptAnswer


class KeptScores:
    """The present scores of the leads of a scorer; several threads may ask for them."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._scorer: Scorer | None = None
        self._erased: Erased | None = None

    def let_go_of_erased(self, scorer: Scorer) -> None:
        """Keep nothing any more where somebody was erased since the last call."""
        erased = scorer.store.identities.erased_now()
        if erased != self._erased:
            self._kept, self._erased = {}, erased

    def of(self, scorer: Scorer, lead_id: str) -> KeptAnswer:
        """The score of a lead now, or within the last minute; it raises as `Scorer.score` does."""
        if scorer is not self._scorer:  # another model, or other offers
            self._kept, self._scorer = {}, scorer
        now, kept = scorer.clock(), self._kept.get(lead_id)
        mark = scorer.store.database.looks.mark()  # before it is looked at: what comes is news
        if (
            kept is not None
            and kept.scorer is scorer  # threads may still ask the former one
            and not is_over(kept.until, now, _KEPT_US)
            and kept.ranking is scorer.ranking
        ):
            if mark is not None and kept.mark == mark:
                return kept.told
            if kept.stamp == scorer.store.stamp(lead_id):
                kept.mark = mark
                return kept.told
        return self._fresh(scorer, lead_id, mark)

    def _fresh(self, scorer: Scorer, lead_id: str, mark: object) -> KeptAnswer:
        ranking, keeping = scorer.ranking, self._kept  # likewise: let go of meanwhile, it is gone
        found = scorer.score_stamped(lead_id)
        if found is None:  # nothing is known of it, or it must not be profiled: this says which
            keeping.pop(lead_id, None)
            return told(scorer.score(lead_id))
        stamp, due, answer = found
        fresh = told(answer)
        if len(keeping) >= _MOST:
            keeping.clear()
        # Answers that were given together are not found anew together: nobody waits for many.
        spread = crc32(lead_id.encode()) % (_KEPT_US // 2)
        until = scorer.clock() + _KEPT_US - spread
        if due is not None:
            until = min(until, due)
        keeping[lead_id] = _Kept(mark, stamp, scorer, ranking, until, fresh)
        return fresh


def told(answer: ScoreAnswer | OptedOutAnswer) -> KeptAnswer:
    """An answer as JSON, with its weak ETag.

    It is encoded once: what changes with the clock alone stands at its end, and is not hashed.
    """
    said = {name: value for name, value in answer.items() if name not in _OF_THE_CLOCK}
    rest = {name: value for name, value in answer.items() if name in _OF_THE_CLOCK}
    _check_finite(answer)
    body = orjson.dumps(said)
    digest = blake2b(body, digest_size=12).hexdigest()
    if rest:
        body = body[:-1] + b"," + orjson.dumps(rest)[1:]
    etag = f'W/"{digest}"'
    headers = (
        (b"etag", etag.encode()),
        (b"cache-control", CACHE_CONTROL.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"content-type", b"application/json"),
    )
    return KeptAnswer(body, etag, headers)


_OF_THE_CLOCK: Final = ("usual", "features_as_of", "scored_at")


def _check_finite(answer: ScoreAnswer | OptedOutAnswer) -> None:
    """ValueError for a number that is none, which JSON cannot say; orjson would write null."""
    if answer["status"] == "opted_out":
        return
    numbers = [answer[name] for name in _NUMBERS]
    if answer["interval"] is not None:
        numbers += answer["interval"]["low"], answer["interval"]["high"]
    if answer["purchase"] is not None:
        numbers.append(answer["purchase"]["probability"])
    numbers += [reason["points"] for reason in answer["reasons"]]
    if not all(map(isfinite, (one for one in numbers if one is not None))):
        raise ValueError(f"a score of {answer['lead_id']!r} that is no number")


_NUMBERS: Final = ("probability", "usual", "rank_pct", "base", "fit", "engagement")
