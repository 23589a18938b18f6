"""Route: which lead has an e-mail address, or an id of another tool."""

from __future__ import annotations

from typing import Annotated, Self

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from typing_extensions import TypedDict

from features.store.privacy import Privacy
from serving.edge.access.needs import CheckedRoute, needs
from serving.edge.bodies import json_answer
from serving.edge.problems import documented
from serving.edge.schemas import StrictRequest, Text
from serving.ingestion.lookup import erased_of_id, erased_of_mail, leads_of_id, leads_of_mail
from serving.process.served import Served
from serving.process.service import Service

__all__ = ["router"]

router = APIRouter(
    prefix="/v1",
    tags=["leads"],
    dependencies=[Depends(needs("read"))],
    route_class=CheckedRoute,
)


def _address(value: str) -> str:
    """The same address; a blank in it was a + before whoever asks has written it into a query."""
    if " " in value.strip():
        raise PydanticCustomError("email", "an e-mail address has no blank; write a + as %2B here")
    return value


class FindQuery(StrictRequest):
    """What is known of a lead: one of the two."""

    email: Annotated[Text, AfterValidator(_address)] | None = Field(
        None, description="An address of the lead."
    )
    external_id: Text | None = Field(
        None, description="An id that a CRM has of it, or a value of a trait that identifies leads."
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.email is None) == (self.external_id is None):
            raise PydanticCustomError("one_of", "give an email, or an external_id")
        return self


class FoundLead(TypedDict):
    """A lead that was found; ask for its score, or anything else, by this id."""

    lead_id: str
    opted_out: bool


class FoundAnswer(TypedDict):
    """The leads that it may be, none where nobody is known by it."""

    data: list[FoundLead]


@router.get(
    "/leads",
    summary="Find a lead by an address, or an id of another tool",
    responses={200: {"model": FoundAnswer}, **documented(422, 503)},
)
async def find_leads(query: Annotated[FindQuery, Query()], service: Served) -> Response:
    """Which leads an address or an id of another tool belongs to.

    Where the ladder's `identify_by` names the e-mail it is one lead at most; without it, only ids
    that are addresses themselves are found by one. Who was erased for good is found by an id, to
    be left alone like one who has opted out.
    """
    return await run_in_threadpool(_found, service, query)


def _found(service: Service, query: FindQuery) -> Response:
    if query.email is not None:
        leads = leads_of_mail(service, query.email) or erased_of_mail(service, query.email)[:1]
    else:
        id_ = query.external_id or ""
        leads = leads_of_id(service, id_) or erased_of_id(service, id_)[:1]
    out = Privacy(service.store.database).opted_out_of(leads)
    data: list[FoundLead] = [{"lead_id": lead, "opted_out": lead in out} for lead in leads]
    return json_answer({"data": data}, {"Cache-Control": "private, max-age=0"})
