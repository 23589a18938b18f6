"""Ways to a lead that are known not to work: what was sent by them has come back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from features.events.field_names import plain
from features.events.of_lead import Row
from features.events.properties import as_text
from features.events.readable import channels_named_in, channels_of, granted_of
from features.ladder.ladder import Ladder
from serving.pages.common.people import email_in, phone_in

__all__ = ["bounced_ways"]

_BOUNCED: Final = "_bounced"
_ARRIVED: Final = ("_opened", "_clicked", "_replied", "_answered", "_delivered")
"""A name that ends so says that its channel works, where it begins with one."""
_ADDRESSES: Final[Mapping[str, Callable[[Mapping[str, object]], str]]] = {
    "email": email_in,
    "phone": phone_in,
}
_KINDS: Final = frozenset({"type", "kind", "subtype", "class", "bouncetype", "bouncekind"})
_FOR_NOW: Final = ("soft", "transient", "temporar", "deferred", "delayed", "blocked", "mailboxfull")
"""How mail tools begin the name of a bounce that says nothing of the next mail."""


def bounced_ways(rows: Sequence[Row], ladder: Ladder, now: int) -> frozenset[str]:
    """The channels by which a lead cannot be reached, as `channel_key` has them.

    A bounce is over with another address, with a yes to the channel and with whatever shows that
    something arrived; one that is soft, as its properties say, is none.

    Parameters
    ----------
    rows : the events of the lead, in any order.
    now : what was known by then counts; microseconds since the epoch.
    """
    walk = _Walk()
    for name, _, _, held in sorted((row for row in rows if row[2] <= now), key=_at):
        if name == ladder.events.traits:
            walk.told(held)
        elif name == ladder.events.consent:
            if granted_of(held.get("granted")):
                walk.works(channels_of(held.get("channel")))
        elif name.endswith(_ARRIVED):
            walk.works(channels_named_in(name))
        elif name.endswith(_BOUNCED) and not _is_for_now(held):
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


def _at(row: Row) -> int:
    """When an event happened; none happened later than it was known."""
    return min(row[1], row[2])
