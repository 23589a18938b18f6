"""The hot path of events: a plain track call, read in a few looks; whatever is unusual is not.

`PlainCalls.arrival` says of a call what `calls.arrival_of_call` says, or None: then that function
is asked, which knows all rules and words all refusals. It refuses nothing itself. Most of what
there is to check hangs on what an event is called and which properties it has, not on their values,
so that is looked up; `test_plain.py` holds both together, on calls good, bad and strange.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeGuard

import orjson

from features.events.junk_ids import JUNK_IDS
from features.events.personal_data import means_contact, tells_contact, tells_nothing
from features.events.readable import SHARE_ENDINGS, is_answer, is_judged
from features.events.times import READ, instant
from features.events.values import EVENT_NAME, LEAD_ID, MESSAGE_ID, is_in_range, number_fault
from features.store.arrivals import Arrival
from features.store.identities.accounts import GROUP_ID
from serving.ingestion.calls import Envelope, arrival_of_call
from serving.ingestion.values import (
    MOST_EVENT_BYTES,
    RESERVED_PREFIX,
    ArrivalRules,
    group_fault,
)

__all__ = ["PlainCalls"]

_MEMBERS: Final = frozenset(
    ("type", "event", "messageId", "userId", "anonymousId", "timestamp", "properties")
)
"""Those of a plain call. With no others it nests no deeper than its properties."""
_SCALARS: Final = frozenset((str, int, float, bool, type(None)))
_MOST_BYTES: Final = MOST_EVENT_BYTES - 8 * (
    LEAD_ID.longest * 2 + MESSAGE_ID.longest + EVENT_NAME.longest
)
"""Of properties, so that the whole call is within its limit whatever else it says."""
_ID: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9@+=_.:/|~-]*[A-Za-z0-9@+=_.:/|~-])?")
"""Ids without blanks, quotes or brackets: of these the junk is what stands in the list of it."""
_LONGEST_NAME: Final = 64
_MOST_SHAPES: Final = 4096


class _Shape(NamedTuple):
    """What has to be looked at in the values of events of one name with the same properties.

    Parameters
    ----------
    numbers : the properties that the ladder reads as numbers.
    shares : those that hold a share of one.
    is_impersonal : whether texts may tell nothing of who somebody is.
    is_of_company : whether they name one.
    """

    numbers: tuple[str, ...]
    shares: tuple[str, ...]
    is_impersonal: bool
    is_of_company: bool

    def accepts(self, values: dict[str, Any]) -> bool:
        """Whether the values of such an event are plain and will do."""
        if not _SCALARS.issuperset(map(type, values.values())):
            return False
        for one in self.numbers:
            if number_fault(one, values[one]):
                return False
        for one in self.shares:
            if type(values[one]) not in (int, float) or values[one] > 1.0:
                return False
        if self.is_of_company and group_fault(values[GROUP_ID]):
            return False
        if not self.is_impersonal:
            return True
        # A separator that no contact data has, so that one look does for all texts.
        return tells_nothing("\x01".join([one for one in values.values() if type(one) is str]))


class PlainCalls:
    """Reads the plain calls of a request."""

    __slots__ = ("_envelope", "_received", "_shapes", "_shift")

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self._received = envelope.receipt.received
        sent_at = envelope.sent_at
        self._shift = 0 if sent_at is None else self._received - sent_at
        self._shapes = _shapes_of(envelope.receipt.rules)

    def read(self, item: Any) -> Arrival:
        """The event that a call means; EventRefused where it means none."""
        return self.arrival(item) or arrival_of_call(self._envelope, item)

    def arrival(self, item: Any) -> Arrival | None:
        """The event of a plain call; None where it takes a closer look."""
        if type(item) is not dict or item.get("type") != "track" or not item.keys() <= _MEMBERS:
            return None
        user, visitor = item.get("userId"), item.get("anonymousId")
        sent_id = visitor if user is None else user
        message, values = item.get("messageId"), item.get("properties")
        occurred_at = self._occurred_at(item.get("timestamp"))
        if (
            occurred_at is None
            or not _is_plain_id(message, MESSAGE_ID.longest)
            or message.startswith(RESERVED_PREFIX)
            or not _is_plain_id(sent_id, LEAD_ID.longest)
            or not (user is None or visitor is None or _is_plain_id(visitor, LEAD_ID.longest))
        ):
            return None
        properties = self._properties(item.get("event"), values, is_anonymous=user is None)
        if properties is None or self._envelope.extras:
            return None
        return Arrival(
            self._envelope.receipt.prefix + message,
            sent_id,
            item["event"],
            occurred_at,
            self._received,
            properties,
            None if visitor == sent_id else visitor,
        )

    def _occurred_at(self, stamp: Any) -> int | None:
        """When it happened, by our clock; None where it says so in another way."""
        if stamp is None:
            return self._received
        at = _instant(stamp) if type(stamp) is str else None
        if at is None:
            return None
        at += self._shift
        return min(at, self._received) if is_in_range(at) else None

    def _properties(self, name: Any, values: Any, *, is_anonymous: bool) -> str | None:
        """The properties as JSON; None where they are not plain."""
        if values is None:
            values = {}
        if type(name) is not str or type(values) is not dict:
            return None
        key = (name, is_anonymous, *values)
        try:
            shape = self._shapes.known[key]
        except KeyError:
            shape = self._shapes.learn(key)
        if shape is None or not shape.accepts(values):
            return None
        text = orjson.dumps(values)
        return text.decode() if len(text) <= _MOST_BYTES else None


class _Shapes:
    """The shapes that came by, of one ladder; None of those that take a closer look."""

    def __init__(self, rules: ArrivalRules) -> None:
        self._rules = rules
        self.known: dict[tuple[Any, ...], _Shape | None] = {}

    def learn(self, key: tuple[Any, ...]) -> _Shape | None:
        """The shape of a name, of whether it is of somebody unknown, and of some properties."""
        if len(self.known) >= _MOST_SHAPES:
            self.known.clear()  # they come from outside
        self.known[key] = shape = self._shape(*key)
        return shape

    def _shape(self, name: str, is_anonymous: bool, *keys: str) -> _Shape | None:
        rules = self._rules
        if name in rules.reserved or name in rules.staff or name == rules.traits:
            return None
        if not EVENT_NAME.accepts(name):
            return None
        if is_judged(name, rules.names):
            return None
        is_impersonal = bool(rules.contact.why_none(name, is_anonymous=is_anonymous))
        if is_impersonal and any(map(_may_be_personal, keys)):
            return None
        shares = tuple(key for key in keys if key.endswith(SHARE_ENDINGS))
        if any(is_answer(key) for key in keys if key not in shares):
            return None
        numbers = tuple(key for key in keys if key in rules.numbers)
        return _Shape(numbers, shares, is_impersonal, GROUP_ID in keys)


@lru_cache(maxsize=8)
def _shapes_of(rules: ArrivalRules) -> _Shapes:
    return _Shapes(rules)


def _may_be_personal(name: str) -> bool:
    return len(name) > _LONGEST_NAME or means_contact(name) or tells_contact(name)


def _is_plain_id(text: Any, longest: int) -> TypeGuard[str]:
    """Whether a text is an id that needs no closer look."""
    return (
        type(text) is str
        and len(text) <= longest
        and _ID.fullmatch(text) is not None
        and text.lower() not in JUNK_IDS
    )


_MINUTE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}")
_SECONDS: Final = {f":{second:02}": second * 1_000_000 for second in range(60)}
_FRACTIONS: Final = {20: 0, 24: 1000, 27: 1}
"""Microseconds of the last digit of a fraction, by the length of the whole text."""


def _instant(text: str) -> int | None:
    """What `times.instant` reads in 2026-03-01T12:00:00.000Z; None for any other form.

    Calls of one time share its minute, so that only the seconds are read.
    """
    unit, minute, second = _FRACTIONS.get(len(text)), _minute(text[:16]), _SECONDS.get(text[16:19])
    if unit is None or minute is None or second is None or text[-1] != "Z":
        return None
    if not unit:
        return minute + second
    digits = text[20:-1]
    if text[19] != "." or not (digits.isascii() and digits.isdigit()):
        return None
    return minute + second + int(digits) * unit


@lru_cache(maxsize=4096)
def _minute(text: str) -> int | None:
    at, state = instant(f"{text}:00Z") if _MINUTE.fullmatch(text) else (0, None)
    return at if state == READ else None
