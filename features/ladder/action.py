"""What a person does with a lead and says by a button: each action writes an ordinary event.

What the events are called is the ladder's. Rung's own are those that say in whose hands a lead is:
they are no activity of the lead, and no signal reads them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from features.ladder.words import OFFER
from features.toml_table import Table

__all__ = [
    "CLAIMED",
    "HANDS",
    "NOTED",
    "RELEASED",
    "SNOOZED",
    "STAFF",
    "AnswerKind",
    "LeadAction",
    "kind_of",
    "read_action",
    "usual_actions",
]

CLAIMED: Final = "lead_claimed"
"""Somebody works with the lead: `by`, a name, and `until`, RFC 3339."""
RELEASED: Final = "lead_released"
"""And does so no more."""
SNOOZED: Final = "lead_snoozed"
"""Nobody works with it before `until`, RFC 3339; or, where `until_back` is true, before it has done
something again. `until` in the past ends it."""
NOTED: Final = "note_added"
"""`text`, about the lead, by the person `by`. Personal data: no signal reads it."""
HANDS: Final = frozenset({CLAIMED, RELEASED, SNOOZED})
"""The events that say in whose hands a lead is."""
STAFF: Final = HANDS | {NOTED}
"""What only those who work here say of a lead: a page that anybody opens cannot know it."""

AnswerKind = Literal["number", "instant", "text"]
"""What a question of an action is answered with."""
_NUMBERS: Final = ("minutes", "hours", "days", "amount", "seats", "people", "value")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}")
_RESERVED: Final = frozenset({OFFER, "by"})
_MOST_ASKED: Final = 4


@dataclass(frozen=True, slots=True)
class LeadAction:
    """A button for something that was done.

    Parameters
    ----------
    title : what was done, in the past: "Session held".
    event : the name of the event that it writes.
    properties : of that event, each with its value.
    asks : properties that whoever did it is asked for; what each is answered with says `kind_of`.
    with_offer : whether the event names the offer that was suggested, as its property `offer`; such
        an action can be done only where one is.
    claims : whether who did it works with the lead from then on.
    during : ids of commitments; the button is there while one of them is open, and only then. ():
        at any time.
    """

    id: str
    title: str
    event: str
    properties: tuple[tuple[str, str | float | bool], ...] = ()
    asks: tuple[str, ...] = ()
    with_offer: bool = False
    claims: bool = True
    during: tuple[str, ...] = ()


def kind_of(asked: str) -> AnswerKind:
    """What a property is asked for as: `..._at` is an instant, `minutes` and the like a number."""
    if asked.endswith("_at"):
        return "instant"
    return "number" if asked in _NUMBERS or asked.startswith("number_of_") else "text"


def usual_actions(offer_extended: str, offer_declined: str, replied: str) -> tuple[LeadAction, ...]:
    """The actions of a ladder that names none: of the events whose role every ladder knows."""
    return (
        LeadAction("talked", "Talked", replied),
        LeadAction("offered", "Offered", offer_extended, with_offer=True),
        LeadAction("refused", "Said no", offer_declined, with_offer=True),
    )


def read_action(table: Table) -> LeadAction:
    """An [[action]] of a ladder file."""
    id_ = table.text("id")
    if id_ and not re.fullmatch(r"[a-z][a-z0-9_-]*", id_):
        table.wrong("id", "must be lower case letters, digits, - and _", 'as "session-held"')
    asks = table.texts("asks")
    if len(asks) > _MOST_ASKED:
        table.wrong("asks", f"asks for more than {_MOST_ASKED} things", "an action is one click")
    properties = _properties(table)
    for name in (*asks, *(name for name, _ in properties)):
        if not _NAME.fullmatch(name):
            table.wrong("asks", f"{name!r} is no name of a property", 'as "minutes"')
        elif name in _RESERVED:
            table.wrong("asks", f"{name!r} is reserved", "Rung itself writes that one")
    event = table.text("event")
    if event in STAFF:
        table.wrong("event", f"{event!r} is reserved", "Rung itself writes that one")
    return LeadAction(
        id=id_,
        title=table.line("title", id_),
        event=event,
        properties=properties,
        asks=asks,
        with_offer=table.flag("with_offer"),
        claims=table.flag("claims", default=True),
        during=table.texts("during"),
    )


def _properties(table: Table) -> tuple[tuple[str, str | float | bool], ...]:
    given = table.take("properties")
    if given is None:
        return ()
    if not isinstance(given, dict):
        table.wrong("properties", "must be a table", 'as {channel = "phone"}')
        return ()
    for name, value in given.items():
        if not isinstance(value, str | int | float | bool):
            table.wrong(f"properties.{name}", "must be a text, a number, true or false")
    return tuple(
        (name, value) for name, value in given.items() if isinstance(value, str | int | float)
    )
