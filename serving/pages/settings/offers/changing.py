"""Offers changed by their forms: what was sent becomes another version, or the form comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, cast, get_args

from starlette.exceptions import HTTPException

from features.errors import LadderError, OfferConflict
from features.ladder.catalogue import offer_of_table
from features.ladder.ladder import OfferVersion
from features.ladder.offer import OfferStatus
from serving.pages.settings.offers.changes import last_meant, last_number, table_of_version
from serving.pages.settings.offers.form import (
    OfferForm,
    form_of_table,
    kept_as_it_was,
    new_id,
    read_offer_form,
    wrong_fields,
)
from serving.pages.settings.offers.showing import told_offer, zone_name
from serving.process.service import Service

__all__ = ["Refusal", "add_offer", "call_off_plan", "edit_offer", "restore_offer", "set_state"]

_STATES: Final = get_args(OfferStatus)
_WRITTEN_STILL: Final = "What you wrote is still in the form: save it again to have it instead."
_NOT_PUT_BACK: Final = "Nothing was put back. The versions of today are below."
_NOT_CALLED_OFF: Final = "Nothing was called off. What is planned by now is said above."


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was not kept, and the form to send again.

    Parameters
    ----------
    stale : what follows from it that somebody else has changed the offer since it was shown; ""
        where nobody has.
    """

    form: OfferForm
    stale: str = ""


def add_offer(service: Service, given: Mapping[str, str], by: str) -> OfferVersion | Refusal:
    """The first version of a new offer, whose id follows from its title."""
    form, table, from_at = read_offer_form(given, {}, zone_name(service))
    ladder = service.ladder
    known = [one.id for one in ladder.offers]
    known += [one.offer_id for one in service.store.offers.versions(ladder.name)]
    return _kept(service, form, {"id": new_id(table["title"], known), **table}, from_at, by)


def edit_offer(
    service: Service, offer_id: str, given: Mapping[str, str], by: str
) -> OfferVersion | Refusal:
    """Another version of an offer, with the state that it has.

    Raises
    ------
    UnknownOffer : there is none of that id.
    """
    told = told_offer(service, offer_id)["offer"]
    shown = form_of_table(told, zone_name(service))
    form, table, from_at = read_offer_form(given, shown.kept, zone_name(service))
    last = last_number(service, offer_id)
    if given.get("seen", "") != str(last):
        return Refusal(form, _WRITTEN_STILL)
    table = kept_as_it_was(table, told, given, shown)
    table["status"] = told.get("status", "active")
    try:
        return _kept(service, form, table, from_at, by, last)
    except OfferConflict:  # somebody saved between the look above and the turn to keep it
        return Refusal(form, _WRITTEN_STILL)


def set_state(
    service: Service, offer_id: str, given: Mapping[str, str], by: str
) -> OfferVersion | Refusal:
    """An offer paused, retired or offered again; from a date on, where the form names one.

    Raises
    ------
    UnknownOffer : there is none of that id.
    HTTPException : 422, a state that there is none of.
    """
    status = given.get("status", "")
    if status not in _STATES:
        raise HTTPException(422, "An offer can be offered, paused or retired.")
    zone = zone_name(service)
    sent, _, from_at = read_offer_form(given, {}, zone)
    if wrong := sent.mistake("from_at"):
        shown = form_of_table(told_offer(service, offer_id)["offer"], zone)
        return Refusal(replace(shown, wrong={"state_from": wrong}))
    return service.set_offer_status(offer_id, cast(OfferStatus, status), from_at=from_at, by=by)


def restore_offer(
    service: Service, offer_id: str, given: Mapping[str, str], by: str
) -> OfferVersion | Refusal:
    """Another version of an offer that says what a former one said, its state among it.

    What holds from later on only is put back from then on.

    Raises
    ------
    UnknownOffer : there is no such offer, or no such version of it.
    """
    table = table_of_version(service, offer_id, _number(given, "Which version is to be put back?"))
    form = form_of_table(told_offer(service, offer_id)["offer"], zone_name(service))
    last = last_number(service, offer_id)
    if given.get("seen", "") != str(last):
        return Refusal(form, _NOT_PUT_BACK)
    try:
        begins = _begins(service, offer_id)
        return _kept(service, form, table, begins, by, last, is_whole=True)
    except OfferConflict:
        return Refusal(form, _NOT_PUT_BACK)


def call_off_plan(
    service: Service, offer_id: str, given: Mapping[str, str], by: str
) -> OfferVersion | Refusal:
    """What is planned with a version does not come about; other plans stay.

    Raises
    ------
    UnknownOffer : there is no such offer, or nothing is planned for it with that version.
    """
    number = _number(given, "What is to be called off?")
    form = form_of_table(told_offer(service, offer_id)["offer"], zone_name(service))
    seen = given.get("seen", "")
    if seen != str(last_number(service, offer_id)):
        return Refusal(form, _NOT_CALLED_OFF)
    try:
        return service.call_off_offer(offer_id, number, by=by, seen=int(seen))
    except OfferConflict:
        return Refusal(form, _NOT_CALLED_OFF)


def _number(given: Mapping[str, str], asks: str) -> int:
    """The version that a form names; HTTPException, 422, where it names none."""
    number = given.get("version", "")
    if not (number.isascii() and number.isdecimal() and len(number) < 10):
        raise HTTPException(422, asks)
    return int(number)


def _begins(service: Service, offer_id: str) -> int | None:
    """Since when what was changed last holds, where that is still to come."""
    one = last_meant(service.store.offers.versions(service.ladder.name, offer_id))
    return one.from_at if one is not None and one.from_at > service.clock() else None


def _kept(
    service: Service,
    form: OfferForm,
    table: dict[str, Any],
    from_at: int | None,
    by: str,
    seen: int | None = None,
    *,
    is_whole: bool = False,
) -> OfferVersion | Refusal:
    """The version that a table makes; the form with what is wrong where it makes none."""
    try:
        if form.wrong:
            # What else is wrong is said at once: the ladder's reader looks at the rest.
            offer_of_table(service.ladder, table)
            return Refusal(form)
        return service.keep_offer(table, from_at=from_at, by=by, seen=seen, is_whole=is_whole)
    except LadderError as error:
        wrong, general = wrong_fields(error)
        return Refusal(replace(form, wrong={**wrong, **form.wrong}, general=general))
