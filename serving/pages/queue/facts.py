"""The newest thing about a lead that matters to whoever talks to it, as one short sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Final, Literal

from features.events.log import DAY_US
from features.events.of_lead import Row
from features.events.properties import as_text
from features.events.readable import channels_of, fit_in, fit_of
from features.ladder.activity import activity_of
from features.ladder.ladder import Ladder
from features.ladder.words import OFFER, REPLY, things
from features.offers.history import OfferHistory
from features.signals.rules import met_any
from serving.pages.common import words
from serving.pages.queue.interest import bounce_of, shows_interest
from serving.scoring.answers import ReasonAnswer

__all__ = ["Fact", "done_since", "loss_of", "named", "newest_fact", "question_of", "ways_of"]

FactKind = Literal["question", "refusal", "milestone", "offer", "visit", "done", "none"]
_TEXT_KEYS: Final = ("text", "question", "message", "body", "subject", "topic", "about")
"""What a lead asked stands in one of these properties of the event."""
_LONGEST: Final = 400
_LATELY_DAYS: Final = 7
"""What we did before is no news of ours."""
_SOMETHING: Final = "against.recent"
"""The signal of all that speaks against a lead, which does not say what that is."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened.

    Parameters
    ----------
    text : in words of ours, but for titles and what strangers wrote.
    at : microseconds since the epoch, UTC; None where nothing has happened.
    quote : what the lead wrote, to stand in quotes after a colon; "" for nothing. Letters that are
        read from the right stay apart from ours so.
    """

    kind: FactKind
    text: str
    at: int | None
    quote: str = ""


def newest_fact(rows: Sequence[Row], history: OfferHistory, ladder: Ladder, now: int) -> Fact:
    """What matters most: a question, what was refused, went wrong or was reached, then the rest.

    An open question goes before everything; of refusals, failures and milestones the latest counts;
    where there are none of them it is an offer without an answer, else the last visit, and of who
    came and left at once, that.

    Parameters
    ----------
    rows : the events of a lead, in time order.
    history : what follows from them.
    now : what was known by then counts; microseconds since the epoch.
    """
    asked = history.in_flight.get(REPLY)
    if asked is not None:
        question = question_of(rows, ladder, now)
        told = "Asked" if question else "Asked something"
        return Fact("question", told, asked.since, question)
    told_of = [
        *_refusals(history, ladder),
        *_setbacks(rows, ladder, now),
        *_misfits(rows, history, ladder, now),
        *_milestones(history, ladder),
        *_beginnings(rows, ladder, now),
    ]
    if told_of:
        return max(told_of, key=lambda fact: fact.at or 0)
    if history.unanswered and history.extended:
        offer_id, at = history.extended[-1]
        return Fact("offer", f"Has not answered {_title(ladder, offer_id)}", at)
    return _last_visit(rows, ladder, now)


def done_since(
    fact: Fact, rows: Sequence[Row], history: OfferHistory, ladder: Ladder, now: int
) -> Fact | None:
    """What we did last with a lead, of the last days and after the newest fact; None for nothing.

    Whoever reads the row knows then that a call went unanswered, or that an offer is out.
    """
    rules, names = activity_of(ladder), ladder.events
    titles = {one.event: one.title for one in reversed(ladder.buttons)}
    titles[names.business_replied] = "We replied"
    found = [
        Fact("done", f"Offered {_title(ladder, offer_id)}", at) for offer_id, at in history.extended
    ]
    found += [
        Fact("done", words.shown(titles[row[0]]), _at(row))
        for row in rows
        if row[2] <= now
        and row[0] in titles
        and row[0] != names.offer_extended
        and not met_any((*rules.interest, *rules.against), row[0], row[3])
    ]
    latest = max(found, key=lambda one: one.at or 0, default=None)
    since = max(fact.at or 0, now - _LATELY_DAYS * DAY_US)
    is_told = fact.kind == "offer" or latest is None or (latest.at or 0) <= since
    return None if is_told else latest


def question_of(rows: Sequence[Row], ladder: Ladder, now: int) -> str:
    """What the lead asked last, in its own words; "" where the event does not say."""
    asked = [row for row in rows if row[0] == ladder.events.lead_asked and row[2] <= now]
    for key in _TEXT_KEYS if asked else ():
        text = as_text(asked[-1][3].get(key))
        if text and text.strip():
            plain = words.plain(text).strip()
            return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"
    return ""


def loss_of(rows: Sequence[Row], ladder: Ladder, now: int) -> tuple[str, int] | None:
    """Why a lead is lost, in words, and since when, as the fold has it; None where it is not.

    Parameters
    ----------
    rows : the events of the lead, in time order.
    """
    found: tuple[str, int] | None = None
    for name, occurred, known, properties in rows:
        if known > now:
            continue
        if met_any(ladder.lost_when, name, properties):
            reason = words.shown(as_text(properties.get("reason")) or "")
            what = words.titled(words.shown(name))
            found = (f"{what} ({reason})" if reason else what), min(occurred, known)
        elif met_any(ladder.back_when, name, properties):
            found = None
    return found


def named(
    reasons: Sequence[ReasonAnswer], rows: Sequence[Row], ladder: Ladder, now: int
) -> list[ReasonAnswer]:
    """Some reasons; the one that something speaks against the lead says what that was, and when."""
    return [
        {**one, "text": f"{one['text']}{_against(rows, ladder, now)}"}
        if one["signal"] == _SOMETHING and one["points"] < 0
        else one
        for one in reasons
    ]


def ways_of(held: Mapping[str, object]) -> str:
    """The channels that an answer is about, as one says them: "Phone, Email", "any channel"."""
    ways = [words.titled(words.shown(one)) for one in channels_of(held.get("channel"))]
    return ", ".join(ways) or "any channel"


def _against(rows: Sequence[Row], ladder: Ladder, now: int) -> str:
    """The newest thing that speaks against a lead: ": email bounced 2 days ago"; "" for none.

    What speaks against it by more than its name, such as a read of few seconds, is not told.
    """
    rules, events = activity_of(ladder).against, ladder.events
    known = [row for row in rows if row[2] <= now and met_any(rules, row[0], row[3])]
    if not known:
        return ""
    name, _, _, held = latest = max(known, key=_at)
    if name == events.consent:
        what = f"{ways_of(held)} refused".lower()
    elif name == events.offer_declined:
        what = f"said no to {_title(ladder, as_text(held.get(OFFER)) or '')}"
    elif met_any([rule for rule in rules if not rule.where], name, held):
        what = words.titled(words.shown(name)).lower()
    else:
        return ""
    return f": {what} {words.ago(_at(latest), now)}"


def _refusals(history: OfferHistory, ladder: Ladder) -> list[Fact]:
    return [
        Fact("refusal", f"Said no to {_title(ladder, offer_id)}", at)
        for offer_id, at in history.declined.items()
    ]


def _setbacks(rows: Sequence[Row], ladder: Ladder, now: int) -> list[Fact]:
    """What went wrong: a pilot that failed, a session to which nobody came, a mail that bounced.

    What is no end or begin of something agreed counts until the lead was active again: a form that
    was left was perhaps sent a moment later.
    """
    rules = activity_of(ladder)
    told = ladder.events.offer_declined, ladder.events.consent
    against = [rule for rule in rules.against if not rule.where]
    agreed = [
        rule for one in ladder.commitments for rule in (*one.begins, *one.until) if not rule.where
    ]
    known = [row for row in rows if row[2] <= now]
    active = max((_at(row) for row in known if met_any(rules.interest, row[0], row[3])), default=0)
    found = [
        row
        for row in known
        if row[0] not in told
        and met_any(against, row[0], row[3])
        and (_at(row) >= active or met_any(agreed, row[0], row[3]))
    ]
    return [Fact("refusal", words.titled(words.shown(row[0])), _at(row)) for row in found]


def _misfits(rows: Sequence[Row], history: OfferHistory, ladder: Ladder, now: int) -> list[Fact]:
    """That a consultation has found that the lead does not fit, where that is its last word."""
    if history.fit != "no":
        return []
    found = [
        _at(row)
        for row in rows
        if row[0] == ladder.events.consultation
        and row[2] <= now
        and fit_of(fit_in(row[3])[1]) == "no"
    ]
    return [Fact("refusal", "Found not to be a fit", at) for at in found[-1:]]


def _at(row: Row) -> int:
    """When an event happened; none happened later than it was known."""
    return min(row[1], row[2])


def _milestones(history: OfferHistory, ladder: Ladder) -> list[Fact]:
    titles = {goal.id: goal.title for goal in ladder.goals}
    return [
        Fact("milestone", f"Completed {titles.get(rung, rung)}", at)
        for rung, at in history.completed.items()
    ]


def _beginnings(rows: Sequence[Row], ladder: Ladder, now: int) -> list[Fact]:
    """What has begun the ladder anew last, such as the end of a subscription."""
    found = [row for row in rows if row[2] <= now and met_any(ladder.restart_on, row[0], row[3])]
    last = sorted(found, key=_at)[-1:]
    return [Fact("milestone", words.titled(words.shown(row[0])), _at(row)) for row in last]


def _last_visit(rows: Sequence[Row], ladder: Ladder, now: int) -> Fact:
    bounce = None if shows_interest(rows, ladder, now) else bounce_of(rows, ladder, now)
    if bounce is not None:
        at, seconds = bounce
        after = "" if isnan(seconds) else f" after {things(round(seconds), 'second')}"
        return Fact("visit", f"Left{after}, one page seen", at)
    interest = activity_of(ladder).interest or ()
    for name, occurred, known, properties in sorted(rows, key=_at, reverse=True):
        if known <= now and met_any(interest, name, properties):
            return Fact("visit", words.titled(name), min(occurred, known))
    return Fact("none", "Nothing yet", None)


def _title(ladder: Ladder, offer_id: str) -> str:
    """What an offer is called, in quotes; "an offer" for one that was not named."""
    offer = ladder.offer(offer_id)
    called = offer.title if offer else words.titled(words.shown(offer_id))
    return f"“{called}”" if called else "an offer"
