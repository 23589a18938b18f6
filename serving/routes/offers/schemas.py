"""The shapes of the catalogue of offers, as asked and as answered."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Required

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    with_config,
)
from pydantic_core import PydanticKnownError
from typing_extensions import TypedDict  # pydantic reads typing's own from Python 3.12 on

from features.ladder.offer import OfferStatus
from models.offers.offer_model import Evidence
from serving.edge.schemas import AS_DATE_TIME, Instant, StrictRequest, stored_text

__all__ = [
    "CatalogueOffer",
    "OfferId",
    "OfferRequest",
    "OfferVersionAnswer",
    "OffersAnswer",
    "StatusRequest",
    "VersionsOfOffer",
]

_OPEN: Final = ConfigDict(extra="ignore")
"""So that what is asked and what is answered is one shape; the ladder refuses unknown keys."""
_Moment = Annotated[str, AS_DATE_TIME]
OfferId = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(stored_text)]


@with_config(_OPEN)
class OfferEffort(TypedDict, total=False):
    """What an offer asks of the lead; what is left out is nothing."""

    minutes: float
    form_fields: list[str]
    live: bool
    human: bool
    money: float


@with_config(_OPEN)
class OfferFraming(TypedDict):
    """One way to put an offer, under a name of its own."""

    id: str
    text: str


@with_config(_OPEN)
class OfferRule(TypedDict, total=False):
    """Which events count: of a name, with properties that meet conditions."""

    event: Required[str]
    where: dict[str, Any]


@with_config(_OPEN)
class OfferTable(TypedDict, total=False):
    """The keys of an [[offer]] table of the ladder file; what is left out is as usual.

    Of an offer that is put, `id` may be left out as well: it stands in the address.
    """

    id: str
    step: Required[str]
    title: Required[str]
    kind: Required[str]
    effort: Required[OfferEffort]
    value_minutes: float
    topics: list[str]
    framing: str
    framings: list[OfferFraming]
    rep_minutes: float
    valid_from: _Moment
    valid_until: _Moment
    repeats_days: int
    repeats_until: _Moment
    guarantee_days: int
    scope_days: int
    channels: list[str]
    only_after: list[OfferRule]
    again_after_days: float
    role: Literal["ask", "support"]
    during: list[str]
    not_while: list[str]
    status: OfferStatus


def _an_object(sent: object, _: ValidatorFunctionWrapHandler) -> object:
    """Any object: the rules of the ladder file read it, and name all that is wrong at once."""
    if not isinstance(sent, dict):
        raise PydanticKnownError("dict_type")
    return sent


_AnyTable = Annotated[OfferTable, WrapValidator(_an_object)]


class OfferRequest(StrictRequest):
    """An offer as it is to be."""

    offer: _AnyTable
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
    offer: OfferTable


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
    offer: OfferTable
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
