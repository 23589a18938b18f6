"""The values of one event as somebody sent it: checked, or refused with a reason.

What is refused says which member it is and what would be right, and shows no personal value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson

from features.errors import Refused
from features.events.junk_ids import FOR_NOBODY, is_junk
from features.events.personal_data import (
    ContactRule,
    contact_rule,
    personal_place,
)
from features.events.readable import unreadable
from features.events.times import (
    ABSENT,
    NAIVE,
    NUMBER,
    OUT_OF_RANGE,
    READ,
    UNREADABLE,
    instant,
)
from features.events.urls import without_contact
from features.events.values import (
    EVENT_NAME,
    LEAD_ID,
    MESSAGE_ID,
    TextRule,
    id_text,
    is_in_range,
    number_fault,
)
from features.ladder.action import STAFF
from features.ladder.ladder import EventNames, Ladder
from features.signals.table import ladder_columns
from features.store.arrivals import Arrival, Remark
from features.store.identities.accounts import ACCOUNT_ID, GROUP_ID, account_of
from features.store.identities.identification import Identification, links_between
from serving.edge.parameters import Place
from serving.ingestion.places import Placed, shown

__all__ = [
    "MOST_EVENT_BYTES",
    "ArrivalRules",
    "EventRefused",
    "Receipt",
    "arrival",
    "check_properties",
    "checked_object",
    "group_fault",
    "identity",
    "in_range",
    "instant_of",
    "message_id",
    "name_of",
    "object_in",
    "rules_of",
]


MOST_EVENT_BYTES: Final = 32 * 1024
DEEPEST: Final = 32
RESERVED_PREFIX: Final = "rung-"
_OF_STAFF: Final = (
    "{} is what people who work with a lead say of it, and a key for pages is public; send it with"
    " a key without origins"
)


class EventRefused(Refused):
    """An event that is not taken.

    Parameters
    ----------
    kind : a stable word, such as "invalid_time".
    place : where in the event the cause stands; () for the event as a whole.
    """

    def __init__(self, kind: str, place: Place, detail: str) -> None:
        self.kind = kind
        self.place = place
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class ArrivalRules:
    """What a ladder has to say of events that arrive.

    Parameters
    ----------
    traits : the name of the event that traits become.
    reserved : names that nobody may send.
    contact : which events may hold no contact data.
    names : of the events with a fixed role.
    numbers : the properties that are read as numbers.
    staff : names that this sender may not send, as it is public; none of any other.
    """

    traits: str
    reserved: frozenset[str]
    contact: ContactRule
    names: EventNames
    numbers: frozenset[str]
    staff: frozenset[str] = frozenset()


@lru_cache(maxsize=16)
def rules_of(ladder: Ladder, *, of_pages: bool = False) -> ArrivalRules:
    """The rules of a ladder.

    Parameters
    ----------
    of_pages : whether they are for a key that stands in pages, which anybody can read there.
    """
    names = ladder.events
    reserved = frozenset((names.decision, names.exposure, names.outcome, names.assignment))
    numbers, _ = ladder_columns(ladder)
    return ArrivalRules(
        names.traits,
        reserved,
        contact_rule(ladder),
        names,
        frozenset(numbers),
        STAFF if of_pages else frozenset(),
    )


@dataclass(frozen=True, slots=True)
class Receipt:
    """What holds for all events of a request.

    Parameters
    ----------
    received : when it came in, in microseconds since the epoch.
    prefix : what all its message ids begin with: "web/" for the source "web", "" for none.
    identification : what tells who somebody is beside ids; None where nothing does.
    """

    received: int
    prefix: str
    rules: ArrivalRules
    identification: Identification | None = None


def checked_object(item: Any) -> dict[str, Any]:
    """An event as an object that is neither too large nor too deep."""
    if type(item) is not dict:
        raise EventRefused("invalid_event", (), "an event is a JSON object")
    try:
        text = orjson.dumps(item)
    except orjson.JSONEncodeError as error:
        raise _too_deep() from error
    if len(text) > MOST_EVENT_BYTES:
        raise _too_large(len(text))
    if text.count(b"{") + text.count(b"[") > DEEPEST and _is_too_deep(item):
        raise _too_deep()
    return item


def _too_large(size: int) -> EventRefused:
    most = MOST_EVENT_BYTES // 1024
    return EventRefused("too_large", (), f"an event may have {most} KiB; this one has {size} bytes")


def _too_deep() -> EventRefused:
    return EventRefused("too_deep", (), f"an event may nest {DEEPEST} levels deep")


def _is_too_deep(item: Any) -> bool:
    level = [item]
    for _ in range(DEEPEST):
        level = [
            child
            for one in level
            for child in (one.values() if type(one) is dict else one)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return False
    return True


def object_in(item: dict[str, Any], member: str, place: Place | None = None) -> dict[str, Any]:
    """The object that a member holds; an empty one where it is absent or null.

    Parameters
    ----------
    place : of the member, where that is not its name.
    """
    value = item.get(member)
    if value is None:
        return {}
    if type(value) is not dict:
        place = (member,) if place is None else place
        raise EventRefused("invalid_event", place, f"{shown(place)} is an object")
    return value


def identity(value: Any, member: str | Place) -> str | None:
    """The id of a lead, a whole number as text; None where it is absent, null or empty."""
    if value is None or value == "":
        return None
    return _id(value, member, LEAD_ID)


def message_id(value: Any, member: str | Place) -> str:
    """The id of a message, as it was sent; a whole number as text."""
    text = _id(value, member, MESSAGE_ID)
    if text.startswith(RESERVED_PREFIX):
        raise EventRefused(
            "reserved", _place(member), f"ids that begin with {RESERVED_PREFIX!r} are Rung's own"
        )
    return text


def _id(value: Any, member: str | Place, rule: TextRule) -> str:
    text = id_text(value)
    if text is None:
        right = "a text, or a whole number up to 2^53"
    elif not rule.accepts(text):
        right = rule.right
    else:
        return text
    place = _place(member)
    raise EventRefused("invalid_id", place, f"{shown(place)} is {right}")


def _place(member: str | Place) -> Place:
    return (member,) if type(member) is str else tuple(member)


def name_of(value: Any, member: str, rules: ArrivalRules) -> str:
    """The name of an event that may be sent."""
    if type(value) is not str or not EVENT_NAME.accepts(value):
        raise EventRefused("invalid_name", (member,), f"{member} is {EVENT_NAME.right}")
    if value in rules.reserved:
        raise EventRefused("reserved", (member,), "events of this name are written by Rung alone")
    if value in rules.staff:
        raise EventRefused("not_from_pages", (member,), _OF_STAFF.format(value))
    return value


def group_fault(value: object) -> tuple[str, str] | None:
    """Why a group's id names no company: a code, and what it is; None of one that does.

    What is absent names none either, and nothing is wrong with it.
    """
    if value is None or value == "":
        return None
    if is_junk(str(value)):
        return "junk_id", f"is {FOR_NOBODY}; it was passed over, and names no company"
    if account_of(value):
        return None
    return "invalid_id", f"is no id of a company, which is {ACCOUNT_ID.right}; it was passed over"


_TIME_FAULTS: Final = {
    ABSENT: "{} is a text such as 2026-03-01T12:00:00Z",
    UNREADABLE: "{} cannot be read; write it as 2026-03-01T12:00:00Z",
    NUMBER: "{} is a number; write it as 2026-03-01T12:00:00Z",
    NAIVE: "{} has no time zone; end it with Z for UTC, or with an offset such as +01:00",
    OUT_OF_RANGE: "{} does not lie in the years 1970 to 2199",
}


def instant_of(value: Any, member: str) -> int:
    """A time with a zone, in the years 1970 to 2199, as microseconds since the epoch."""
    found, state = instant(value) if type(value) is str else (0, ABSENT)
    if state != READ:
        raise EventRefused("invalid_time", (member,), _TIME_FAULTS[state].format(member))
    return found


def in_range(microseconds_: int, member: str) -> int:
    """The same instant, where it lies in the years 1970 to 2199."""
    if not is_in_range(microseconds_):
        raise EventRefused("invalid_time", (member,), _TIME_FAULTS[OUT_OF_RANGE].format(member))
    return microseconds_


def arrival(
    receipt: Receipt,
    message: str,
    who: tuple[str, str | None, str | None],
    name: str,
    occurred_at: int,
    said: Placed,
    *,
    is_anonymous: bool = False,
    mail: str = "",
) -> Arrival:
    """An event whose values are checked, but for its properties.

    What somebody does who has not said who they are holds no contact data: out of the address of a
    page it is taken, anything else is refused.

    Parameters
    ----------
    message : its id, without the prefix.
    who : the id it was sent under, anonymous id and previous id.
    occurred_at : microseconds since the epoch; what lies in the future happened when it came in.
    said : its properties.
    is_anonymous : whether the sender names no lead but one that it does not know.
    mail : the address that a vendor gave along; it is not kept.
    """
    remarks: tuple[Remark, ...] = ()
    rules = receipt.rules
    if why := rules.contact.why_none(name, is_anonymous=is_anonymous):
        said, remarks = _impersonal(said, why)
    check_properties(name, said, rules)
    values = said.values
    if GROUP_ID in values and (fault := group_fault(values[GROUP_ID])):
        remarks = (*remarks, Remark(fault[0], f"{shown(said.place_of((GROUP_ID,)))} {fault[1]}"))
    text = orjson.dumps(values)
    if len(text) > MOST_EVENT_BYTES:
        raise _too_large(len(text))
    sent_id, anonymous_id, previous_id = who
    same = _same_person(receipt, values if name == rules.traits else {}, mail)
    return Arrival(
        receipt.prefix + message,
        sent_id,
        name,
        min(occurred_at, receipt.received),
        receipt.received,
        text.decode(),
        None if anonymous_id == sent_id else anonymous_id,
        None if previous_id == sent_id else previous_id,
        remarks,
        links_between(sent_id, same, is_anonymous=is_anonymous) if same else (),
    )


def check_properties(name: str, said: Placed, rules: ArrivalRules) -> None:
    """EventRefused for an answer that means nothing, and for a number that is none."""
    values = said.values
    if wrong := unreadable(name, values, rules.names):
        raise EventRefused("invalid_value", said.place_of(wrong.place), wrong.detail)
    for key in rules.numbers & values.keys():
        if wrong_number := number_fault(key, values[key]):
            raise EventRefused("invalid_value", said.place_of((key,)), f"{key} is a {wrong_number}")


def _same_person(receipt: Receipt, traits: Mapping[str, object], mail: str) -> tuple[str, ...]:
    """The ids that follow from what is told of who somebody is."""
    known = receipt.identification
    if known is None or not (traits or mail):
        return ()
    of_mail = known.of_mail(mail) if mail else None
    return (*known.of_traits(traits), *(() if of_mail is None else (of_mail,)))


def _impersonal(said: Placed, why: str) -> tuple[Placed, tuple[Remark, ...]]:
    """Properties without contact data, and what was taken out; EventRefused where it stays.

    Parameters
    ----------
    why : it is to have none.
    """
    values, places = without_contact(said.values)
    if (found := personal_place(values)) is not None:
        place = said.place_of(found)
        raise EventRefused("personal_data", place, f"{shown(place)} holds personal data; {why}")
    if not places:
        return said, ()
    named = " and ".join(shown(said.place_of(one)) for one in places)
    remark = Remark("redacted", f"contact data was taken out of {named}; {why}")
    return said._replace(values=values), (remark,)
