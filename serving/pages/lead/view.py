"""What the page of one lead shows, of the functions that /v1 answers with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
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
from serving.edge.access.access import Asker
from serving.pages.common import words
from serving.pages.common.frame import why_no_model
from serving.pages.common.once import form_ids
from serving.pages.common.people import Person, person_of
from serving.pages.common.reach import reach_of
from serving.pages.lead.chance import chance_of, soon
from serving.pages.lead.timeline import MOST_EVENTS, SIDES, entries_of, notes_of
from serving.pages.lead.todo import ToDo, to_do
from serving.pages.lead.weeks import weeks_of
from serving.pages.queue.agreed import agreed_with
from serving.pages.queue.aside import aside_of, ended_aside_of
from serving.pages.queue.elsewhere import why_unqueued
from serving.pages.queue.facts import loss_of, named, newest_fact, question_of
from serving.pages.queue.interest import shows_interest
from serving.pages.queue.rows import buttons_of, replies_of
from serving.process.queue_views import Desk
from serving.process.service import Service
from serving.process.working.actions import laters, zone
from serving.scoring.answers import ScoreAnswer
from serving.scoring.scorer import Scorer
from serving.scoring.suggestion import suggestion_for

__all__ = ["lead_of", "stamp_of"]

_MINUTE_US: Final = 60_000_000
_MOST_REASONS: Final = 50
_MOST_TRAITS: Final = 8
_MOST_IDS: Final = 20


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
    side = side if side in SIDES else ""
    read = _read(service, asker, lead_id)
    reasons = named(read.answer["reasons"], *read.told) if read.answer else []
    usual = service.scorer.usual.get(read.goal.id) if read.goal else None
    return (
        _who(read)
        | chance_of(
            service.scorer.bundle,
            read.answer,
            read.goal,
            reasons,
            usual,
            is_interested=shows_interest(*read.told),
        )
        | _work(read)
        | _what_happened(read, side)
        | _addresses(read.person, back, side, stamp, token)
        | _forms(read, token)
    )


@dataclass(frozen=True, eq=False, slots=True)
class _Read:
    """What is known of a lead at an instant, read once for all that the page says.

    Parameters
    ----------
    asked_for : the id that the page was asked for; `lead` is what it stands for.
    rows : the events that are known, in their order.
    now : microseconds since the epoch.
    answer, goal : its score and its next step; None where there is none.
    """

    service: Service
    asker: Asker
    asked_for: str
    lead: str
    rows: list[Row]
    now: int
    opted_out: bool
    answer: ScoreAnswer | None
    goal: Step | None
    desk: Desk
    history: OfferHistory
    person: Person

    @property
    def ladder(self) -> Ladder:
        """What the events mean: before there is a model that of the settings."""
        return self.service.ladder

    @property
    def told(self) -> tuple[list[Row], Ladder, int]:
        """What facts about the events are found by."""
        return self.rows, self.ladder, self.now


def _read(service: Service, asker: Asker, lead_id: str) -> _Read:
    scorer, now, store = service.scorer, service.clock(), service.store
    lead, held = store.read(lead_id) if "\0" not in lead_id else (lead_id, [])
    rows = [row for row in held if row[2] <= now]
    if not rows:
        raise UnknownLead(f"no event of lead {words.shown(lead_id)!r} has arrived")
    opted_out, answer = scorer.privacy.is_opted_out(lead), None
    if scorer.bundle and not opted_out:
        answer = scorer.score(lead, now, _MOST_REASONS, soon(scorer.bundle), by_current=True)
    return _Read(
        service,
        asker,
        lead_id,
        lead,
        rows,
        now,
        opted_out,
        answer,
        _goal(scorer.bundle.ladder if scorer.bundle else None, answer),
        Desk.of(store, asker.name, now),
        history_of(rows, service.ladder, now),
        person_of(lead, rows, service.ladder, now),
    )


def _who(read: _Read) -> dict[str, Any]:
    """Who it is, where it stands, and how it may be reached."""
    person, history, scorer = read.person, read.history, read.service.scorer
    traits = [words.measured(words.shown(key), value) for key, value in person.others]
    ids = _ids(read.service.store, read.lead)
    ladder = scorer.bundle.ladder if scorer.bundle else None
    return {
        "person": person,
        "lead_id": read.lead,
        "also": read.asked_for if read.asked_for != read.lead else "",
        "ids": ids[:_MOST_IDS],
        "more_ids": len(ids) > _MOST_IDS,
        "ladder": ladder,
        "opted_out": read.opted_out,
        "goal": read.goal,
        "completed": {rung: rfc3339(at) for rung, at in history.completed.items()},
        "loss": _loss(*read.told),
        "traits": traits[:_MOST_TRAITS],
        "more_traits": traits[_MOST_TRAITS:],
        "reach": reach_of(person, history, read.ladder),
        "consents": _consents(history, {"email": person.email, "phone": person.phone}),
        "why_not": why_no_model(read.service, read.asker),
        "weeks": weeks_of(scorer.model, read.lead, read.rows, history.completed, read.now)
        if ladder and read.goal
        else None,
    }


def _work(read: _Read) -> dict[str, Any]:
    """What is to be done with it, by whom, and what of that can be taken back."""
    lead, ladder, now, desk = read.lead, read.ladder, read.now, read.desk
    todo = _to_do(read.service.scorer, lead, read.rows, now) if read.goal else None
    offer_id = todo.offer_id if todo else ""
    owner, here = desk.owner_of(lead), zone(ladder)
    fact = newest_fact(read.rows, read.history, ladder, now)
    asks = fact.kind == "question"
    return {
        "todo": todo,
        "unqueued": why_unqueued(read.service, lead, read.rows, now) if read.goal else "",
        "offer_id": offer_id,
        "buttons": buttons_of(ladder, read.history, offer_id),
        "replies": replies_of(ladder),
        "laters": laters(ladder, now),
        "zone": str(here),
        "done": desk.undoable(lead),
        "owner": "" if owner == read.asker.name else owner,
        "is_mine": owner == read.asker.name,
        "aside": aside_of(desk, lead, read.rows, here),
        "ended_aside": ended_aside_of(desk, lead, read.rows, here),
        "fact": fact,
        "fact_ago": words.ago(fact.at, now) if fact.at else "",
        "question": question_of(*read.told) if asks else "",
        "waits": words.age(fact.at, now) if asks and fact.at else "",
        "asked": _asked_since(read.rows, ladder, fact.at or 0),
        "agreed": agreed_with(*read.told),
    }


def _what_happened(read: _Read, side: str) -> dict[str, Any]:
    """The timeline, its latest events alone."""
    done, now, ladder = list(read.desk.done.get(read.lead, ())), read.now, read.ladder
    shown = _shown(read.rows, ladder, opted_out=read.opted_out)
    latest = sorted(shown, key=lambda row: min(row[1], row[2]))[-MOST_EVENTS:]
    completed = _completed(read.rows, latest, ladder, now)
    entries = entries_of(latest, ladder, completed, done, now)
    return {
        "entries": [one for one in entries if side in ("", one.side)],
        "sides": SIDES,
        "side": side,
        "earlier": len(shown) - len(latest),
        "notes": [] if read.opted_out else notes_of(read.rows, done),
    }


def _addresses(person: Person, back: str, side: str, stamp: str, token: str) -> dict[str, Any]:
    return {
        "back": back,
        "all_sides": _address(person, back, ""),
        "here": _address(person, back, side),
        "again": _address(person, back, side, page=token),
        "poll": _address(person, back, side, page=token, seen=stamp),
    }


def _forms(read: _Read, token: str) -> dict[str, str]:
    note = f"note {read.lead}"
    once = form_ids(read.service.store.actions, read.asker, token, (read.lead, note))
    return {"once": once[read.lead], "once_noted": once[note]}


def _asked_since(rows: Sequence[Row], ladder: Ladder, since: int) -> int:
    """How often a lead has asked something since an instant."""
    return sum(row[0] == ladder.events.lead_asked and min(row[1], row[2]) >= since for row in rows)


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
