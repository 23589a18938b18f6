"""A row of the queue: who, how likely, what happened last, what to do, and what was just done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from features.clock import instant, microseconds, rfc3339
from features.events.of_lead import Row
from features.ladder.action import AnswerKind, LeadAction, kind_of
from features.ladder.ladder import Ladder
from features.ladder.words import of_money
from features.offers.history import OfferHistory, history_of
from features.store.people.actions import KeptAction
from models.offers.options import NURTURE
from serving.pages.common import words
from serving.pages.common.people import Person, person_of
from serving.pages.common.reach import Reach, reach_of
from serving.pages.queue.agreed import Agreed, agreed_with
from serving.pages.queue.aside import Aside, aside_of, ended_aside_of
from serving.pages.queue.facts import Fact, done_since, named, newest_fact
from serving.pages.queue.interest import shows_interest
from serving.pages.queue.searched import found_as
from serving.process.queue_views import Desk
from serving.process.working.actions import is_reply_of, zone
from serving.scoring.answers import QueueItem, ReasonAnswer
from serving.scoring.scorer import Scorer
from serving.scoring.suggestion import is_reply

__all__ = ["Button", "Doing", "LeadRow", "buttons_of", "doing_of", "replies_of", "rows_of"]

_ANSWER: Final = "Answer what they asked"
_NEW: Final = "No interest so far: a chance as newcomers have"
_MOVED: Final = 0.05
"""A chance that moved by so much within a week is worth an arrow."""


@dataclass(frozen=True, slots=True)
class Button:
    """An action of the ladder, with what it asks for: a name, its words and its kind."""

    id: str
    title: str
    asks: tuple[tuple[str, str, AnswerKind], ...]


@dataclass(frozen=True, slots=True)
class Doing:
    """What to do next with a lead.

    Parameters
    ----------
    verb : "Offer", "Answer", "Just send", "Leave alone for now"; all of it where `what` is "".
    what : the title of the offer, or of the piece to send.
    opener : how to put it; "" where the ladder says nothing.
    minutes : of a rep; 0 for none.
    offer_id : "" where it is no offer of the ladder.
    wait : quiet hours, over which it has to wait; "" for none.
    price : what the lead has to pay; "" for nothing.
    """

    verb: str
    what: str
    opener: str
    minutes: float
    offer_id: str
    wait: str = ""
    price: str = ""


@dataclass(frozen=True, slots=True)
class LeadRow:
    """A lead in the queue.

    Parameters
    ----------
    reach : by which ways it may be reached, and which are closed.
    fact_at : RFC 3339, UTC; "" for none.
    moved : which way the chance went within a week, by 5 points or more.
    done_last : what we did after that, and how long ago: "2 hours ago: No answer"; "" for
        nothing.
    reasons : at most two, whose sign fits; none for a chance that is as usual.
    beside : where there is no reason to tell, how the chance lies beside the average at the step.
    done : what its reader just did with it, and can still take back.
    owner : who else works with it; "" for nobody.
    aside : that it is put aside, and nothing is to be done for now; None where it is not.
    ended_aside : that it was put aside, which a question of its own has ended; None likewise.
    agreed : what is under way with it at a time that is known; None for nothing.
    found_as : what it was called, or its other id, by which a search finds it; "" for as it is.
    is_over : why it has no next step, "Has bought" or "Lost"; "" where it has one.
    """

    person: Person
    reach: Reach
    item: QueueItem
    fact: Fact
    fact_at: str
    fact_ago: str
    waits: str
    done_last: str
    reasons: Sequence[ReasonAnswer]
    beside: str
    moved: Literal["up", "down", ""]
    doing: Doing
    done: KeptAction | None
    owner: str
    is_mine: bool
    buttons: tuple[Button, ...]
    aside: Aside | None
    ended_aside: Aside | None
    agreed: Agreed | None
    found_as: str = ""
    is_over: str = ""


def rows_of(
    scorer: Scorer, ladder: Ladder, desk: Desk, shown: Sequence[QueueItem], asked: str = ""
) -> list[LeadRow]:
    """The rows of queued leads, in order; `asked` is what was searched for."""
    found = []
    for item in shown:
        rows = scorer.store.events_of(item["lead_id"])
        row = _row(ladder, desk, item, rows)
        found.append(replace(row, found_as=found_as(asked, row.person, rows, ladder, desk.now)))
    return found


def _row(
    ladder: Ladder,
    desk: Desk,
    item: QueueItem,
    rows: Sequence[Row],
) -> LeadRow:
    lead_id, now = item["lead_id"], desk.now
    person, history = person_of(lead_id, rows, ladder, now), history_of(rows, ladder, now)
    fact, doing = newest_fact(rows, history, ladder, now), doing_of(ladder, item)
    waiting, owner = item["waiting_since"], desk.owner_of(lead_id)
    latest = done_since(fact, rows, history, ladder, now)
    over = "" if item["step"] else "Lost" if history.is_lost else "Has bought"
    is_new = not over and not shows_interest(rows, ladder, now)
    reasons = [] if is_new else named(words.telling(item), rows, ladder, now)
    return LeadRow(
        person=person,
        reach=reach_of(person, history, ladder),
        item=item,
        fact=fact,
        fact_at=rfc3339(fact.at) if fact.at else "",
        fact_ago=words.ago(fact.at, now) if fact.at else "",
        waits=words.age(microseconds(instant(waiting)), now) if waiting else "",
        done_last=f"{words.sentence(words.ago(latest.at, now))}: {latest.text}" if latest else "",
        reasons=reasons,
        beside=_NEW if is_new else "" if reasons else words.beside_usual(item),
        moved=_moved(item),
        doing=doing,
        done=desk.undoable(lead_id),
        owner="" if owner == desk.name else owner,
        is_mine=owner == desk.name,
        buttons=buttons_of(ladder, history, doing.offer_id),
        aside=aside_of(desk, lead_id, rows, zone(ladder)),
        ended_aside=ended_aside_of(desk, lead_id, rows, zone(ladder)),
        agreed=agreed_with(rows, ladder, now),
        is_over=over,
    )


def _moved(item: QueueItem) -> Literal["up", "down", ""]:
    chance, before = item["probability"], item["p_week_ago"]
    if chance is None or before is None or abs(chance - before) < _MOVED:
        return ""
    return "up" if chance > before else "down"


def buttons_of(ladder: Ladder, history: OfferHistory, offer_id: str) -> tuple[Button, ...]:
    """The buttons of a ladder that fit a lead now.

    Parameters
    ----------
    offer_id : what is suggested to be asked; "" for nothing.
    """
    return tuple(
        _button(one)
        for one in ladder.buttons
        if (offer_id or not one.with_offer)
        and (not one.during or any(name in history.in_flight for name in one.during))
    )


def replies_of(ladder: Ladder) -> tuple[Button, ...]:
    """Those that say that somebody was replied to, all that is done with who has opted out."""
    return tuple(_button(one) for one in ladder.buttons if is_reply_of(one, ladder))


def _button(action: LeadAction) -> Button:
    asks = tuple((name, words.titled(name), kind_of(name)) for name in action.asks)
    return Button(action.id, action.title, asks)


def doing_of(ladder: Ladder, item: QueueItem) -> Doing:
    """What to do next, in the words of whoever does it.

    Who waits for a reply is answered, whether or not the ladder has an offer that says so.
    """
    advice, waits = item["suggestion"], item["waiting_since"] is not None
    wait = advice["quiet_hours"]["text"] if advice and advice["quiet_hours"] else ""
    offer = ladder.offer(advice["offer_id"]) if advice else None
    answers = is_reply(offer)
    if waits and not answers:
        return Doing(_ANSWER, "", "", 0.0, "", wait)
    if advice is None:
        return Doing("No advice yet", "", "", 0.0, "")
    if offer is not None:
        verb = "Offer" if offer.role == "ask" else "Help with"
        told = advice["offer"]
        return Doing(
            _ANSWER if answers else verb,
            "" if answers else offer.title,
            words.shown(told["framing"] if told else ""),
            offer.rep_minutes,
            offer.id if offer.role == "ask" else "",
            wait,
            of_money(offer.effort.money, ladder.value.currency) if offer.effort.money else "",
        )
    if advice["offer_id"] == NURTURE:
        piece = advice["useful"]
        if piece is None:
            return Doing("Send something useful, ask for nothing", "", "", 0.0, "", wait)
        return Doing("Just send", piece["title"], "", 0.0, "", wait)
    return Doing("Leave alone for now", "", "", 0.0, "", wait)
