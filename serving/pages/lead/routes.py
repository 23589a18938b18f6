"""The page of one lead: what to do, how likely the next step is and why, and all that happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from features.clock import rfc3339
from features.errors import UnknownLead
from features.events.of_lead import Row
from features.ladder.ladder import Ladder, Step
from features.signals.protected import without_protected
from models.served_policy import DEFAULT
from serving.edge.access import Asker, needs
from serving.pages.common import words
from serving.pages.common.frame import page
from serving.pages.common.people import person_of
from serving.pages.lead.todo import ToDo, to_do
from serving.process.served import Served
from serving.process.service import Service
from serving.scoring.answers import ScoreAnswer
from serving.scoring.scorer import Scorer
from serving.scoring.suggestion import suggestion_for

__all__ = ["router"]

_MOST_EVENTS: Final = 200
_MOST_REASONS: Final = 50
_MOST_PROPERTIES: Final = 8

_Asker = Annotated[Asker, Depends(needs("read", is_page=True))]

router = APIRouter(include_in_schema=False)


@router.get("/leads/{lead_id:path}")
async def lead_page(request: Request, lead_id: str, service: Served, asker: _Asker) -> Response:
    """One lead: the score, why, what to do, and all that happened."""
    return await run_in_threadpool(
        lambda: page(request, service, asker, "lead.html", _lead(service, lead_id))
    )


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
        "person": person_of(lead_id, rows, service.ladder, now),
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
