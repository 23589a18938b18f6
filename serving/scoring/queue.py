"""The queue: leads by their chance of taking the next step, each with why and what to do.

The order is that of the stored scores (`serving.process.background` says how it comes about), so
a page is one read. Customers and dormant leads are scored, but stand in no queue.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypedDict, cast
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from features.clock import rfc3339
from features.errors import OptedOut, UnknownLead, did_you_mean
from features.events.log import EventLog
from features.ladder.ladder import Ladder, Step
from features.store.events import EventStore, StoredScore
from features.store.scores import OUT_OF_QUEUE
from models.bundle import Bundle
from models.served_policy import DEFAULT
from serving.edge.access import needs
from serving.edge.problems import documented
from serving.process.service import Served, json_answer
from serving.recommending.suggestion import Advice, advice_for
from serving.routes.schemas import QueueAnswer, QueueQuery
from serving.scoring.scorer import Band, Details, Model, ReasonLine, Scorer, StepName

__all__ = [
    "Part",
    "QueueItem",
    "after_of",
    "check_step",
    "cursor_of",
    "items",
    "queue_part",
    "router",
    "suggestion",
    "wrong_query",
]

_SCAN: Final = 500

After = tuple[float, str]
"""Priority and id of the last lead of a page."""


class SuggestedOffer(TypedDict):
    """An offer of the ladder."""

    id: str
    title: str
    kind: str
    minutes: float
    framing: str


class Suggestion(TypedDict):
    """What to do next, and what chose it: the ladder's rules, or a promoted policy."""

    kind: Literal["ladder", "policy"]
    offer_id: str
    text: str
    offer: SuggestedOffer | None


class QueueItem(TypedDict):
    """A lead of the queue; `serving.routes.schemas.QueueItem` says what each member means."""

    lead_id: str
    ladder: str
    step: StepName
    position: int
    probability: float
    interval: dict[str, float]
    horizon_days: float | None
    purchase_probability: float
    band: Band | None
    rank_pct: float | None
    base: float | None
    fit: float | None
    engagement: float | None
    reasons: list[ReasonLine]
    suggestion: Suggestion | None
    last_active: str | None
    waiting_since: str | None
    model: dict[str, str]
    features_as_of: str
    scored_at: str


router = APIRouter(prefix="/v1", tags=["queue"], dependencies=[Depends(needs("read"))])


@router.get(
    "/queue",
    summary="Who to talk to next",
    responses={200: {"model": QueueAnswer}, **documented(422, 503)},
)
async def queue(query: Annotated[QueueQuery, Query()], service: Served) -> Response:
    """A page of the queue. Follow `next_cursor`, or the `Link` header, until it is null.

    A cursor is a place in the order, not a copy of it: a lead that is scored anew between two pages
    may move across it.
    """
    check_step(service.scorer.bundle, query.step)
    after = after_of(query.cursor)
    return await run_in_threadpool(_answer, service.scorer, query, after)


def _answer(scorer: Scorer, query: QueueQuery, after: After | None) -> Response:
    part = queue_part(scorer.store, query.limit, after, query.step)
    cursor = None if part.after is None else cursor_of(part.after)
    headers = {"Cache-Control": "private, max-age=0"}
    if cursor is not None:
        asked = {"limit": query.limit, "cursor": cursor, "step": query.step}
        address = urlencode({key: value for key, value in asked.items() if value is not None})
        headers["Link"] = f'</v1/queue?{address}>; rel="next"'
    return json_answer({"data": items(scorer, part.scores), "next_cursor": cursor}, headers)


# ------------------------------------------------------------------------------------------- Pages


@dataclass(frozen=True, slots=True)
class Part:
    """Some leads of the queue; `after` is where the next part begins, None at the end."""

    scores: list[StoredScore]
    after: After | None


def queue_part(
    store: EventStore, limit: int, after: After | None = None, step: str | None = None
) -> Part:
    """The next `limit` queued leads, with `step` those alone that have this step before them."""
    found: list[StoredScore] = []
    size = limit + 1 if step is None else max(limit + 1, _SCAN)
    while len(found) <= limit:
        scores = store.scores.queue(size, after)
        queued = [score for score in scores if score.priority > OUT_OF_QUEUE]
        found += [score for score in queued if step in (None, score.step)]
        if len(queued) < size:
            break
        after = scores[-1].priority, scores[-1].lead_id
    page = found[:limit]
    return Part(page, (page[-1].priority, page[-1].lead_id) if len(found) > limit else None)


def cursor_of(after: After) -> str:
    """A place in the queue as an opaque text."""
    text = json.dumps(after, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def after_of(cursor: str | None) -> After | None:
    """The reverse of `cursor_of`; RequestValidationError where it is none of ours."""
    if cursor is None:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        priority, lead_id = json.loads(text)
        if isinstance(lead_id, str) and math.isfinite(priority):
            return float(priority), lead_id
    except (binascii.Error, ValueError, TypeError, OverflowError):
        pass
    raise wrong_query("cursor", "this is no next_cursor of the queue; begin without one")


def check_step(bundle: Bundle | None, step: str | None) -> None:
    """RequestValidationError where the ladder has no such step."""
    if bundle is None or step is None:
        return
    known = [goal.id for goal in bundle.ladder.goals]
    if step not in known:
        hint = did_you_mean(step, known) or f"; its steps are {', '.join(known)}"
        raise wrong_query("step", f"the ladder has no such step{hint}")


def wrong_query(name: str, message: str) -> RequestValidationError:
    """The error for a query parameter whose value will not do."""
    return RequestValidationError([{"type": "value", "loc": ("query", name), "msg": message}])


# ------------------------------------------------------------------------------------------- Items


def items(scorer: Scorer, scores: list[StoredScore]) -> list[QueueItem]:
    """Stored scores as they are shown: with reasons and what to do next."""
    details, suggestions = _details(scorer, scores), _suggestions(scorer, scores)
    return [
        _item(scorer, score, details.get(score.lead_id), suggestions.get(score.lead_id))
        for score in scores
    ]


def _details(scorer: Scorer, scores: list[StoredScore]) -> dict[str, Details]:
    """The reasons of each score; those that were not stored are found again, as of then."""
    stored = {score.lead_id: json.loads(score.reasons) for score in scores if score.reasons}
    bundle = scorer.bundle
    version = bundle.hash if bundle else None
    absent = [score for score in scores if not score.reasons and score.bundle == version]
    if not absent or bundle is None:
        return stored
    log = scorer.store.log_of([score.lead_id for score in absent], bundle.ladder)
    for as_of in sorted({score.as_of for score in absent}):
        leads = {score.lead_id for score in absent if score.as_of == as_of}
        stored |= details_at(scorer, log, leads, as_of)
    return stored


def details_at(
    scorer: Scorer, log: EventLog, leads: Iterable[str], as_of: int
) -> dict[str, Details]:
    """Why some leads of a log had their probability at an instant."""
    wanted = set(leads)
    estimates = scorer.estimate(log, as_of)
    names = estimates.snapshot.leads
    return {name: estimates.details(row) for row, name in enumerate(names) if name in wanted}


def _item(
    scorer: Scorer, score: StoredScore, details: Details | None, suggested: Suggestion | None
) -> QueueItem:
    ladder = scorer.bundle.ladder if scorer.bundle else None
    step = _step(ladder, score.step)
    place = scorer.ranking.place(score.p_advance or 0.0) if scorer.ranking else (None, None)
    return {
        "lead_id": score.lead_id,
        "ladder": score.ladder,
        "step": {"id": score.step, "title": step.title if step else score.step},
        "position": score.position,
        "probability": _number(score.p_advance),
        "interval": {"low": _number(score.low), "high": _number(score.high)},
        "horizon_days": step.horizon_days if step else None,
        "purchase_probability": _number(score.p_purchase),
        "band": cast("Band | None", score.band) or place[1],
        "rank_pct": place[0],
        "base": details["base"] if details else None,
        "fit": details["fit"] if details else None,
        "engagement": details["engagement"] if details else None,
        "reasons": details["reasons"] if details else [],
        "suggestion": suggested,
        "last_active": None if score.last_active is None else rfc3339(score.last_active),
        "waiting_since": None if score.waiting_since is None else rfc3339(score.waiting_since),
        "model": {"name": score.ladder, "version": score.bundle[:12]},
        "features_as_of": rfc3339(score.as_of),
        "scored_at": rfc3339(score.scored_at),
    }


def _number(value: float | None) -> float:
    return 0.0 if value is None else value


def _step(ladder: Ladder | None, step_id: str) -> Step | None:
    goals = ladder.goals if ladder else ()
    return next((goal for goal in goals if goal.id == step_id), None)


# ---------------------------------------------------------------------------------- What to do next


def suggestion(model: Model, advice: Advice) -> Suggestion:
    """The option that the policy would choose most likely, as the queue has it."""
    offer = advice.offer
    return {
        "kind": "ladder" if model.adviser.policy_name == DEFAULT else "policy",
        "offer_id": advice.best.option_id,
        "text": advice.text,
        "offer": {
            "id": offer.id,
            "title": offer.title,
            "kind": offer.kind,
            "minutes": offer.effort.minutes,
            "framing": advice.framing.text,
        }
        if offer
        else None,
    }


def _suggestions(scorer: Scorer, scores: list[StoredScore]) -> dict[str, Suggestion]:
    """What to do next with each lead, by what is known now; nothing is drawn or kept."""
    if scorer.bundle is None:
        return {}
    model, now, found = scorer.model, scorer.clock(), {}
    asked = scorer.limited(now)
    for lead in (score.lead_id for score in scores):
        with suppress(OptedOut, UnknownLead):  # since the page was read
            advice = advice_for(model, lead, scorer.rows_of(lead, now), now, asked)
            found[lead] = suggestion(model, advice)
    return found
