"""Offers changed in a running service: another version is kept, and served at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from features.ladder.ladder import Ladder, OfferVersion
from features.ladder.offer import OfferStatus
from serving.process.service import Service

__all__ = ["keep_offer", "set_offer_status"]


def keep_offer(
    service: Service, table: Mapping[str, object], *, from_at: int | None, by: str
) -> OfferVersion:
    """Keep another version of an offer, or the first one of a new offer, and serve it.

    Parameters
    ----------
    table : the keys of an [[offer]] table, instants as RFC 3339.
    from_at : since when it holds, in microseconds since the epoch; None for now.
    by : who wants it so.

    Raises
    ------
    LadderError : with all mistakes of the table.
    NoModel : nothing serves that offers could be changed of.
    """

    def keep(ladder: Ladder, now: int) -> OfferVersion:
        since = now if from_at is None else from_at
        return service.store.offers.keep(ladder, table, from_at=since, now=now, by=by)

    return _served(service, keep)


def set_offer_status(
    service: Service, offer_id: str, status: OfferStatus, *, from_at: int | None, by: str
) -> OfferVersion:
    """Pause, resume or retire an offer as it is now; see `keep_offer`.

    Raises
    ------
    UnknownOffer : there is none of that id.
    NoModel : as above.
    """

    def keep(ladder: Ladder, now: int) -> OfferVersion:
        since = now if from_at is None else from_at
        return service.store.offers.set_status(
            ladder, offer_id, status, from_at=since, now=now, by=by
        )

    return _served(service, keep)


def _served(service: Service, keep: Callable[[Ladder, int], OfferVersion]) -> OfferVersion:
    kept = keep(service.scorer.model.bundle.ladder, service.clock())
    service.refresh()
    return kept
