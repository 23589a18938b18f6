"""What the versions of an offer changed, said in words, and how each is taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

from features.errors import UnknownOffer
from features.ladder.catalogue import newest, offer_table
from features.ladder.catalogue import table_of_version as _table
from features.ladder.file import parse_ladder
from features.ladder.ladder import Ladder, OfferVersion
from serving.pages.settings.offers.form import LABELS
from serving.pages.settings.sections import Moment, Said, moment
from serving.process.service import Service

__all__ = [
    "VersionShown",
    "is_follow_up",
    "last_meant",
    "last_number",
    "said_of_version",
    "table_of_version",
    "version_words",
    "versions_shown",
]

_DONE: Final = {
    "paused": ("Paused:", "It is offered to nobody{since}."),
    "retired": ("Retired:", "It is offered to nobody{since}; what was learned of it stays."),
    "active": ("Offered again:", "Leads can get it{since}."),
}
_UNDO: Final = {
    "paused": "Pause it again",
    "retired": "Retire it again",
    "active": "Offer it again",
}
"""What the button says that brings the former state back, by that state."""


_VERBS: Final = {"paused": "Paused", "retired": "Retired", "active": "Took up again"}
_PLANNED: Final = {"paused": "pause", "retired": "retire", "active": "take up again"}
_CALLED_OFF: Final = "Called off what was planned"


@dataclass(frozen=True, slots=True)
class VersionShown:
    """A version of an offer in the list of them.

    Parameters
    ----------
    number : counts from 1; 0 is the ladder file's own.
    changed : what is another than before it, in words.
    is_now, is_to_come : whether it holds now, or from later on.
    """

    number: int
    from_at: Moment | None
    made_at: Moment | None
    by: str
    status: str
    changed: str
    is_now: bool
    is_to_come: bool


def versions_shown(service: Service, offer_id: str) -> list[VersionShown]:
    """All versions of an offer, the newest first, then the ladder file's own, if it has one."""
    ladder, now = service.ladder, service.clock()
    versions = service.store.offers.versions(ladder.name, offer_id)
    own, offer = _of_file(ladder, offer_id), ladder.offer(offer_id)
    number = offer.version if offer else -1
    shown = [
        VersionShown(
            one.version,
            moment(one.from_at, now),
            moment(one.made_at, now),
            one.by,
            one.status,
            _CALLED_OFF
            if _is_call_off(versions, one, own)
            else _changed(_before(versions, one, own), _table(one)),
            one.version == number,
            one.from_at > now,
        )
        for one in sorted(versions, key=lambda one: one.version, reverse=True)
    ]
    if own is not None:
        status = own.get("status", "active")
        is_now = number == 0
        shown.append(VersionShown(0, None, None, "", status, "As the ladder has it", is_now, False))
    return shown


def last_number(service: Service, offer_id: str) -> int:
    """The number of the version that was made last; 0 where none was."""
    versions = service.store.offers.versions(service.ladder.name, offer_id)
    return max((one.version for one in versions), default=0)


def table_of_version(service: Service, offer_id: str, number: int) -> dict[str, Any]:
    """What a version of an offer said, its state among it; UnknownOffer where there is none such.

    Parameters
    ----------
    number : 0 for the ladder file's own.
    """
    ladder = service.ladder
    for one in service.store.offers.versions(ladder.name, offer_id):
        if one.version == number:
            return _table(one)
    own = _of_file(ladder, offer_id) if number == 0 else None
    if own is None:
        raise UnknownOffer(f"the offer {offer_id!r} has no version {number}")
    return own


def said_of_version(service: Service, offer_id: str, number: int) -> Said | None:
    """What a version changed, and the button that takes it back; None where there is none such.

    It is told from what the store keeps, so that an address can say nothing that did not happen.
    """
    ladder, now = service.ladder, service.clock()
    versions = service.store.offers.versions(ladder.name, offer_id)
    one = next((one for one in versions if one.version == number), None)
    if one is None:
        return None
    table, before = _table(one), _before(versions, one, _of_file(ladder, offer_id))
    is_last = one == last_meant(versions)
    former = _former_number(versions, one) if before is not None else None
    lead, text, undo = _told(before, table, one, now)
    if _is_call_off(versions, one, _of_file(ladder, offer_id)):
        at = moment(one.from_at, now)
        lead, text = "Called off:", f"Nothing changes from {at.text if at else 'then'} on."
        undo = "Plan it again"
    address = f"/settings/offers/{quote(offer_id, safe='')}"
    way = "status" if before is None else "restore"
    fields = [("status", "paused")]
    if before is not None:
        last = max(version.version for version in versions)
        fields = [("version", str(former)), ("seen", str(last))]
    return Said(
        text,
        lead=lead,
        title=f"“{table['title']}”",
        undo=undo if is_last else "",
        undo_address=f"{address}/{way}",
        undo_fields=tuple(fields),
    )


def version_words(
    ladder: Ladder, versions: Sequence[OfferVersion], one: OfferVersion, now: int
) -> tuple[str, str]:
    """The title of an offer as a version of it had it, and what that version did, in words.

    What was to hold from later on is told as planned, also when that day has come.

    Parameters
    ----------
    versions : all of the offer.
    """
    own = _of_file(ladder, one.offer_id)
    table, before = _table(one), _before(versions, one, own)
    title = str(table["title"])
    then = moment(one.from_at, now) if one.from_at > one.made_at else None
    if then is not None and _is_call_off(versions, one, own):
        return title, f"{_CALLED_OFF} for an offer from {then.text} on"
    changed = _keys_changed(before, table) if before is not None else []
    if before is None:
        done, to_do = "Added", "add"
    elif changed == ["status"]:
        done, to_do = _VERBS[one.status], _PLANNED[one.status]
    else:
        done, to_do = "Changed", "change"
    is_edit = before is not None and changed != ["status"]
    what = f" ({_listed(changed).lower() or 'nothing'})" if is_edit else ""
    if then is not None:
        return title, f"Planned to {to_do} an offer{what} from {then.text} on"
    return title, f"{done} an offer{what}"


def is_follow_up(versions: Sequence[OfferVersion], one: OfferVersion) -> bool:
    """Whether a version only carries a change before it into what was planned for later."""
    return any(
        (other.made_at, other.by) == (one.made_at, one.by)
        and other.version < one.version
        and other.from_at < one.from_at
        for other in versions
    )


def last_meant(versions: Sequence[OfferVersion]) -> OfferVersion | None:
    """The version that somebody made last; None where there is none."""
    meant = (one for one in versions if not is_follow_up(versions, one))
    return max(meant, key=lambda one: one.version, default=None)


def _told(
    before: Mapping[str, Any] | None, table: Mapping[str, Any], one: OfferVersion, now: int
) -> tuple[str, str, str]:
    """What a version did: the word, the sentence after the title, and what takes it back."""
    later = moment(one.from_at, now) if one.from_at > now else None
    since = f" from {later.text} on" if later else " from now on"
    if before is None:
        return "New:", f"Leads can get it{since}; nothing is trained for it.", "Pause it"
    changed = _keys_changed(before, table)
    former = before.get("status", "active")
    if changed == ["status"]:
        word, sentence = _DONE[one.status]
        is_resumed = one.status == "active"
        undo = _UNDO[former] if is_resumed or former != "active" else "Offer it again"
        return word, sentence.format(since=since), undo
    what = _listed(changed) or "nothing"
    return "Changed:", f"{what}. It holds{since}; nothing is trained for it.", "Put it back"


# --------------------------------------------------------------------------------- what was before


def _former(versions: Sequence[OfferVersion], one: OfferVersion) -> OfferVersion | None:
    """The version that held when another one was about to; None where it was the file's own."""
    earlier = [
        other for other in versions if other.version < one.version and other.from_at <= one.from_at
    ]
    return max(earlier, key=lambda other: (other.from_at, other.version), default=None)


def _former_number(versions: Sequence[OfferVersion], one: OfferVersion) -> int:
    former = _former(versions, one)
    return former.version if former else 0


def _is_call_off(
    versions: Sequence[OfferVersion], one: OfferVersion, own: dict[str, Any] | None
) -> bool:
    """Whether a version says for a later instant what holds before it, in place of a plan."""
    earlier = [other for other in versions if other.version < one.version]
    if one.from_at <= one.made_at or all(other.from_at != one.from_at for other in earlier):
        return False
    begun = newest(other for other in earlier if other.from_at < one.from_at)
    held = _table(begun[0]) if begun else own
    return held is not None and not _keys_changed(held, _table(one))


def _before(
    versions: Sequence[OfferVersion], one: OfferVersion, own: dict[str, Any] | None
) -> dict[str, Any] | None:
    """What an offer said before a version; None where that was the first one."""
    former = _former(versions, one)
    return _table(former) if former else own


def _of_file(ladder: Ladder, offer_id: str) -> dict[str, Any] | None:
    """An offer as the ladder's own file has it; None where it is not in it."""
    return _tables_of(ladder.source).get(offer_id)


@lru_cache(maxsize=4)
def _tables_of(source: str) -> dict[str, dict[str, Any]]:
    """The tables of the offers that a ladder's text has, by id."""
    offers = parse_ladder(source).offers if source else ()
    return {one.id: {**offer_table(one), "status": one.status} for one in offers}


# --------------------------------------------------------------------------------- what is another


def _changed(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> str:
    """What is another than before, in words."""
    if before is None:
        return "The first one"
    changed = _keys_changed(before, after)
    return _VERBS[after["status"]] if changed == ["status"] else _listed(changed) or "Nothing"


def _keys_changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The keys whose values differ, in the order of the form."""
    one, other = ({**table, **table.get("effort", {})} for table in (before, after))
    return [name for name in LABELS if one.get(name) != other.get(name)]


def _listed(names: Sequence[str]) -> str:
    told = [LABELS[name] for name in names]
    return ", ".join([*told[:1], *(one[:1].lower() + one[1:] for one in told[1:])])
