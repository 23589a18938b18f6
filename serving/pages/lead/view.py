"""What the page of one lead shows, of the functions that /v1 answers with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import urlencode

from features.clock import is_over, rfc3339
from features.errors import UnknownLead
from features.events.of_lead import Row
from features.ladder.ladder import Ladder, Step
from features.offers.history import OfferHistory, completions_of, history_of
from features.store.events import EventStore
from features.store.identities.members import other_ids
from features.store.people.actions import UNDO_US
from features.store.privacy.opt_outs import withheld
from models.bundle import Bundle
from models.horizons import knows_times
from serving.edge.access.access import Asker
from serving.pages.common import words
from serving.pages.common.frame import why_no_model
from serving.pages.common.once import form_ids
from serving.pages.common.people import Person, person_of
from serving.pages.common.reach import reach_of
from serving.pages.lead.timeline import MOST_EVENTS, SIDES, entries_of, notes_of
from serving.pages.lead.todo import ToDo, to_do
from serving.pages.lead.weeks import weeks_of
from serving.pages.queue.agreed import agreed_with
from serving.pages.queue.aside import aside_of, ended_aside_of
from serving.pages.queue.elsewhere import why_unqueued
from serving.pages.queue.facts import loss_of, named, newest_fact, question_of
from serving.pages.queue.rows import buttons_of
from serving.process.queue_views import Desk
from serving.process.service import Service
from serving.process.working.actions import laters, zone
from serving.scoring.answers import ReasonAnswer, ScoreAnswer
from serving.scoring.scorer import Scorer
from serving.scoring.suggestion import suggestion_for

__all__ = ["lead_of", "stamp_of"]

_MINUTE_US: Final = 60_000_000
_MOST_REASONS: Final = 50
_FIRST_REASONS: Final = 5
_MOST_TRAITS: Final = 8
_AT_ONCE: Final = 0.03
"""Differences from the usual that are not worth a word."""
_MOST_IDS: Final = 20


@dataclass(frozen=True, slots=True)
class _Bar:
    """A line of the sum: from where to where it goes, in percent of the width."""

    text: str
    points: str
    start: float
    width: float
    kind: Literal["base", "up", "down", "total", "none"]


def stamp_of(service: Service, lead_id: str) -> str:
    """What differs whenever the page may look different: news, actions, a model, a minute."""
    scorer, store, now = service.scorer, service.store, service.clock()
    lead = store.lead_of(lead_id) if "\0" not in lead_id else lead_id
    done = store.actions.open().get(lead, ())
    held = (
        store.stamp(lead),
        scorer.privacy.is_opted_out(lead),
        [(one.id, is_over(one.due_at, now, UNDO_US)) for one in done],
        scorer.bundle.identity if scorer.bundle else "",
        service.run.as_of if service.run else 0,
        now // _MINUTE_US,
    )
    return hashlib.sha256(repr(held).encode("utf-8", "replace")).hexdigest()[:16]


def lead_of(
    service: Service,
    asker: Asker,
    lead_id: str,
    back: str,
    side: str,
    stamp: str = "",
    token: str = "",
) -> dict[str, Any]:
    """All that the page shows.

    Parameters
    ----------
    stamp : of what is shown, which a page that asks again names.
    back : the path of the queue that its reader came from.
    side : whose doing the timeline shows alone; "" for everybody's.
    token : of the page, by which its forms have their ids.

    Raises
    ------
    UnknownLead : nothing has arrived of it.
    """
    scorer, now, store = service.scorer, service.clock(), service.store
    side = side if side in SIDES else ""
    ladder = scorer.bundle.ladder if scorer.bundle else None
    lead, held = store.read(lead_id) if "\0" not in lead_id else (lead_id, [])
    rows = [row for row in held if row[2] <= now]
    if not rows:
        raise UnknownLead(f"no event of lead {words.shown(lead_id)!r} has arrived")
    opted_out = scorer.privacy.is_opted_out(lead)
    answer = None
    if scorer.bundle and not opted_out:
        answer = scorer.score(lead, now, _MOST_REASONS, _soon(scorer.bundle))
    goal = _goal(ladder, answer)
    desk, history = Desk.of(store, asker.name, now), history_of(rows, service.ladder, now)
    done = list(desk.done.get(lead, ()))
    person = person_of(lead, rows, service.ladder, now)
    told = _shown(rows, service.ladder, opted_out=opted_out)
    latest = sorted(told, key=lambda row: min(row[1], row[2]))[-MOST_EVENTS:]
    completed = _completed(rows, latest, service.ladder, now)
    entries = entries_of(latest, service.ladder, completed, done, now)
    todo = _to_do(scorer, lead, rows, now) if goal else None
    offer_id = todo.offer_id if todo else ""
    reasons = named(answer["reasons"], rows, service.ladder, now) if answer else []
    bars = _bars(answer, reasons) if answer and goal else []
    fact = newest_fact(rows, history, service.ladder, now)
    traits = [words.measured(words.shown(key), value) for key, value in person.others]
    owner = desk.owner_of(lead)
    once = form_ids(store.actions, asker, token, (lead, f"note {lead}"))
    ids = _ids(store, lead)
    return {
        "person": person,
        "lead_id": lead,
        "also": lead_id if lead_id != lead else "",
        "ids": ids[:_MOST_IDS],
        "more_ids": len(ids) > _MOST_IDS,
        "ladder": ladder,
        "score": answer,
        "soon": next(iter(answer.get("horizons", ())), None) if answer else None,
        "opted_out": opted_out,
        "goal": goal,
        "bars": bars[:-1][: _FIRST_REASONS + 1],
        "more_bars": bars[_FIRST_REASONS + 1 : -1],
        "total": bars[-1] if bars else None,
        "usual": _usual(answer, scorer.usual.get(goal.id) if goal else None),
        "shares_purchase": _shares_purchase(scorer.bundle, goal),
        "todo": todo,
        "unqueued": why_unqueued(service, lead, rows, now) if goal else "",
        "offer_id": offer_id,
        "buttons": [one for one in buttons_of(service.ladder) if offer_id or not one.with_offer],
        "laters": laters(service.ladder, now),
        "zone": str(zone(service.ladder)),
        "done": desk.undoable(lead),
        "owner": "" if owner == asker.name else owner,
        "is_mine": owner == asker.name,
        "aside": aside_of(desk, lead, rows, zone(service.ladder)),
        "ended_aside": ended_aside_of(desk, lead, rows, zone(service.ladder)),
        "question": question_of(rows, service.ladder, now) if fact.kind == "question" else "",
        "waits": words.age(fact.at, now) if fact.kind == "question" and fact.at else "",
        "asked": _asked_since(rows, service.ladder, fact.at or 0),
        "agreed": agreed_with(rows, service.ladder, now),
        "fact": fact,
        "fact_ago": words.ago(fact.at, now) if fact.at else "",
        "loss": _loss(rows, service.ladder, now),
        "place": _place(answer, goal),
        "weeks": weeks_of(scorer.model, lead, rows, history.completed, now)
        if ladder and goal
        else None,
        "completed": {rung: rfc3339(at) for rung, at in history.completed.items()},
        "entries": [one for one in entries if side in ("", one.side)],
        "sides": SIDES,
        "side": side,
        "earlier": len(told) - len(latest),
        "notes": [] if opted_out else notes_of(rows, done),
        "traits": traits[:_MOST_TRAITS],
        "more_traits": traits[_MOST_TRAITS:],
        "reach": reach_of(person, history, service.ladder),
        "consents": _consents(history, {"email": person.email, "phone": person.phone}),
        "why_not": why_no_model(service, asker),
        "back": back,
        "all_sides": _address(person, back, ""),
        "here": _address(person, back, side),
        "again": _address(person, back, side, page=token),
        "poll": _address(person, back, side, page=token, seen=stamp),
        "once": once[lead],
        "once_noted": once[f"note {lead}"],
    }


def _asked_since(rows: Sequence[Row], ladder: Ladder, since: int) -> int:
    """How often a lead has asked something since an instant."""
    return sum(row[0] == ladder.events.lead_asked and min(row[1], row[2]) >= since for row in rows)


def _soon(bundle: Bundle) -> tuple[float, ...]:
    """The days that the chance to buy is told within as well: a third of its horizon."""
    days = round(bundle.ladder.purchase.horizon_days / 3)
    return (days,) if days and knows_times(bundle) else ()


def _shares_purchase(bundle: Bundle | None, goal: Step | None) -> bool:
    """Whether all at a step have one chance to buy; at the last it is the chance of the step."""
    if bundle is None or goal is None or goal.id == bundle.ladder.goals[-1].id:
        return False
    return bundle.purchase.evidence != "model"


def _goal(ladder: Ladder | None, answer: ScoreAnswer | None) -> Step | None:
    """The next step; None after the purchase."""
    if ladder is None or answer is None or answer["step"] is None:
        return None
    return ladder.goals[answer["position"]]


def _to_do(scorer: Scorer, lead_id: str, rows: list[Row], now: int) -> ToDo:
    model = scorer.model
    advice = suggestion_for(model, lead_id, rows, now, scorer.limited(now))
    return to_do(advice, model.bundle.ladder)


def _shown(rows: Sequence[Row], ladder: Ladder, *, opted_out: bool) -> list[Row]:
    """The events to be told; of who has opted out nothing that was decided about them."""
    if not opted_out:
        return list(rows)
    kept_back = withheld(ladder.events)
    return [row for row in rows if row[0] not in kept_back]


def _completed(
    rows: Sequence[Row], shown: Sequence[Row], ladder: Ladder, now: int
) -> list[str | None]:
    """For each event that is shown the title of the step that it completed, by all there are."""
    titles = {goal.id: goal.title for goal in ladder.goals}
    rungs = dict(zip(map(id, rows), completions_of(rows, ladder, now), strict=True))
    return [titles.get(rungs[id(row)] or "") for row in shown]


def _ids(store: EventStore, lead: str) -> list[str]:
    """The other ids of a lead, the first of them: one more than is shown, if there are so many."""
    with store.database.reading() as connection:
        return other_ids(connection, [lead], _MOST_IDS + 1).get(lead, [])


def _usual(answer: ScoreAnswer | None, usual: float | None) -> str:
    """How a chance lies beside the average of those at the step, as a sentence; "" for none."""
    if answer is None or usual is None or answer["probability"] is None:
        return ""
    apart = answer["probability"] - usual
    beside = f": this is {'above' if apart > 0 else 'below'} that"
    if abs(apart) < _AT_ONCE:
        beside = ", about what this lead has"
    # It is found when all are scored, and who came since is not in it.
    had = f"When all were scored last, those who stood here had {words.chance(usual)} on average"
    return f"{had}{beside}."


def _consents(history: OfferHistory, reached: Mapping[str, str]) -> list[tuple[str, bool]]:
    """The answers for channels, but for those that stand beside an address or a number."""
    return [
        (words.titled(words.shown(channel)) if channel else "Any channel", granted)
        for channel, granted in sorted(history.consents.items())
        if not reached.get(channel)
    ]


def _address(person: Person, back: str, side: str, **more: str) -> str:
    """The address of the page, as its reader came to it; `seen` asks for what is new since."""
    given = {"from": "" if back == "/" else back, "side": side} | more
    held = {name: value for name, value in given.items() if value}
    return f"{person.address}?{urlencode(held)}" if held else person.address


def _loss(rows: Sequence[Row], ladder: Ladder, now: int) -> dict[str, str] | None:
    """By what a lead is lost and since when, RFC 3339; None where it is not."""
    found = loss_of(rows, ladder, now)
    return {"why": found[0], "since": rfc3339(found[1])} if found else None


def _place(answer: ScoreAnswer | None, goal: Step | None) -> str | None:
    """Whether the chance is high for its step, in words; None where the ladder names no range."""
    if goal is None or (goal.band, goal.high_from, goal.low_below) == (None, None, None):
        return None
    return words.BANDS[answer["band"]] if answer and answer["band"] else None


def _bars(answer: ScoreAnswer, reasons: Sequence[ReasonAnswer]) -> list[_Bar]:
    """Base, reasons and their sum. Figures are rounded so that what is read adds up."""
    base, total = _tenth(answer["base"]), _tenth(answer["probability"])
    told = [(one["text"], _tenth(one["points"])) for one in reasons[:-1]]
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
