"""One offer as its page shows it: its form, its state, what is advised, its versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from features.errors import UnknownOffer
from serving.pages.common.words import learned_from, plain_lines, sentence
from serving.pages.settings.ladder import advice_shown, rule_words, with_titles
from serving.pages.settings.offers.changes import last_number, versions_shown
from serving.pages.settings.offers.form import LABELS, OfferForm, form_of_table, underway
from serving.pages.settings.offers.listing import (
    catalogue,
    planned_changes,
    state_words,
)
from serving.process.service import Service
from serving.recommending.catalogue import one_offer

__all__ = ["HOME", "new_offer_shown", "offer_path", "offer_shown", "told_offer", "zone_name"]

HOME: Final = "/settings/offers"
_TIMES: Final = ("valid_from", "valid_until", "repeats_until")


def offer_path(offer_id: str) -> str:
    """The address of an offer's page."""
    return f"{HOME}/{quote(offer_id, safe='')}"


def zone_name(service: Service) -> str:
    """By whose clock the times of offers are written and read."""
    return service.ladder.limits.quiet.time_zone


def told_offer(service: Service, offer_id: str) -> Mapping[str, Any]:
    """An offer as the API tells it; UnknownOffer where there is none of that id, now or planned."""
    bundle = service.scorer.bundle
    if bundle is not None:
        return one_offer(bundle, service.store, service.clock(), offer_id)
    for one in catalogue(service):
        if one["id"] == offer_id:
            return one
    raise UnknownOffer.named(offer_id, [one.id for one in service.ladder.offers])


def offer_shown(service: Service, offer_id: str, form: OfferForm | None) -> dict[str, Any]:
    """The values of an offer's page; with a form that was sent and will not do, that one.

    Raises
    ------
    UnknownOffer : there is none of that id.
    """
    told, ladder, now = told_offer(service, offer_id), service.ladder, service.clock()
    offer, last = ladder.offer(offer_id), last_number(service, offer_id)
    state, kind = state_words(told["status"]) if offer else ("Planned", "off")
    return {
        **_around(service),
        "offer_id": offer_id,
        "path": offer_path(offer_id),
        "title": told["title"],
        "status": told["status"] if offer else "",
        "state": state,
        "state_kind": kind,
        "planned": planned_changes(told, now, is_yet=offer is not None),
        "known": sentence(learned_from(told["evidence"], told["leads"])),
        "advice": [
            one.text
            for one in advice_shown(ladder)
            # That it is too large a jump is among the warnings, where there are any.
            if one.offer_id == offer_id and (one.key != "effort" or "warnings" not in told)
        ],
        "warnings": [with_titles(one, ladder) for one in told.get("warnings", ())],
        "only_after": [rule_words(rule) for rule in offer.only_after] if offer else [],
        "form": form or form_of_table(told["offer"], zone_name(service)),
        "facts": facts_of(told["offer"], dict(_around(service)["steps"]), zone_name(service)),
        "file_address": f"{offer_path(offer_id)}?format=csv",
        "seen": last,
        "versions": versions_shown(service, offer_id),
        "is_new": False,
    }


def new_offer_shown(service: Service, form: OfferForm) -> dict[str, Any]:
    """The values of the page with the form of an offer that is to come."""
    return {**_around(service), "form": form, "only_after": [], "seen": 0, "is_new": True}


def _around(service: Service) -> dict[str, Any]:
    """What the form of every offer needs."""
    ladder = service.ladder
    return {
        "steps": [(goal.id, goal.title) for goal in ladder.goals],
        "kinds": sorted({one.kind for one in ladder.offers}),
        "underway": underway(ladder),
        "zone": zone_name(service),
        "currency": ladder.value.currency,
        "no_model": service.scorer.bundle is None,
    }


def facts_of(
    table: Mapping[str, Any], steps: Mapping[str, str], zone: str
) -> list[tuple[str, str]]:
    """What an offer is, for those who may not change it: labels and values."""
    form = form_of_table(table, zone)
    values = {**form.values, "step": steps.get(form.value("step"), form.value("step"))}
    values["role"] = "It helps, and asks for nothing" if table.get("role") == "support" else ""
    values |= {name: "Yes" for name in ("live", "human") if name in form.ticked}
    values |= {name: value.replace("T", " ") for name, value in values.items() if name in _TIMES}
    hidden = ("status", "title", "from_at", "only_after")
    return [
        (label, plain_lines(values[name]))
        for name, label in LABELS.items()
        if values.get(name) and name not in hidden
    ]
