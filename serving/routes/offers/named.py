"""Offers that a request names: an unknown one is pointed at where it stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from features.errors import UnknownOffer
from serving.edge.parameters import Place, wrong_body
from serving.scoring.scorer import Scorer

__all__ = ["pointing_at_offers"]

_Answer = TypeVar("_Answer")


def pointing_at_offers(
    scorer: Scorer, places: Sequence[tuple[Place, str]], decide: Callable[[], _Answer]
) -> _Answer:
    """What `decide` gives; RequestValidationError at each place with an offer that is none."""
    try:
        return decide()
    except UnknownOffer as error:
        known = [offer.id for offer in scorer.model.bundle.ladder.offers]
        raise wrong_body(
            (place, "unknown_offer", str(UnknownOffer.named(offer_id, known)))
            for place, offer_id in places
            if offer_id not in known
        ) from error
