"""Keeps the queue true: scores every lead at start and then at intervals, as time changes scores.

The order of the queue is the chance of the next step, as salespeople see it; of leads with the same
chance the likelier purchase comes first, then the id decides. Leads that have bought, and those
that were silent for the ladder's `dormant_after_days`, are left out of it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from starlette.concurrency import run_in_threadpool

from features.event_log import DAY_US
from features.fold import NONE
from features.store import StoredScore
from serving.logs import log
from serving.queue import OUT_OF_QUEUE
from serving.scorer import Ranking, Scorer
from serving.service import Run, Service

__all__ = ["keep_scored", "rescore"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_CHUNK: Final = 5000
"""Leads that are scored at once."""
_EXPLAIN_ALL: Final = 5000
"""Up to so many leads, every score is stored with its reasons."""
_EXPLAINED: Final = 1000
"""Of more leads, those first in the queue; the reasons of the others are found when looked at."""
_RETRY_SECONDS: Final = 5.0
_MICRO: Final = 1e-6


async def keep_scored(service: Service) -> None:
    """Score all leads now and after every pause, until cancelled; a failure is tried again."""
    while not service.stopping.is_set():
        scored = await run_in_threadpool(_try_once, service)
        pause = service.settings.rescore_seconds
        await asyncio.sleep(pause if scored else min(pause, _RETRY_SECONDS))


def _try_once(service: Service) -> bool:
    """Whether all leads were scored."""
    try:
        if service.scorer.bundle is None:
            service.load()
        if service.scorer.bundle is None:
            return False
        run = rescore(service.scorer, service.stopping)
    except Exception as error:  # the edge of the process: nobody else would hear of it
        service.failure = f"the last scoring failed: {type(error).__name__}; see the log"
        log("scoring failed", logging.ERROR, error=True)
        return False
    if run is not None:
        service.run, service.failure = run, ""
        log("scored", leads=run.leads, queued=run.queued, seconds=round(run.seconds, 3))
    return run is not None


def rescore(scorer: Scorer, stopping: threading.Event | None = None) -> Run | None:
    """Score every lead and store the queue; None where it was told to stop on the way."""
    started, as_of = time.perf_counter(), scorer.clock()
    stopping = stopping or threading.Event()
    parts = []
    for leads in _chunks(scorer.store.lead_ids(), _CHUNK):
        if stopping.is_set():
            return None
        parts.append(_part(scorer, leads, as_of))
    scored = _Scored.joined(parts)
    queued = scored.queued(as_of, scorer)
    ranking = Ranking.of(scored.advance[queued])
    priority = np.where(queued, _priority(scored), OUT_OF_QUEUE)
    reasons: dict[str, str] = {}
    for leads in _chunks(_to_explain(scored.leads, priority), _EXPLAINED):
        if stopping.is_set():
            return None
        reasons |= _reasons(scorer, leads, as_of)
    scorer.store.save_scores(_rows(scorer, scored, priority, ranking, reasons, as_of))
    scorer.ranking = ranking
    steps = Counter(step for step, is_queued in zip(scored.step, queued, strict=True) if is_queued)
    seconds = time.perf_counter() - started
    return Run(as_of, seconds, len(scored.leads), int(queued.sum()), dict(steps))


def _chunks(leads: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (leads[at : at + size] for at in range(0, len(leads), size))


@dataclass(frozen=True, eq=False, slots=True)
class _Scored:
    """Leads with what the queue needs of their scores; NaN where a lead has bought."""

    leads: list[str]
    step: list[str]
    position: npt.NDArray[np.int64]
    last_active: npt.NDArray[np.int64]
    advance: Floats
    low: Floats
    high: Floats
    purchase: Floats

    @classmethod
    def joined(cls, parts: Sequence[_Scored]) -> _Scored:
        """All parts as one."""
        none, no_times = np.empty(0), np.empty(0, dtype=np.int64)
        return cls(
            [lead for part in parts for lead in part.leads],
            [step for part in parts for step in part.step],
            np.concatenate([no_times, *(part.position for part in parts)]),
            np.concatenate([no_times, *(part.last_active for part in parts)]),
            *(
                np.concatenate([none, *(getattr(part, name) for part in parts)])
                for name in ("advance", "low", "high", "purchase")
            ),
        )

    def queued(self, as_of: int, scorer: Scorer) -> Bools:
        """Shape (n,): whether a lead has a next step, and has not been silent for too long."""
        bundle = scorer.bundle
        days = bundle.ladder.dormant_after_days if bundle else 0.0
        awake = (self.last_active != NONE) & (self.last_active >= as_of - days * DAY_US)
        is_queued: Bools = awake & ~np.isnan(self.advance)
        return is_queued


def _part(scorer: Scorer, leads: Sequence[str], as_of: int) -> _Scored:
    assert scorer.bundle is not None  # noqa: S101 _try_once sees to it
    estimates = scorer.estimate(scorer.store.log_of(leads, scorer.bundle.ladder), as_of)
    scores, snapshot = estimates.scores, estimates.snapshot
    return _Scored(
        list(snapshot.leads),
        [step or "" for step in scores.step],
        scores.position,
        snapshot.last_active,
        scores.advance.probability,
        scores.advance.low,
        scores.advance.high,
        scores.purchase.probability,
    )


def _priority(scored: _Scored) -> Floats:
    """The chance of the next step to a millionth, then that of a purchase, in one number."""
    purchase: Floats = np.clip(scored.purchase, 0.0, 1.0 - _MICRO)
    return np.round(scored.advance / _MICRO) * _MICRO + _MICRO * purchase


def _to_explain(leads: Sequence[str], priority: Floats) -> list[str]:
    """The leads whose reasons are stored."""
    queued = np.flatnonzero(priority > OUT_OF_QUEUE)
    if len(leads) > _EXPLAIN_ALL:
        queued = queued[np.argsort(-priority[queued], kind="stable")[:_EXPLAINED]]
    return [leads[at] for at in queued.tolist()]


def _reasons(scorer: Scorer, leads: Sequence[str], as_of: int) -> dict[str, str]:
    """The reasons of some leads as JSON, from one batched call."""
    assert scorer.bundle is not None  # noqa: S101 _try_once sees to it
    estimates = scorer.estimate(scorer.store.log_of(leads, scorer.bundle.ladder), as_of)
    return {
        lead: json.dumps(estimates.details(row), separators=(",", ":"))
        for row, lead in enumerate(estimates.snapshot.leads)
    }


def _rows(
    scorer: Scorer,
    scored: _Scored,
    priority: Floats,
    ranking: Ranking | None,
    reasons: dict[str, str],
    as_of: int,
) -> Iterator[StoredScore]:
    assert scorer.bundle is not None  # noqa: S101 _try_once sees to it
    ladder, version = scorer.bundle.ladder.name, scorer.bundle.hash
    scored_at = scorer.clock()
    for at, lead in enumerate(scored.leads):
        is_queued = ranking is not None and priority[at] > OUT_OF_QUEUE
        last_active = int(scored.last_active[at])
        yield StoredScore(
            lead_id=lead,
            ladder=ladder,
            as_of=as_of,
            step=scored.step[at],
            position=int(scored.position[at]),
            p_advance=_number(scored.advance[at]),
            low=_number(scored.low[at]),
            high=_number(scored.high[at]),
            p_purchase=_number(scored.purchase[at]),
            priority=float(priority[at]),
            percentile=ranking.share(float(scored.advance[at])) if ranking and is_queued else None,
            reasons=reasons.get(lead, ""),
            bundle=version,
            scored_at=scored_at,
            last_active=None if last_active == NONE else last_active,
        )


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
