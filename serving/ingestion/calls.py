"""A Segment call becomes an event: whose it is, what it is called, when it happened, what it says.

Members that are not read are let through. Of the context only the campaign and the group are kept:
no address, no device, no browser.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import Any, Final

import orjson

from features.events.junk_ids import is_junk
from features.events.log import DAY_US
from features.events.values import id_text
from features.store.arrivals import Arrival
from features.store.identities.accounts import GROUP_ID, account_of
from serving.edge.parameters import Place
from serving.ingestion.people import GivenId, People, junk_refused, people_of
from serving.ingestion.places import AS_NAMED, Placed, Sent, shown
from serving.ingestion.values import (
    EventRefused,
    Receipt,
    arrival,
    checked_object,
    group_fault,
    identity,
    in_range,
    instant_of,
    message_id,
    name_of,
    object_in,
)

__all__ = ["Envelope", "arrival_of_call", "envelope_of"]

_CAMPAIGN: Final = ("name", "source", "medium", "term", "content")
_OF_CONTEXT: Final[Mapping[str, Place]] = {
    **{f"context_campaign_{name}": ("context", "campaign", name) for name in _CAMPAIGN},
    GROUP_ID: ("context", "groupId"),
}
"""Where in a call those properties stand that follow from its context."""
_NOT_CONTENT: Final = frozenset({"sentAt", "writeKey"})
"""They differ when a message is sent again."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a request says for all its events.

    Parameters
    ----------
    sent_at : by the sender's clock, in microseconds since the epoch; None where it does not say.
    extras : properties that follow from its context.
    passed_over : what could not be read, and is done without; whoever answers empties it.
    """

    receipt: Receipt
    sent_at: int | None
    extras: dict[str, Any]
    passed_over: list[EventRefused]


def envelope_of(receipt: Receipt, body: dict[str, Any]) -> Envelope:
    """What a batch says for all its calls; EventRefused where that cannot be read."""
    passed_over: list[EventRefused] = []
    sent_at = _sent_at(body, passed_over)
    if sent_at is not None and abs(receipt.received - sent_at) > DAY_US:
        passed_over.append(_off(receipt.received - sent_at))
    extras = _from_context(body.get("context"), passed_over)
    return Envelope(receipt, sent_at, extras, passed_over)


def arrival_of_call(envelope: Envelope, item: Any, sent: Sent = AS_NAMED) -> Arrival:
    """The event that a call means; EventRefused where it means none.

    Parameters
    ----------
    sent : where its members stand, where it was made of something else.
    """
    item = checked_object(item)
    call = item.get("type")
    read = _READERS.get(call) if type(call) is str else None
    if read is None:
        raise EventRefused("unknown_type", ("type",), f"type is one of {', '.join(_READERS)}")
    receipt = envelope.receipt
    name, said = read(item, envelope, sent)
    said = _with_extras(said, item, envelope)
    who = _who(item, call, sent)
    found = arrival(
        receipt,
        _message_id(item, sent),
        who.ids,
        name,
        _occurred_at(item, envelope),
        said,
        is_anonymous=who.is_anonymous,
    )
    return who.noted(found)


_Read = tuple[str, Placed]
"""The name of an event, and its properties."""


def _track(item: dict[str, Any], envelope: Envelope, sent: Sent) -> _Read:
    name = name_of(item.get("event"), "event", envelope.receipt.rules)
    return name, _said(item, "properties", sent)


def _said(item: dict[str, Any], member: str, sent: Sent) -> Placed:
    place = sent.place(member)
    return Placed(object_in(item, member, place), place, sent.properties)


def _identify(item: dict[str, Any], envelope: Envelope, sent: Sent) -> _Read:
    name = envelope.receipt.rules.traits
    if item.get("traits") is None and type(item.get("context")) is dict:
        place = ("context", "traits")  # as RudderStack's do
        return name, Placed(object_in(item["context"], "traits", place), place)
    return name, _said(item, "traits", sent)


def _viewed(name: str, item: dict[str, Any], _: Envelope, sent: Sent) -> _Read:
    """A page or a screen: what it is called is a property as well."""
    said = _said(item, "properties", sent)
    titles = {part: item[part] for part in ("name", "category") if item.get(part)}
    return name, _beside(said, titles, {part: (part,) for part in titles}) if titles else said


def _group(item: dict[str, Any], envelope: Envelope, sent: Sent) -> _Read:
    """A company; an id that names none is passed over, and the rest is of nobody's."""
    place, given = sent.place("groupId"), item.get("groupId")
    if given is None or given == "":
        raise EventRefused("missing", place, f"a group call needs a {shown(place)}")
    said = _said(item, "traits", sent)
    text = id_text(given)
    if text is not None and is_junk(text):
        _pass_over_group(envelope.passed_over, place, given)
        return "group", said
    values = {**said.values, GROUP_ID: identity(given, place)}
    return "group", said._replace(values=values, moved={**said.moved, GROUP_ID: place})


def _pass_over_group(passed_over: list[EventRefused], place: Place, group: object) -> None:
    """Note what is wrong with a group's id that is done without, if anything is."""
    fault = group_fault(group)
    if fault is not None:
        passed_over.append(EventRefused(fault[0], place, f"{shown(place)} {fault[1]}"))


def _alias(_: dict[str, Any], __: Envelope, ___: Sent) -> _Read:
    return "alias", Placed({}, ("properties",))


_READERS: Final[dict[str, Callable[[dict[str, Any], Envelope, Sent], _Read]]] = {
    "track": _track,
    "identify": _identify,
    "page": partial(_viewed, "page_viewed"),
    "screen": partial(_viewed, "screen_viewed"),
    "group": _group,
    "alias": _alias,
}


def _who(item: dict[str, Any], call: str, sent: Sent) -> People:
    """The id of the lead, anonymous id and previous id."""

    def given(member: str) -> GivenId:
        place = sent.place(member)
        return place, identity(item.get(member), place)

    user, anonymous = given("userId"), given("anonymousId")
    if call == "alias":
        previous = given("previousId")
        for place, id_ in (user, previous):
            if id_ is None:
                needed = f"a {shown(user[0])} and a {shown(previous[0])}"
                raise EventRefused("missing", (), f"an alias needs {needed}")
            if is_junk(id_):  # it would say nothing but the link
                raise junk_refused(place)
        who = people_of([user], [anonymous], [previous])
    else:
        who = people_of([user], [anonymous])
    if who is None:
        or_else = "" if sent.members else " or an anonymousId"
        raise EventRefused("missing", (), f"a {shown(user[0])}{or_else} is needed")
    return who


def _message_id(item: dict[str, Any], sent: Sent) -> str:
    """The id that was sent; without one a hash, so that the same call sent again is a duplicate."""
    given = item.get("messageId")
    if given is not None and given != "":
        return message_id(given, sent.place("messageId"))
    content = {name: value for name, value in item.items() if name not in _NOT_CONTENT}
    text = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return f"content-{blake2b(text, digest_size=16).hexdigest()}"


def _occurred_at(item: dict[str, Any], envelope: Envelope) -> int:
    """When it happened by our clock: what the sender's is wrong by shows in `sentAt`.

    A call with both times was corrected already by whoever passed it on.
    """
    stamp, original = item.get("timestamp"), item.get("originalTimestamp")
    if stamp is None and original is None:
        return envelope.receipt.received
    if stamp is not None and original is not None:
        return instant_of(stamp, "timestamp")
    member = "originalTimestamp" if stamp is None else "timestamp"
    given = instant_of(item[member], member)
    own = _sent_at(item, envelope.passed_over)
    sent = envelope.sent_at if own is None else own
    if sent is None:
        return given
    late = envelope.receipt.received - sent
    try:
        at = in_range(given + late, member)
    except EventRefused as beyond:
        why = f"sentAt is no clock's time: by it {beyond}"
        envelope.passed_over.append(_without_sent_at(why))
        return given
    if own is not None and abs(late) > DAY_US:
        envelope.passed_over.append(_off(late))
    return at


def _sent_at(of: dict[str, Any], passed_over: list[EventRefused]) -> int | None:
    """What the sender's clock said; None where it does not say, or says what cannot be read.

    It corrects other times and is nothing by itself: an event is not worth losing for it.
    """
    value = of.get("sentAt")
    if value is None:
        return None
    try:
        return instant_of(value, "sentAt")
    except EventRefused as refused:
        passed_over.append(_without_sent_at(str(refused)))
        return None


def _off(late: int) -> EventRefused:
    """What is said of a clock that seems to be wrong by days, in microseconds.

    A request that something has held back as it was sent looks alike, and what happened days ago
    becomes what happened now.
    """
    days = abs(late) // DAY_US
    where, moved = ("before", "later") if late > 0 else ("after", "earlier")
    why = (
        f"sentAt lies {days} day{'s' if days > 1 else ''} {where} the time it came in, so it counts"
        f" as of a clock that is wrong, and times as {moved} by that; what was held back on its way"
        " comes with the time at which it is sent on, or without"
    )
    return EventRefused("clock_off", ("sentAt",), why)


def _without_sent_at(why: str) -> EventRefused:
    return EventRefused("invalid_time", ("sentAt",), f"{why}; it counts as if it were left out")


def _with_extras(said: Placed, item: dict[str, Any], envelope: Envelope) -> Placed:
    """With what follows from the context of a call, and before it from that of its batch."""
    own = _from_context(item.get("context"), envelope.passed_over)
    if not (own or envelope.extras):
        return said
    # What the batch said stands in none of its events.
    places = {name: _OF_CONTEXT[name] if name in own else () for name in (*envelope.extras, *own)}
    return _beside(said, {**envelope.extras, **own}, places)


def _beside(said: Placed, more: Mapping[str, Any], places: Mapping[str, Place]) -> Placed:
    """With more properties, which give way to those of the same name."""
    moved = {name: place for name, place in places.items() if name not in said.values}
    return said._replace(values={**more, **said.values}, moved={**said.moved, **moved})


def _from_context(context: Any, passed_over: list[EventRefused]) -> dict[str, Any]:
    if context is None:
        return {}
    if type(context) is not dict:
        raise EventRefused("invalid_event", ("context",), "context is an object")
    extras: dict[str, Any] = {}
    campaign = context.get("campaign")
    if type(campaign) is dict:
        for name in _CAMPAIGN:
            if campaign.get(name) and type(campaign[name]) in (str, int, float):
                extras[f"context_campaign_{name}"] = campaign[name]
    group = context.get("groupId")
    if group and type(group) in (str, int):
        if account_of(group):
            extras[GROUP_ID] = str(group)
        else:
            _pass_over_group(passed_over, _OF_CONTEXT[GROUP_ID], group)
    return extras
