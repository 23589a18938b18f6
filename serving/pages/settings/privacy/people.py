"""Privacy: how many must be left alone, what was erased, and what is known of an id's consent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from features.errors import UnknownLead
from features.ladder.field_names import channel_key, field_key
from features.ladder.ladder import Ladder
from features.offers.history import history_of
from features.store.database import is_storable
from features.store.privacy import Privacy
from features.store.privacy.erasures import KeptErasure
from serving.ingestion.lookup import erased_of_id, erased_of_mail, leads_of_id, leads_of_mail
from serving.pages.common import words
from serving.pages.common.people import person_of
from serving.pages.common.reach import ChannelStanding, standing_of
from serving.pages.settings.sections import Moment, moment
from serving.process.service import Service

__all__ = [
    "ErasureShown",
    "PersonFound",
    "change_profiling",
    "erasures_shown",
    "found_people",
    "opted_out_total",
]

_MOST_FOUND: Final = 10
_MOST_ERASURES: Final = 100


@dataclass(frozen=True, slots=True)
class PersonFound:
    """A lead that an id, an address or a CRM's id belongs to, and what it said to being profiled.

    Parameters
    ----------
    title, address : its name and its page; "" where no event of it is kept.
    opted_out_at, reason : since when it must be left alone, and why; None where it may be profiled.
    channels : each channel, and what the lead has said of it, or the ladder has of such channels.
    """

    lead_id: str
    title: str
    address: str
    ids: int
    opted_out_at: Moment | None
    reason: str
    channels: tuple[tuple[str, ChannelStanding], ...]

    @property
    def is_out(self) -> bool:
        """Whether it must be left alone."""
        return self.opted_out_at is not None


@dataclass(frozen=True, slots=True)
class ErasureShown:
    """What is kept of an erasure; it names nobody."""

    at: Moment | None
    events: int
    models: tuple[str, ...]
    is_suppressed: bool
    id: str


def opted_out_total(service: Service) -> int:
    """How many leads must be left alone."""
    return Privacy(service.store.database).opted_out_count()


def erasures_shown(service: Service, limit: int | None = _MOST_ERASURES) -> list[ErasureShown]:
    """The latest erasures; all of them without a limit."""
    now = service.clock()
    kept = Privacy(service.store.database).erasures(limit)
    return [_erasure(one, now) for one in kept]


def _erasure(one: KeptErasure, now: int) -> ErasureShown:
    return ErasureShown(
        moment(one.erased_at, now), one.events, one.models, one.is_suppressed, one.id
    )


def found_people(service: Service, text: str) -> tuple[list[PersonFound], bool, int]:
    """The leads that an id or an address belongs to, and whether it was erased for good.

    Of many they are the first; the last number is how many more there are.

    An id that opted out before anything was known of it is found as well.
    """
    text = text.strip()
    if not text or not is_storable(text):
        return [], False, 0
    privacy = Privacy(service.store.database)
    if "@" in text:
        leads, erased = _leads_of_address(service, text), erased_of_mail(service, text)
    else:
        leads, erased = leads_of_id(service, text), erased_of_id(service, text)
    is_suppressed = bool(erased)
    if not leads and not is_suppressed and privacy.is_opted_out(text):
        leads = [text]
    found = [_person(service, privacy, one) for one in leads[:_MOST_FOUND]]
    return found, is_suppressed, len(leads) - len(found)


def _leads_of_address(service: Service, address: str) -> list[str]:
    """The leads that have an address: by the ladder's rule, as an id, or as traits tell it."""
    named = service.store.names.find(address)
    told = [lead for lead in named if _has_address(service, lead, address)]
    return sorted({*leads_of_mail(service, address), *told})


def _has_address(service: Service, lead_id: str, address: str) -> bool:
    """Whether any traits of a lead, be they old, name an address."""
    wanted, event = address.lower(), service.ladder.events.traits
    return any(
        field_key(key) == "email" and str(value).strip().lower() == wanted
        for name, _, _, told in service.store.events_of(lead_id)
        if name == event
        for key, value in told.items()
    )


def _person(service: Service, privacy: Privacy, lead_id: str) -> PersonFound:
    ladder, now = service.ladder, service.clock()
    rows = service.store.events_of(lead_id)
    person = person_of(lead_id, rows, ladder, now)
    try:
        held = privacy.lead(lead_id, 1)
    except UnknownLead:  # it was erased between the two looks
        held = None
    out = held.opt_out if held else None
    history = history_of(rows, ladder, now)
    channels = [*_channels(ladder), *(one for one in history.consents if one)]
    keys = dict.fromkeys(map(channel_key, channels))
    return PersonFound(
        lead_id=lead_id,
        title=person.title if rows else "",
        address=person.address if rows else "",
        ids=held.id_count if held else 1,
        opted_out_at=moment(out.opted_out_at, now) if out else None,
        reason=out.reason if out else "",
        channels=tuple((words.titled(one), standing_of(history, ladder, one)) for one in keys),
    )


def _channels(ladder: Ladder) -> list[str]:
    return sorted({channel for offer in ladder.offers for channel in offer.channels})


def change_profiling(service: Service, lead_id: str, *, is_out: bool, reason: str = "") -> None:
    """Let a lead be profiled no more, or again; UnknownLead for an id that nothing can hold."""
    privacy = Privacy(service.store.database)
    if is_out:
        privacy.opt_out([lead_id], service.clock(), reason)
    else:
        privacy.opt_in([lead_id], service.clock())
