"""The catalogue of offers as it is told: each as it is now, what was learned, its versions."""

from __future__ import annotations

import json
from typing import Any

from features.clock import rfc3339
from features.errors import UnknownOffer
from features.ladder.catalogue import as_far_as_it_fits, offer_table
from features.ladder.ladder import Ladder, Offer, OfferVersion
from features.store.events import EventStore
from models.bundle import Bundle
from models.offers.standing import jumps_from

__all__ = ["all_offers", "one_offer", "told_version", "warnings_of"]


def all_offers(bundle: Bundle, store: EventStore, now: int) -> list[dict[str, Any]]:
    """Every offer of the ladder that a bundle is served on, then those that are only planned."""
    planned: dict[str, list[OfferVersion]] = {}
    for one in store.offers.versions(bundle.ladder.name):
        if one.from_at > now:
            planned.setdefault(one.offer_id, []).append(one)
    there = [_told(bundle, one, planned.pop(one.id, [])) for one in bundle.ladder.offers]
    return [*there, *map(_to_come, planned.values())]


def one_offer(bundle: Bundle, store: EventStore, now: int, offer_id: str) -> dict[str, Any]:
    """One offer with all its versions.

    Raises
    ------
    UnknownOffer : there is none of that id, now or planned.
    """
    versions = store.offers.versions(bundle.ladder.name, offer_id)
    offer = bundle.ladder.offer(offer_id)
    if offer is None and not versions:
        raise UnknownOffer.named(offer_id, [one.id for one in bundle.ladder.offers])
    planned = [one for one in versions if one.from_at > now]
    told = _to_come(versions) if offer is None else _told(bundle, offer, planned)
    warnings = warnings_of(bundle.ladder, planned, offer_id)
    return {**told, "versions": [told_version(one) for one in versions], "warnings": warnings}


def warnings_of(ladder: Ladder, planned: list[OfferVersion], offer_id: str) -> list[str]:
    """What an offer, as it is and as it is planned, keeps from ever being recommended."""
    ladder, _ = as_far_as_it_fits(ladder, planned)
    jumps = jumps_from(ladder, offer_id)
    return [
        f"'{one}' is never recommended beside this one: it {why}"
        if one != offer_id
        else f"this one is never recommended: it {why}"
        for one, why in jumps.items()
    ]


def _told(bundle: Bundle, offer: Offer, planned: list[OfferVersion]) -> dict[str, Any]:
    at = bundle.offers.options.index(offer.id)
    return {
        "id": offer.id,
        "step": offer.step,
        "title": offer.title,
        "status": offer.status,
        "version": offer.version,
        "evidence": bundle.offers.evidence[at],
        "leads": bundle.offers.leads[at],
        "offer": offer_table(offer),
        "planned": [told_version(one) for one in planned],
    }


def _to_come(versions: list[OfferVersion]) -> dict[str, Any]:
    """An offer that is not there yet, by the version that will be the first to hold."""
    first = min(versions, key=lambda one: (one.from_at, -one.version))
    table = json.loads(first.body)
    return {
        "id": first.offer_id,
        "step": table["step"],
        "title": table["title"],
        "status": first.status,
        "version": 0,
        "evidence": "prior",
        "leads": 0,
        "offer": table,
        "planned": [told_version(one) for one in versions],
    }


def told_version(one: OfferVersion) -> dict[str, Any]:
    """A version as it is told: since when it holds, who made it and when, what it says."""
    return {
        "version": one.version,
        "status": one.status,
        "from_at": rfc3339(one.from_at),
        "made_at": rfc3339(one.made_at),
        "by": one.by,
        "offer": json.loads(one.body),
    }
