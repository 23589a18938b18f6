"""Routes: companies by the chances of their leads, and one of them with its leads."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from typing_extensions import TypedDict

from features.errors import UnknownAccount
from features.store.kept.accounts import Account, AccountOrder
from serving.edge.access.needs import CheckedRoute, needs
from serving.edge.bodies import json_answer
from serving.edge.parameters import NEXT_PAGE, After, after_of, cursor_of, next_page
from serving.edge.problems import documented
from serving.edge.schemas import MOST_PER_PAGE, PathId, StrictRequest
from serving.process.served import Served
from serving.scoring.answers import AccountOfLead, StepAnswer
from serving.scoring.queue import account_line, active_since
from serving.scoring.scorer import Scorer

__all__ = ["router"]

router = APIRouter(
    prefix="/v1",
    tags=["queue"],
    dependencies=[Depends(needs("read"))],
    route_class=CheckedRoute,
)


class AccountsQuery(StrictRequest):
    """The query of the accounts."""

    limit: int = Field(50, ge=1, le=MOST_PER_PAGE)
    cursor: str | None = Field(
        None, max_length=4096, description="`next_cursor` of the page before."
    )
    order: AccountOrder = Field(
        "purchase",
        description="By the chance that at least one of its leads buys, or completes its next step"
        " (`probability`), or by how many `leads` there are.",
    )


class Furthest(TypedDict):
    """The lead that has completed most steps, the likeliest to buy of several."""

    lead_id: str
    position: int
    step: Annotated[
        StepAnswer | None, Field(description="The step before it; null where it has bought.")
    ]


class AccountAnswer(AccountOfLead):
    """A company, by its leads that have a score. See `GET /v1/queue?account=` for its queue."""

    furthest: Furthest


class AccountsAnswer(BaseModel):
    """A page of the accounts."""

    data: list[AccountAnswer]
    next_cursor: str | None


@router.get(
    "/accounts",
    summary="Companies by the chances of their leads",
    responses={200: {"model": AccountsAnswer, "headers": NEXT_PAGE}, **documented(422, 503)},
)
async def list_accounts(query: Annotated[AccountsQuery, Query()], service: Served) -> Response:
    """A page of the companies. Follow `next_cursor`, or the `Link` header, until it is null."""
    after = after_of(query.cursor, _order_of(query))
    return await run_in_threadpool(_page, service.scorer, query, after)


def _order_of(query: AccountsQuery) -> str:
    return f"accounts by {query.order}"


def _page(scorer: Scorer, query: AccountsQuery, after: After | None) -> Response:
    last = None if after is None else (round(after[0]), after[1])
    found = scorer.store.accounts.page(active_since(scorer), query.limit + 1, last, query.order)
    page = found[: query.limit]
    headers, cursor = {"Cache-Control": "private, max-age=0"}, None
    if len(found) > query.limit:
        cursor = cursor_of((float(page[-1].place), page[-1].id), _order_of(query))
        asked = {"limit": query.limit, "order": query.order, "cursor": cursor}
        headers |= next_page("/v1/accounts", asked)
    data = [_told(scorer, account) for account in page]
    return json_answer({"data": data, "next_cursor": cursor}, headers)


@router.get(
    "/accounts/{account_id:path}",
    summary="A company by the chances of its leads",
    responses={200: {"model": AccountAnswer}, **documented(404, 422, 503)},
)
async def account(
    account_id: Annotated[PathId, Path(description="As a group call named it.")], service: Served
) -> Response:
    """One company; 404 where no lead of it has a score."""
    return await run_in_threadpool(_one, service.scorer, account_id)


def _one(scorer: Scorer, account_id: str) -> Response:
    found = scorer.store.accounts.some([account_id], active_since(scorer))
    if account_id not in found:
        raise UnknownAccount(f"no lead of account {account_id!r} has a score")
    headers = {"Cache-Control": "private, max-age=0"}
    return json_answer(_told(scorer, found[account_id]), headers)


def _told(scorer: Scorer, account: Account) -> AccountAnswer:
    return {
        **account_line(account),
        "furthest": {
            "lead_id": account.furthest,
            "position": account.position,
            "step": _step(scorer, account.step),
        },
    }


def _step(scorer: Scorer, step_id: str) -> StepAnswer | None:
    if not step_id:
        return None
    goals = scorer.ladder.goals if scorer.ladder else ()
    titles = {goal.id: goal.title for goal in goals}
    return {"id": step_id, "title": titles.get(step_id, step_id)}
