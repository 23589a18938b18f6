"""The top of the queue without a running service: all leads are scored once, the first are read."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from features.clock import now
from features.signals.traits import traits_of
from serving.pages.common.people import who
from serving.process.service import Service
from serving.scoring.answers import QueueItem
from serving.scoring.batch.rescoring import rescore
from serving.scoring.queue import items, part_to_work
from serving.settings import Settings

__all__ = ["Top", "TopLead", "top_of_queue"]


@dataclass(frozen=True, slots=True)
class TopLead:
    """A lead of the queue with what a person calls it; `below` says more of it, or is empty."""

    name: str
    below: str
    item: QueueItem


@dataclass(frozen=True, slots=True)
class Top:
    """The first places, of so many leads that are queued."""

    queued: int
    places: tuple[TopLead, ...]


def top_of_queue(
    settings: Settings, limit: int, progress: Callable[[str], None] = lambda _: None
) -> Top:
    """Score every lead of a store, and give the first `limit` of its queue, as the page has them.

    Raises
    ------
    StoreError, LadderError : settings that cannot be used.
    NoModel : there is no bundle.
    """
    with closing(Service.open(settings)) as service:
        progress("scoring every lead")
        run = rescore(service.scorer)
        top = items(service.scorer, part_to_work(service.store, limit, now=now()).scores)
        return Top(run.queued if run else 0, tuple(_place(service, item) for item in top))


def _place(service: Service, item: QueueItem) -> TopLead:
    rows = service.store.events_of(item["lead_id"])
    traits = traits_of(rows, service.ladder, now())
    return TopLead(*who(item["lead_id"], traits), item)
