"""Who did what, from what the store keeps: offers, experiments, models, and whatever is added.

A list of entries comes from each kind of thing that is kept with a name beside it. What another
table keeps is added as further entries: `activity(service, mine)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from features.ladder.ladder import OfferVersion
from models.bundle import version_of
from models.served_policy import DEFAULT
from serving.edge.access.keys import Key
from serving.pages.settings.offers.changes import is_follow_up, version_words
from serving.process.service import Service

__all__ = ["KINDS", "ActivityEntry", "activity", "entries_of_actions", "entries_of_keys"]

KINDS: Final = {
    "offer": "Offers",
    "experiment": "Experiments",
    "model": "Models",
    "key": "Keys",
    "lead": "Leads",
}
"""What something was done to, in a word."""


_CAREFUL: Final = "choosing by the ladder's order until there is evidence"


@dataclass(frozen=True, slots=True)
class ActivityEntry:
    """One thing that somebody did.

    Parameters
    ----------
    at : when, in microseconds since the epoch.
    by : the name of the key that it was done with; "" where nobody's is kept.
    kind : of `KINDS`.
    what : what was done, as "paused it"; a sentence without its end.
    about, address : what it was done to, and its page; "" for none.
    """

    at: int
    by: str
    kind: str
    what: str
    about: str
    address: str = ""


def activity(service: Service, further: Iterable[ActivityEntry] = ()) -> list[ActivityEntry]:
    """Everything that the store keeps with the name of who did it, the latest first.

    Parameters
    ----------
    further : what another part of the service keeps, to stand among the rest.
    """
    found = [
        *_of_offers(service),
        *_of_experiments(service),
        *_of_models(service),
        *further,
    ]
    return sorted(found, key=lambda one: (-one.at, one.kind, one.about, one.what))


def entries_of_actions(service: Service, limit: int) -> Iterator[ActivityEntry]:
    """What people did with leads last, so many at most; what was taken back is said to be."""
    for one in service.store.actions.newest(limit):
        what = one.title if one.undone_at is None else f"{one.title}, and took it back"
        address = f"/leads/{quote(one.lead_id, safe='')}"
        yield ActivityEntry(one.done_at, one.name, "lead", what, one.lead_id, address)


def entries_of_keys(keys: Sequence[Key]) -> Iterator[ActivityEntry]:
    """What became of keys, for those who may see them. Who did it is not kept."""
    for one in keys:
        about = one.name, "/settings/keys"
        yield ActivityEntry(one.created_at, "", "key", "A key was made", *about)
        if one.revoked_at is not None:
            yield ActivityEntry(one.revoked_at, "", "key", "A key was revoked", *about)


def _of_offers(service: Service) -> Iterator[ActivityEntry]:
    ladder = service.ladder
    by_offer: dict[str, list[OfferVersion]] = {}
    for one in service.store.offers.versions(ladder.name):
        by_offer.setdefault(one.offer_id, []).append(one)
    for offer_id, versions in by_offer.items():
        for one in versions:
            if is_follow_up(versions, one):
                continue  # nobody has done that beside what it follows from
            title, what = version_words(ladder, versions, one, service.clock())
            address = f"/settings/offers/{quote(offer_id, safe='')}"
            yield ActivityEntry(one.made_at, one.by, "offer", what, title, address)


def _of_experiments(service: Service) -> Iterator[ActivityEntry]:
    for one in service.store.experiments.of(service.ladder.name):
        about = str(one.body.get("title") or one.id), f"/experiments/{quote(one.id, safe='')}"
        yield ActivityEntry(one.started_at, one.by, "experiment", "Began an experiment", *about)
        if one.stopped_at is not None:
            said = f": {one.verdict}" if one.verdict else ""
            what = f"The experiment ended{said}"
            yield ActivityEntry(one.stopped_at, "", "experiment", what, *about)


def _of_models(service: Service) -> Iterator[ActivityEntry]:
    for one in service.store.champions.of(service.ladder.name):
        how = _CAREFUL if one.policy == DEFAULT else f"choosing by the policy “{one.policy}”"
        what = f"A model began to serve, {how}"
        yield ActivityEntry(one.from_at, one.by, "model", what, version_of(one.bundle), "/models")
