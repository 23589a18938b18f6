"""What becomes of what a vendor tells: whose it is, what it is called, what of it is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from features.clock import rfc3339
from features.events.junk_ids import is_junk
from features.events.personal_data import personal_place
from features.events.urls import without_contact
from features.json_paths import value_at
from features.ladder.ladder import Ladder
from features.store.arrivals import Arrival, Remark
from features.store.identities.identification import Identification
from features.store.identities.mailboxes import mailbox, own_mailbox, shared_of
from features.store.identities.rule import CLAIM
from serving.connectors.connector import (
    CONSENT,
    ConnectorOptions,
    Reject,
    VendorEvent,
    Who,
    id_text,
    message_id,
    name_of,
)
from serving.edge.parameters import Place
from serving.ingestion import values as event_values
from serving.ingestion.lookup import ids_of_mail
from serving.ingestion.people import GivenId, People, people_of
from serving.ingestion.places import Placed, shown
from serving.ingestion.values import EventRefused

__all__ = ["RequestRules", "arrivals_of"]

_EMAIL: Final[Place] = ("email",)
_PROPERTIES: Final[Place] = ("properties",)
_VENDORS: Final = "the vendor's id"
_SEND_AN_ID: Final = "strangers would become one lead by it, so send an id of the person as well"


class RequestRules(NamedTuple):
    """What holds for all arrivals of a request.

    Parameters
    ----------
    name : the connector's; message ids begin with it.
    known_at : microseconds since the epoch.
    identification : what tells who somebody is beside ids; None where nothing does.
    of_pages : whether it came with a key that stands in pages, which anybody can read there.
    """

    name: str
    options: ConnectorOptions
    ladder: Ladder
    known_at: int
    identification: Identification | None = None
    of_pages: bool = False


def arrivals_of(
    told: Sequence[VendorEvent | Reject], rules: RequestRules
) -> tuple[list[tuple[VendorEvent, Arrival]], list[Reject], int]:
    """What is to be stored, what cannot be, and how many things nobody asked for."""
    found: list[tuple[VendorEvent, Arrival]] = []
    rejects: list[Reject] = []
    ignored = 0
    for index, one in enumerate(told):
        if isinstance(one, Reject):
            rejects.append(one)
            continue
        try:
            arrival = _arrival(one, rules)
        except EventRefused as refused:
            rejects.append(Reject(index, str(refused), refused.kind))
            continue
        if arrival is None:
            ignored += 1
        else:
            found.append((one, arrival))
    return found, rejects, ignored


def _arrival(event: VendorEvent, rules: RequestRules) -> Arrival | None:
    """The arrival; None where nobody wants it. EventRefused where there can be none."""
    options, ladder = rules.options, rules.ladder
    name = event.name or name_of(event.kinds, options.events)
    who = _with_own_id(event, options)
    if not name and event.is_of_mail and rules.identification and who.email:
        name = "alias"
    if not name or _domain(who.email) in options.ignore_domains:
        return None
    name = ladder.events.consent if name == CONSENT else name
    people, beside = _people(who, event.previous_id, rules)
    of_ladder = event_values.rules_of(ladder, of_pages=rules.of_pages)
    receipt = event_values.Receipt(rules.known_at, "", of_ladder, rules.identification)
    why = of_ladder.contact.why_none(name, is_anonymous=people.is_anonymous)
    said, remarks = _kept(event.properties, why)
    day = (rfc3339(rules.known_at)[: len("2026-03-01")],) if event.is_once_a_day else ()
    found = event_values.arrival(
        receipt,
        event_values.message_id(message_id(rules.name, *event.id, *day), "id"),
        (people.sent_id, beside[0] if beside else None, people.previous_id),
        event_values.name_of(name, "name", receipt.rules),
        rules.known_at if event.occurred_at is None else event.occurred_at,
        Placed(said, _PROPERTIES),
        is_anonymous=people.is_anonymous,
        mail=who.email,
    )
    if who.email and not is_junk(who.email) and mailbox(who.email) is None:
        remarks.append(Remark("invalid_id", "email is no address; it was passed over"))
    claims = [(CLAIM, one, people.sent_id) for one in beside[1:]]
    found = found._replace(
        remarks=(*remarks, *found.remarks), links=tuple(dict.fromkeys((*claims, *found.links)))
    )
    return people.noted(found)


def _kept(properties: Mapping[str, object], why: str) -> tuple[dict[str, object], list[Remark]]:
    """The properties that are there, without contact data where none may be, and what went.

    A vendor chooses what it sends, and its event is not worth losing for it.

    Parameters
    ----------
    why : there may be none; "" where there may.
    """
    found = event_values.checked_object(
        {key: value for key, value in properties.items() if value is not None}
    )
    if not why:
        return found, []
    clean, _ = without_contact(found)
    left = [key for key, value in clean.items() if personal_place({key: value})]
    named = " and ".join(shown((*_PROPERTIES, key)) for key in left)
    remarks = [Remark("redacted", f"contact data was left out with {named}; {why}")] if left else []
    return {key: value for key, value in found.items() if key not in left}, remarks


# ----------------------------------------------------------------------------------- Who it was


def _with_own_id(event: VendorEvent, options: ConnectorOptions) -> Who:
    """The ids of a person; the one that `id_path` leads to is the user's own."""
    own = id_text(value_at(event.item, options.id_path)) if options.id_path else ""
    return event.who._replace(own=own) if own else event.who


def _people(who: Who, former: str, rules: RequestRules) -> tuple[People, list[str]]:
    """Who an event is of, and the ids beside the one that it is kept under.

    Raises
    ------
    EventRefused : nobody is named.
    """
    leads = [_given(*one) for one in _ids(who, rules)]
    otherwise = _given(_VENDORS, who.otherwise)
    visitor, previous = _given("anonymous", who.visitor), _given("previous id", former)
    people = people_of([*leads, otherwise], [visitor], [previous])
    if people is None:
        raise _nobody(who.email)
    named = [one for _, one in (visitor, *leads) if one is not None and not is_junk(one)]
    return people, [one for one in dict.fromkeys(named) if one != people.sent_id]


def _given(name: str, text: str) -> GivenId:
    return (name,), event_values.identity(text, name)


def _nobody(email: str) -> EventRefused:
    """Why an event has no lead whose only id, if any, is an address."""
    if not email:
        return EventRefused("missing", (), "it names nobody")
    if mailbox(email) is None:
        return EventRefused("invalid_id", _EMAIL, f"email is no address; {_SEND_AN_ID}")
    shared = "email is a mailbox of several people, or of nobody, such as info@ or noreply@"
    return EventRefused("shared_mailbox", _EMAIL, f"{shared}; {_SEND_AN_ID}")


def _ids(who: Who, rules: RequestRules) -> list[tuple[str, str]]:
    """All ids of a person who is known, the one to store under first, each with its name."""
    own, person = ("subject", who.own), (_VENDORS, who.person)
    email, hashed = _ids_of_mail(who.email, shared_of(rules.ladder.identity))
    if rules.options.identify_by == "email":
        ids = [own, ("email", email), person]
    else:
        ids = [own, person if who.person else ("email", hashed)]
    return [*ids, (_VENDORS, who.session)]


def _ids_of_mail(text: str, shared: frozenset[str]) -> tuple[str, str]:
    """The ids of an address that is one person's; "" of another. Junk stays what it is."""
    if is_junk(text):
        return text, text
    address = own_mailbox(text, shared)
    return ("", "") if address is None else ids_of_mail(address)


def _domain(email: str) -> str:
    return (mailbox(email) or email.strip().lower()).rpartition("@")[2]
