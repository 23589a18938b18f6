"""By which ways somebody may be reached, and which they have closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from features.ladder.field_names import channel_key
from features.ladder.ladder import Ladder
from features.offers.history import OfferHistory
from serving.pages.common.people import Person

__all__ = ["ChannelStanding", "Reach", "open_channels", "reach_of", "standing_of"]

ChannelStanding = Literal["agreed", "refused", "open", "closed"]
"""What the lead has said of a channel; the last two by the ladder alone, of which nothing was."""
_Standing = ChannelStanding | Literal["bounced"]
_WORDS: Final[Mapping[_Standing, str]] = {
    "agreed": "agreed",
    "refused": "refused",
    "open": "",
    "closed": "not agreed to so far",
    "bounced": "bounced",
}
_CALLS: Final = ("phone", "rep")
"""Whoever wants no seller wants no call of one, but where the phone itself was spoken of."""
_MAILS: Final = ("email",)


@dataclass(frozen=True, slots=True)
class Reach:
    """What there is to reach somebody by; every text is "" where there is nothing of the kind.

    Parameters
    ----------
    call, mail : addresses that call and write; "" for a way that is closed.
    email, phone : to be written into a table, "" likewise.
    closed : why there is no call or mail to somebody of whom the address is known, in words.
    email_said, phone_said : what is to be said beside the address, where that is shown all the
        same; `is_email_open` and `is_phone_open` say whether it may be used.
    """

    call: str
    mail: str
    email: str
    phone: str
    closed: tuple[str, ...]
    email_said: str
    phone_said: str
    is_email_open: bool
    is_phone_open: bool


def reach_of(person: Person, history: OfferHistory, ladder: Ladder) -> Reach:
    """How a person may be reached, by what it has said of channels and by the ladder's default.

    What is known not to work is closed, whatever was said of it.
    """
    by_phone = _unless_bounced(standing_of(history, ladder, *_CALLS), "phone" in history.bounced)
    by_mail = _unless_bounced(standing_of(history, ladder, *_MAILS), "email" in history.bounced)
    may_call, may_mail = by_phone in ("agreed", "open"), by_mail in ("agreed", "open")
    closed: dict[str, str] = {}
    for what, address, may, standing in (
        ("calls", person.call, may_call, by_phone),
        ("mail", person.mail, may_mail, by_mail),
    ):
        if address and not may:
            why = _WORDS[standing]
            closed[why] = f"{closed[why]}, no {what}" if why in closed else f"No {what}"
    return Reach(
        call=person.call if may_call else "",
        mail=person.mail if may_mail else "",
        email=person.email if may_mail else "",
        phone=person.phone if may_call else "",
        closed=tuple(f"{ways}: {why}" for why, ways in closed.items()),
        email_said=_WORDS[by_mail],
        phone_said=_WORDS[by_phone],
        is_email_open=may_mail,
        is_phone_open=may_call,
    )


def _unless_bounced(said: ChannelStanding, has_bounced: bool) -> _Standing:
    """What was said of a channel; that it does not work, where nothing closes it."""
    return "bounced" if has_bounced and said in ("agreed", "open") else said


def standing_of(history: OfferHistory, ladder: Ladder, *channels: str) -> ChannelStanding:
    """Whether a channel is open, and by whose word.

    Parameters
    ----------
    channels : as in `OfferHistory.said_of`.
    """
    said = history.said_of(*channels)
    if said is None:
        return "open" if ladder.limits.consent == "opt_out" else "closed"
    return "agreed" if said else "refused"


def open_channels(
    channels: Sequence[str], history: OfferHistory, ladder: Ladder
) -> tuple[str, ...]:
    """Those of some channels that may be used and work, each once, in their order.

    Of two spellings of a channel the first.
    """
    unless_asked = ladder.limits.consent == "opt_out"
    found: dict[str, str] = {}
    for one in channels:
        key = channel_key(one)
        if history.may_contact(one, unless_asked=unless_asked) and key not in history.bounced:
            found.setdefault(key, one)
    return tuple(found.values())
