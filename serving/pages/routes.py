"""The two pages. What they show comes from the same functions as the answers of /v1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from features.clock import instant, microseconds, rfc3339
from features.errors import UnknownLead
from features.events.of_lead import Row
from features.ladder.ladder import Ladder, Step
from features.signals.protected import without_protected
from models.served_policy import DEFAULT
from serving.edge.access import Asker, needs
from serving.edge.parameters import after_of, check_step, cursor_of
from serving.edge.problems import Problem
from serving.pages import words
from serving.pages.rendering import HERE, html, rendered
from serving.pages.todo import ToDo, to_do
from serving.process.served import Served
from serving.process.service import Service
from serving.scoring.answers import QueueItem, ScoreAnswer
from serving.scoring.queue import items, queue_part
from serving.scoring.scorer import Scorer
from serving.scoring.suggestion import suggestion_for

__all__ = ["install", "problem_page", "router"]

_ORDER: Final = "work"
_PER_PAGE: Final = 25
_MOST_EVENTS: Final = 200
_MOST_REASONS: Final = 50
_MOST_PROPERTIES: Final = 8

_Asker = Annotated[Asker, Depends(needs("read", is_page=True))]

router = APIRouter(include_in_schema=False)


def install(app: FastAPI) -> None:
    """Serve the style sheet and the icon."""
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")


@router.get("/")
async def queue_page(
    service: Served, asker: _Asker, cursor: str | None = None, step: str | None = None
) -> Response:
    """Who to talk to next."""
    step = step or None
    check_step(service.scorer.ladder, step)
    after = after_of(cursor or None, _ORDER)
    return await run_in_threadpool(lambda: _html("queue.html", asker, _queue(service, after, step)))


@router.get("/leads/{lead_id:path}")
async def lead_page(lead_id: str, service: Served, asker: _Asker) -> Response:
    """One lead: the score, why, what to do, and all that happened."""
    return await run_in_threadpool(lambda: _html("lead.html", asker, _lead(service, lead_id)))


def _html(template: str, asker: Asker, values: dict[str, Any]) -> Response:
    return html(template, {**values, "has_session": asker.has_session})


def problem_page(request: Request, problem: Problem) -> str:
    """A problem as a page."""
    request_id = request.scope["state"]["request_id"]
    return rendered("problem.html", {"problem": problem, "request_id": request_id})


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
    person = _person(item["lead_id"], rows, ladder, now)
    last_active, waiting = item["last_active"], item["waiting_since"]
    return {
        **person,
        "item": item,
        "reasons": words.telling(item),
        "last_active": words.ago(_micros(last_active) if last_active else None, now),
        "waiting": words.ago(_micros(waiting), now) if waiting else None,
    }


def _person(lead_id: str, rows: list[Row], ladder: Ladder, now: int) -> dict[str, Any]:
    traits = words.traits_of(rows, ladder, now)
    title, below = words.who(lead_id, traits)
    return {
        "title": title,
        "below": below,
        "traits": traits,
        "address": f"/leads/{quote(lead_id, safe='')}",
    }


def _micros(text: str) -> int:
    return microseconds(instant(text))


# -------------------------------------------------------------------------------------------- Lead


@dataclass(frozen=True, slots=True)
class _Bar:
    """A line of the sum: from where to where it goes, in percent of the width."""

    text: str
    points: str
    start: float
    width: float
    kind: Literal["base", "up", "down", "total", "none"]


def _lead(service: Service, lead_id: str) -> dict[str, Any]:
    scorer, now = service.scorer, service.scorer.clock()
    ladder = scorer.bundle.ladder if scorer.bundle else None
    rows = [row for row in _events_of(scorer, lead_id) if row[2] <= now]
    if not rows:
        raise UnknownLead(f"no event of lead {words.shown(lead_id)!r} has arrived")
    opted_out = scorer.privacy.is_opted_out(lead_id)
    answer = scorer.score(lead_id, now, _MOST_REASONS) if ladder and not opted_out else None
    goal = _goal(ladder, answer)
    return {
        **_person(lead_id, rows, service.ladder, now),
        "lead_id": lead_id,
        "ladder": ladder,
        "score": answer,
        "opted_out": opted_out,
        "goal": goal,
        "bars": _bars(answer) if answer and goal else [],
        "todo": _to_do(scorer, lead_id, rows, now) if goal else None,
        "place": _place(answer),
        "days": _timeline(scorer, service.ladder, rows, now),
        "earlier": max(0, len(rows) - _MOST_EVENTS),
        "why_not": scorer.why_not,
    }


def _goal(ladder: Ladder | None, answer: ScoreAnswer | None) -> Step | None:
    """The next step; None after the purchase."""
    if ladder is None or answer is None or answer["step"] is None:
        return None
    return ladder.goals[answer["position"]]


def _to_do(scorer: Scorer, lead_id: str, rows: list[Row], now: int) -> ToDo:
    model = scorer.model
    advice = suggestion_for(model, lead_id, rows, now, scorer.limited(now))
    by_rules = model.adviser.policy_name == DEFAULT
    return to_do(advice, model.bundle.ladder, by_rules=by_rules)


def _events_of(scorer: Scorer, lead_id: str) -> list[Row]:
    return [] if "\0" in lead_id else scorer.store.events_of(lead_id)


def _place(answer: ScoreAnswer | None) -> str | None:
    """Whether the chance is high for its step, in words."""
    return words.BANDS[answer["band"]] if answer and answer["band"] else None


def _bars(answer: ScoreAnswer) -> list[_Bar]:
    """Base, reasons and their sum. Figures are rounded so that what is read adds up."""
    base, total = _tenth(answer["base"]), _tenth(answer["probability"])
    told = [(one["text"], _tenth(one["points"])) for one in answer["reasons"][:-1]]
    rest = round(total - base - sum(value for _, value in told), 1)
    told += [("everything else together", rest)] if rest else []
    ends = [base]
    for _, value in told:
        ends.append(ends[-1] + value)
    scale = 100.0 / max(*ends, total, 0.1) / 1.02
    bars = [_Bar("a typical lead at this step", f"{base:.1f}", 0.0, base * scale, "base")]
    for (text, value), before in zip(told, ends, strict=False):
        start = max(0.0, min(before, before + value)) * scale
        kind: Literal["up", "down"] = "up" if value >= 0 else "down"
        bars.append(_Bar(text, words.points(value / 100.0), start, abs(value) * scale, kind))
    return [*bars, _Bar("this lead", f"{total:.1f}", 0.0, total * scale, "total")]


def _tenth(share: float | None) -> float:
    """A share in percent, to a tenth."""
    return round(100.0 * (share or 0.0), 1)


def _timeline(
    scorer: Scorer, ladder: Ladder, rows: list[Row], now: int
) -> list[tuple[str, list[dict[str, Any]]]]:
    """The latest events, newest first, by day; of protected traits they say nothing."""
    latest = sorted(rows, key=lambda row: (row[1], row[2]), reverse=True)[:_MOST_EVENTS]
    steps = scorer.completed_by(latest)
    days: dict[str, list[dict[str, Any]]] = {}
    for row, step in zip(latest, steps, strict=True):
        name, occurred, known, held = row
        properties = without_protected(ladder, held)
        happened = min(occurred, known)
        days.setdefault(words.day(happened, now), []).append(
            {
                "name": words.titled(name),
                "clock": words.clock(happened),
                "iso": rfc3339(happened),
                "ago": words.ago(happened, now),
                "step": step,
                "properties": [
                    (words.titled(key), words.shown(value))
                    for key, value in sorted(properties.items())[:_MOST_PROPERTIES]
                ],
            }
        )
    return list(days.items())
