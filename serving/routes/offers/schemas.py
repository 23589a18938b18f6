"""The shapes of the catalogue of offers, as asked and as answered."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field
from typing_extensions import TypedDict  # pydantic reads typing's own from Python 3.12 on

from features.ladder.offer import OfferStatus
from models.offers.offer_model import Evidence
from serving.edge.schemas import Instant, StrictRequest, stored_text

__all__ = [
    "CatalogueOffer",
    "OfferId",
    "OfferRequest",
    "OfferVersionAnswer",
    "OffersAnswer",
    "StatusRequest",
    "VersionsOfOffer",
]

OfferId = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(stored_text)]


class OfferRequest(StrictRequest):
    """An offer as it is to be."""

    offer: dict[str, Any] = Field(
        description="The keys of an [[offer]] table of the ladder file; instants as RFC 3339."
    )
    from_at: Instant | None = Field(None, description="Since when; now, where it is left out.")


class StatusRequest(StrictRequest):
    """Whether an offer may be extended."""

    status: OfferStatus
    from_at: Instant | None = Field(None, description="Since when; now, where it is left out.")


class OfferVersionAnswer(TypedDict):
    """A version of an offer: since when it holds, who made it and when."""

    version: int
    status: OfferStatus
    from_at: str
    made_at: str
    by: str
    offer: dict[str, Any]


class CatalogueOffer(TypedDict):
    """An offer as it is now, and what was learned of it.

    Version 0 is the ladder file's own. `planned` are versions that hold from later on. `leads` were
    given it among those that the model learned from.
    """

    id: str
    step: str
    title: str
    status: OfferStatus
    version: int
    evidence: Evidence
    leads: int
    offer: dict[str, Any]
    planned: list[OfferVersionAnswer]


class VersionsOfOffer(CatalogueOffer):
    """The same with every version that was made, in order.

    `warnings` are sentences on what is never recommended for it: itself or an offer of a step
    above, where that asks for too many times its effort.
    """

    versions: list[OfferVersionAnswer]
    warnings: list[str]


class OffersAnswer(BaseModel):
    """The whole catalogue, in the order of the ladder file; offers that came later come last."""

    data: list[CatalogueOffer]
