"""The queue: whom to talk to next. What it shows comes from the functions that /v1 answers with."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from features.clock import instant, microseconds
from features.ladder.ladder import Ladder
from models.served_policy import DEFAULT
from serving.edge.access import Asker, needs
from serving.edge.parameters import after_of, check_step, cursor_of
from serving.pages.common import words
from serving.pages.common.frame import page
from serving.pages.common.people import person_of
from serving.process.served import Served
from serving.process.service import Service
from serving.scoring.answers import QueueItem
from serving.scoring.queue import items, queue_part
from serving.scoring.scorer import Scorer

__all__ = ["router"]

_ORDER: Final = "work"
_PER_PAGE: Final = 25

_Asker = Annotated[Asker, Depends(needs("read", is_page=True))]

router = APIRouter(include_in_schema=False)


@router.get("/")
async def queue_page(
    request: Request,
    service: Served,
    asker: _Asker,
    cursor: str | None = None,
    step: str | None = None,
) -> Response:
    """Who to talk to next."""
    step = step or None
    check_step(service.scorer.ladder, step)
    after = after_of(cursor or None, _ORDER)
    return await run_in_threadpool(
        lambda: page(request, service, asker, "queue.html", _queue(service, after, step))
    )


# ------------------------------------------------------------------------------------------- Queue

QueueState = Literal["ready", "no_model", "scoring", "empty", "nobody"]


def _queue(service: Service, after: tuple[float, str] | None, step: str | None) -> dict[str, Any]:
    scorer, now = service.scorer, service.scorer.clock()
    ladder = scorer.bundle.ladder if scorer.bundle else None
    part = queue_part(scorer.store, _PER_PAGE, after, step) if ladder else None
    shown = items(scorer, part.scores) if part else []
    following = part.after if part else None
    return {
        "state": _state(service, bool(shown)),
        "why_not": scorer.why_not,
        "failure": service.failure,
        "ladder": ladder,
        "rows": [_row(scorer, ladder, item, now) for item in shown] if ladder else [],
        "filters": _filters(service, ladder, step) if ladder else [],
        "step": step,
        "first": after is None,
        "first_page": _address(step=step),
        "next_page": _address(step=step, cursor=cursor_of(following, _ORDER))
        if following
        else None,
        "nobody": after is None and bool(shown) and shown[0]["tab"] in ("marketing", "quiet"),
        "queued": service.run.queued if service.run else None,
        "scored": words.ago(_micros(shown[0]["scored_at"]), now) if shown else None,
        "evidence": scorer.bundle.advancement.evidence if scorer.bundle else None,
        "by_rules": scorer.bundle is None or scorer.model.adviser.policy_name == DEFAULT,
    }


def _state(service: Service, has_rows: bool) -> QueueState:
    if service.scorer.bundle is None:
        return "no_model"
    if has_rows:
        return "ready"
    if service.run is None:
        return "scoring"
    return "nobody" if service.run.leads else "empty"


def _address(**query: str | None) -> str:
    given = {key: value for key, value in query.items() if value is not None}
    return f"/?{urlencode(given)}" if given else "/"


def _filters(service: Service, ladder: Ladder, step: str | None) -> list[dict[str, Any]]:
    """The steps to choose from, with how many queued leads have each before them."""
    run = service.run
    return [
        {
            "title": goal.title,
            "address": _address(step=goal.id),
            "chosen": goal.id == step,
            "count": run.by_step.get(goal.id, 0) if run else None,
        }
        for goal in ladder.goals
    ]


def _row(scorer: Scorer, ladder: Ladder, item: QueueItem, now: int) -> dict[str, Any]:
    rows = scorer.store.events_of(item["lead_id"])
    last_active, waiting = item["last_active"], item["waiting_since"]
    return {
        "person": person_of(item["lead_id"], rows, ladder, now),
        "item": item,
        "reasons": words.telling(item),
        "last_active": words.ago(_micros(last_active) if last_active else None, now),
        "waiting": words.ago(_micros(waiting), now) if waiting else None,
    }


def _micros(text: str) -> int:
    return microseconds(instant(text))
