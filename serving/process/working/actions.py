"""What the buttons of the pages do: each is kept at once, and written to the log ten seconds later.

What a business calls its events is the ladder's (`[[action]]`); to claim, to let go, to put aside
and to note are Rung's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from features.clock import FIRST, LAST, microseconds, rfc3339, when
from features.errors import ActionConflict, OptedOut
from features.events.log import DAY_US
from features.ladder.action import CLAIMED, NOTED, RELEASED, SNOOZED, LeadAction, kind_of
from features.ladder.ladder import Ladder
from features.ladder.quiet_hours import zone_of
from features.ladder.words import OFFER
from features.store.database import is_storable
from features.store.people.actions import KeptAction
from serving.edge.access.access import Asker
from serving.process.service import Service

__all__ = [
    "Later",
    "WrongAnswer",
    "bring_back",
    "claim",
    "do",
    "is_reply_of",
    "laters",
    "note",
    "put_aside",
    "release",
    "zone",
]

LaterId = Literal["tomorrow", "monday", "two-weeks", "back"]
_MORNING: Final = time(8)
"""When somebody who was put aside until a day is there again, by the business's clock."""
_TWO_WEEKS: Final = 14
_MOST_TEXT: Final = 2000
_NUMBER: Final = re.compile(r"[0-9]{1,9}(?:[.,][0-9]{1,2})?", re.ASCII)
"""A comma before one or two digits is a decimal one; nobody may guess what 1,000 is."""

ToWrite = tuple[str, Mapping[str, Any]]
"""An event to write: its name and its properties."""


class WrongAnswer(ActionConflict):
    """Something that an action asked for was not answered, or not so that it can be kept."""


@dataclass(frozen=True, slots=True)
class Later:
    """A time to put somebody aside until.

    Parameters
    ----------
    until : microseconds since the epoch; None until they have done something again.
    """

    id: LaterId
    title: str
    until: int | None


def zone(ladder: Ladder) -> tzinfo:
    """The clock that a business goes by."""
    return zone_of(ladder.limits.quiet.time_zone) or ZoneInfo("UTC")


def laters(ladder: Ladder, now: int) -> tuple[Later, ...]:
    """When somebody can be put aside until, by the business's clock."""
    today = when(now).astimezone(zone(ladder))

    def morning(days: int) -> int:
        day = today.date() + timedelta(days=days)
        return microseconds(datetime.combine(day, _MORNING, today.tzinfo))

    to_monday = 7 - today.weekday()
    return (
        Later("tomorrow", "Tomorrow", morning(1)),
        Later("monday", "Monday", morning(to_monday)),
        Later("two-weeks", "In two weeks", morning(_TWO_WEEKS)),
        Later("back", "When they are back", None),
    )


# ----------------------------------------------------------------------------------------- Actions


def do(
    service: Service,
    asker: Asker,
    lead_id: str,
    action_id: str,
    answers: Mapping[str, str],
    once: str = "",
) -> KeptAction:
    """Do what a button of the ladder says.

    Parameters
    ----------
    answers : by the property that was asked for; `offer` is the id of the offer that was suggested.
    once : an id of the filled-in form, by which it is kept once; "" for none.

    Raises
    ------
    ActionConflict : there is no such button, somebody else works with the lead, or an answer is
        missing or no good (`WrongAnswer`).
    OptedOut : nothing is done with this lead any more, but that it is answered.
    """
    ladder, now = service.ladder, service.clock()
    action = next((one for one in ladder.buttons if one.id == action_id), None)
    if action is None:
        titles = ", ".join(one.title for one in ladder.buttons)
        raise ActionConflict(f"there is no action {action_id!r} here; there are {titles}")
    properties = dict(action.properties) | _answered(action, answers, ladder, now)
    events: list[ToWrite] = [(action.event, properties)]
    claiming = [_claiming(ladder, asker, now)] if action.claims else []
    told = (action.id, action.title)
    try:
        return _keep(service, asker, lead_id, told, [*events, *claiming], once)
    except OptedOut:
        # Whoever asks is answered all the same, and is in nobody's hands for that.
        if not is_reply_of(action, ladder) or not service.store.events_of(lead_id):
            raise
    return _kept(service, asker, service.store.lead_of(lead_id), told, events, once=once)


def is_reply_of(action: LeadAction, ladder: Ladder) -> bool:
    """Whether an action says that a lead was replied to, and nothing of an offer."""
    return action.event == ladder.events.business_replied and not action.with_offer


def claim(service: Service, asker: Asker, lead_id: str) -> KeptAction:
    """Take a lead into one's own hands; ActionConflict where somebody else has it."""
    told = [_claiming(service.ladder, asker, service.clock())]
    return _keep(service, asker, lead_id, ("claim", "Taken"), told)


def release(service: Service, asker: Asker, lead_id: str) -> KeptAction:
    """Let go of a lead; ActionConflict where it is somebody else's, and one is no admin.

    Somebody may be away, or have had the lead from before there were keys. Of a lead that has opted
    out this is all that can be done: it would be in their hands until the claim is over.
    """
    told = [(RELEASED, {"by": asker.name})]
    is_admin = asker.may("admin")
    try:
        lead_id = service.scorer.read(lead_id, service.clock())[0]
    except OptedOut:
        lead_id = service.store.lead_of(lead_id)
    return _kept(service, asker, lead_id, ("release", "Let go"), told, of_anybody=is_admin)


def put_aside(service: Service, asker: Asker, lead_id: str, later: str) -> KeptAction:
    """Put a lead aside until a time of `laters`; ActionConflict where there is none such."""
    ladder = service.ladder
    chosen = next((one for one in laters(ladder, service.clock()) if one.id == later), None)
    if chosen is None:
        raise ActionConflict(f"{later!r} is no time to put somebody aside until")
    told: dict[str, Any] = {"by": asker.name}
    told |= {"until_back": True} if chosen.until is None else {"until": rfc3339(chosen.until)}
    title = f"Later: {chosen.title[:1].lower()}{chosen.title[1:]}"
    if chosen.id == "monday":
        title = "Later: Monday"
    return _keep(service, asker, lead_id, ("later", title), [(SNOOZED, told)])


def bring_back(service: Service, asker: Asker, lead_id: str) -> KeptAction:
    """Let a lead that was put aside be worked with again, now."""
    told = {"by": asker.name, "until": rfc3339(service.clock())}
    return _keep(service, asker, lead_id, ("back", "Brought back"), [(SNOOZED, told)])


def note(service: Service, asker: Asker, lead_id: str, text: str, once: str = "") -> KeptAction:
    """Keep a note about a lead, once; WrongAnswer where it says nothing, or very much."""
    plain = text.replace("\0", "").replace("\r\n", "\n").strip()
    if not plain or len(plain) > _MOST_TEXT or not is_storable(plain):
        raise WrongAnswer(f"a note has 1 to {_MOST_TEXT:,} characters; this has {len(plain):,}")
    told = (NOTED, {"text": plain, "by": asker.name})
    return _keep(service, asker, lead_id, ("note", "Noted"), [told], once)


def _keep(
    service: Service,
    asker: Asker,
    lead_id: str,
    action: tuple[str, str],
    events: Sequence[ToWrite],
    once: str = "",
) -> KeptAction:
    """Keep what was done with a lead that must be known, and may be worked with."""
    lead_id = service.scorer.read(lead_id, service.clock())[0]
    return _kept(service, asker, lead_id, action, events, once=once)


def _kept(
    service: Service,
    asker: Asker,
    lead_id: str,
    action: tuple[str, str],
    events: Sequence[ToWrite],
    *,
    of_anybody: bool = False,
    once: str = "",
) -> KeptAction:
    return service.store.actions.do(
        lead_id,
        service.ladder.name,
        *action,
        events,
        by=asker.key_id,
        name=asker.name,
        now=service.clock(),
        of_anybody=of_anybody,
        once=once,
    )


def _claiming(ladder: Ladder, asker: Asker, now: int) -> ToWrite:
    until = now + round(ladder.limits.claim_days * DAY_US)
    return CLAIMED, {"by": asker.name, "until": rfc3339(until)}


# ----------------------------------------------------------------------------------------- Answers


def _answered(
    action: LeadAction, answers: Mapping[str, str], ladder: Ladder, now: int
) -> dict[str, Any]:
    """What an action asked for, as properties of its event."""
    told: dict[str, Any] = {}
    if action.with_offer:
        offer = ladder.offer(answers.get(OFFER, ""))
        if offer is None:
            raise WrongAnswer("no offer is suggested for this lead now: say which one it was")
        told[OFFER] = offer.id
    # What is agreed now ends in time to come, or the page would go on offering it; other instants
    # may tell of what has been.
    begun = [
        one for one in ladder.commitments if any(rule.event == action.event for rule in one.begins)
    ]
    ends = {one.ends_at for one in begun}
    for name in action.asks:
        after = now if name in ends else None
        told[name] = _value(name, answers.get(name, "").strip(), ladder, after)
    return told


def _value(name: str, text: str, ladder: Ladder, after: int | None) -> str | float:
    """An answer as the event has it; WrongAnswer says what would be right.

    Parameters
    ----------
    after : an instant has to lie after this one, in microseconds since the epoch; None: anywhere.
    """
    asked, label = kind_of(name), name.replace("_", " ").strip()
    if not text:
        raise WrongAnswer(f"{label}: is missing")
    if asked == "number":
        if not _NUMBER.fullmatch(text):
            wrong = "is below 0" if _NUMBER.fullmatch(text.removeprefix("-")) else "is no number"
            raise WrongAnswer(f"{label}: {text[:40]!r} {wrong}; write 1000 or 2.5")
        return float(text.replace(",", "."))
    if asked == "instant":
        return _instant(name, text, ladder, after)
    if len(text) > _MOST_TEXT or not is_storable(text):
        raise WrongAnswer(f"{label}: has at most {_MOST_TEXT:,} characters")
    return text


def _instant(name: str, text: str, ladder: Ladder, after: int | None) -> str:
    """A day and time as the event has it."""
    label = name.replace("_", " ").strip()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise WrongAnswer(f"{label}: {text[:40]!r} is no day and time") from error
    if not FIRST.year < moment.year < LAST.year:
        raise WrongAnswer(f"{label}: {text[:40]!r} is no day of our time")
    local = moment if moment.tzinfo else moment.replace(tzinfo=zone(ladder))
    at = microseconds(local)
    if after is not None and at <= after:
        raise WrongAnswer(f"{label}: {text[:40]!r} has passed already; write a time to come")
    return rfc3339(at)
