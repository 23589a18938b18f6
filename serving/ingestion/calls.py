"""A Segment call becomes an event: whose it is, what it is called, when it happened, what it says.

Members that are not read are let through. Of the context only the campaign and the group are kept:
no address, no device, no browser.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import Any, Final

import orjson

from features.events.junk_ids import is_junk
from features.store.arrivals import Arrival
from serving.ingestion.people import GivenId, People, junk_refused, people_of
from serving.ingestion.values import (
    ArrivalRules,
    EventRefused,
    Receipt,
    arrival,
    checked_object,
    identity,
    in_range,
    instant_of,
    message_id,
    name_of,
    object_in,
)

__all__ = ["Envelope", "arrival_of_call", "envelope_of"]

_CAMPAIGN: Final = ("name", "source", "medium", "term", "content")
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
    return Envelope(receipt, sent_at, _from_context(body.get("context")), passed_over)


def arrival_of_call(envelope: Envelope, item: Any) -> Arrival:
    """The event that a call means; EventRefused where it means none."""
    item = checked_object(item)
    call = item.get("type")
    read = _READERS.get(call) if type(call) is str else None
    if read is None:
        raise EventRefused("unknown_type", ("type",), f"type is one of {', '.join(_READERS)}")
    receipt = envelope.receipt
    name, member, properties = read(item, receipt.rules)
    extras = _extras(item, envelope)
    who = _who(item, call)
    found = arrival(
        receipt,
        _message_id(item),
        who.ids,
        name,
        _occurred_at(item, envelope),
        (member, {**extras, **properties} if extras else properties),
        is_anonymous=who.is_anonymous,
    )
    return who.noted(found)


_Read = tuple[str, str, dict[str, Any]]
"""The name of an event, the member that holds its properties, and they."""


def _track(item: dict[str, Any], rules: ArrivalRules) -> _Read:
    return name_of(item.get("event"), "event", rules), "properties", object_in(item, "properties")


def _identify(item: dict[str, Any], rules: ArrivalRules) -> _Read:
    if item.get("traits") is None and type(item.get("context")) is dict:
        return rules.traits, "traits", object_in(item["context"], "traits")  # as RudderStack's do
    return rules.traits, "traits", object_in(item, "traits")


def _viewed(name: str, item: dict[str, Any], _: ArrivalRules) -> _Read:
    """A page or a screen: what it is called is a property as well."""
    properties = object_in(item, "properties")
    titles = {part: item[part] for part in ("name", "category") if item.get(part)}
    return name, "properties", {**titles, **properties} if titles else properties


def _group(item: dict[str, Any], _: ArrivalRules) -> _Read:
    group = identity(item.get("groupId"), "groupId")
    if group is None:
        raise EventRefused("missing", ("groupId",), "a group call needs a groupId")
    return "group", "traits", {**object_in(item, "traits"), "group_id": group}


def _alias(_: dict[str, Any], __: ArrivalRules) -> _Read:
    return "alias", "properties", {}


_READERS: Final[dict[str, Callable[[dict[str, Any], ArrivalRules], _Read]]] = {
    "track": _track,
    "identify": _identify,
    "page": partial(_viewed, "page_viewed"),
    "screen": partial(_viewed, "screen_viewed"),
    "group": _group,
    "alias": _alias,
}


def _who(item: dict[str, Any], call: str) -> People:
    """The id of the lead, anonymous id and previous id."""
    user: GivenId = ("userId",), identity(item.get("userId"), "userId")
    anonymous: GivenId = ("anonymousId",), identity(item.get("anonymousId"), "anonymousId")
    if call == "alias":
        previous: GivenId = ("previousId",), identity(item.get("previousId"), "previousId")
        for place, id_ in (user, previous):
            if id_ is None:
                raise EventRefused("missing", (), "an alias needs a userId and a previousId")
            if is_junk(id_):  # it would say nothing but the link
                raise junk_refused(place)
        who = people_of([user], [anonymous], [previous])
    else:
        who = people_of([user], [anonymous])
    if who is None:
        raise EventRefused("missing", (), "a userId or an anonymousId is needed")
    return who


def _message_id(item: dict[str, Any]) -> str:
    """The id that was sent; without one a hash, so that the same call sent again is a duplicate."""
    given = item.get("messageId")
    if given is not None and given != "":
        return message_id(given, "messageId")
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
    sent = _sent_at(item, envelope.passed_over)
    sent = envelope.sent_at if sent is None else sent
    if sent is None:
        return given
    try:
        return in_range(given + envelope.receipt.received - sent, member)
    except EventRefused as beyond:
        why = f"sentAt is no clock's time: by it {beyond}"
        envelope.passed_over.append(_without_sent_at(why))
        return given


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


def _without_sent_at(why: str) -> EventRefused:
    return EventRefused("invalid_time", ("sentAt",), f"{why}; it counts as if it were left out")


def _extras(item: dict[str, Any], envelope: Envelope) -> dict[str, Any]:
    """Properties that follow from the context of a call, and before it from that of its batch."""
    own = _from_context(item.get("context"))
    return {**envelope.extras, **own} if own else envelope.extras


def _from_context(context: Any) -> dict[str, Any]:
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
        extras["group_id"] = str(group)
    return extras
