"""The ways to a lead: its addresses, and the channels that are known not to work.

Of these what was sent has come back, and nothing has shown since that they work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from features.events.properties import as_text
from features.events.readable import channels_named_in, channels_of, granted_of
from features.ladder.field_names import plain
from features.ladder.ladder import EventNames
from features.offers.in_order import Timed

__all__ = ["BOUNCED", "EMAIL_KEYS", "PHONE_KEYS", "bounced_ways", "email_in", "phone_in"]

EMAIL_KEYS: Final = ("email", "email_address", "emailAddress")
PHONE_KEYS: Final = ("phone", "mobile", "telephone", "phone_number", "phoneNumber")
_EMAIL: Final = re.compile(r"[^\s@<>\"'(),;:\\]{1,64}@[^\s@<>\"'(),;:\\/]{1,190}")
_PHONE: Final = re.compile(r"(?:\+?|\(\+?)[0-9][0-9 ()./-]{4,30}")

BOUNCED: Final = "_bounced"
"""A name that ends so says that its channel does not work, where it begins with one."""
_ARRIVED: Final = ("_opened", "_clicked", "_replied", "_answered", "_delivered")
"""And one that ends so that it does."""
_KINDS: Final = frozenset({"type", "kind", "subtype", "class", "bouncetype", "bouncekind"})
_FOR_NOW: Final = ("soft", "transient", "temporar", "deferred", "delayed", "blocked", "mailboxfull")
"""How mail tools begin the name of a bounce that says nothing of the next mail."""


def email_in(traits: Mapping[str, object]) -> str:
    """The e-mail address among what is told of a lead; "" for none."""
    return _matching(_EMAIL, traits, EMAIL_KEYS)


def phone_in(traits: Mapping[str, object]) -> str:
    """The telephone number among what is told of a lead; "" for none."""
    return _matching(_PHONE, traits, PHONE_KEYS)


def _matching(pattern: re.Pattern[str], traits: Mapping[str, object], keys: Sequence[str]) -> str:
    told = (traits.get(key) for key in keys)
    texts = (one.strip() for one in told if isinstance(one, str))
    return next((one for one in texts if pattern.fullmatch(one)), "")


_ADDRESSES: Final[Mapping[str, Callable[[Mapping[str, object]], str]]] = {
    "email": email_in,
    "phone": phone_in,
}


def bounced_ways(known: Sequence[Timed], names: EventNames) -> frozenset[str]:
    """The channels by which a lead cannot be reached, as `channel_key` has them.

    A bounce is over with another address, with a yes to the channel and with whatever shows that
    something arrived; one that is soft, as its properties say, is none.

    Parameters
    ----------
    known : the events of the lead, with when each happened, in time order.
    """
    walk = _Walk()
    for _, (name, _, _, held) in known:
        if name == names.traits:
            walk.told(held)
        elif name == names.consent:
            if granted_of(held.get("granted")):
                walk.works(channels_of(held.get("channel")))
        elif name.endswith(_ARRIVED):
            walk.works(channels_named_in(name))
        elif name.endswith(BOUNCED) and not _is_for_now(held):
            walk.fails(channels_named_in(name), held)
    return frozenset(walk.failed)


@dataclass(slots=True)
class _Walk:
    """What the events up to here have said.

    Parameters
    ----------
    failed : channels that do not work, and the address of which that is known; "" for none.
    address : by channel, that which was told last.
    """

    failed: dict[str, str] = field(default_factory=dict)
    address: dict[str, str] = field(default_factory=dict)

    def told(self, held: Mapping[str, object]) -> None:
        for channel, address in _told(held):
            if self.failed.get(channel) == "":
                self.failed[channel] = address  # it was this one, as no other was known
            elif self.failed.get(channel, address) != address:
                del self.failed[channel]
            self.address[channel] = address

    def works(self, channels: Sequence[str]) -> None:
        for channel in channels:
            self.failed.pop(channel, None)

    def fails(self, channels: Sequence[str], held: Mapping[str, object]) -> None:
        of_event = dict(_told(held))
        for channel in channels:
            known = self.address.get(channel, "")
            failed = of_event.get(channel, known)
            if failed == known or not known:  # else it was one that they have no more
                self.failed[channel] = failed


def _told(held: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """The addresses that properties name, by channel, to be compared."""
    for channel, of in _ADDRESSES.items():
        if told := of(held).casefold():
            yield channel, told


def _is_for_now(held: Mapping[str, object]) -> bool:
    kinds = (plain(as_text(held[key]) or "") for key in held if plain(key) in _KINDS)
    return any(kind.startswith(_FOR_NOW) for kind in kinds)
