"""Privacy: counted, looked up by an id, and changed by those who may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from serving.edge.access.access import Asker
from serving.edge.access.needs import needs
from serving.pages.common.forms import form_of
from serving.pages.settings.privacy.people import (
    change_profiling,
    erasures_shown,
    found_people,
    opted_out_total,
)
from serving.pages.settings.sections import Looker, Said, section
from serving.pages.settings.tables import AsFile, csv_answer
from serving.process.served import Served
from serving.process.service import Service

__all__ = ["router"]

_HOME: Final = "/settings/privacy"
_LONGEST_ID: Final = 1024
_LONGEST_REASON: Final = 500
_SETS: Final = [Depends(needs("admin", is_page=True))]

router = APIRouter(include_in_schema=False)


@router.get(_HOME)
async def privacy_settings(
    request: Request,
    service: Served,
    asker: Looker,
    id_: Annotated[str, Query(alias="id", max_length=_LONGEST_ID)] = "",
    done: Literal["out", "in"] | None = None,
    format_: Annotated[AsFile | None, Query(alias="format")] = None,
) -> Response:
    """How many are left alone, what was erased, and what is known of an id."""
    if format_ == "csv":
        return await run_in_threadpool(lambda: _file(service, asker))
    return await run_in_threadpool(lambda: _page(request, service, asker, id_, done))


def _page(request: Request, service: Service, asker: Asker, id_: str, done: str | None) -> Response:
    found, is_suppressed, more_found = found_people(service, id_)
    erasures = erasures_shown(service)
    values: dict[str, Any] = {
        "asked": id_.strip(),
        "found": found,
        "more_found": more_found,
        "is_suppressed": is_suppressed,
        "opted_out": opted_out_total(service),
        "erasures": erasures,
        "erased": len(erasures_shown(service, None)) if len(erasures) else 0,
        "is_opt_in": service.ladder.limits.consent == "opt_in",
    }
    said = None
    if done and len(found) == 1 and found[0].is_out == (done == "out"):
        said = _said(id_.strip(), found[0].title, is_out=done == "out")
    return section(request, service, asker, "privacy", values, said=said)


def _said(id_: str, title: str, *, is_out: bool) -> Said:
    """What was changed, told where it is so now."""
    if is_out:
        return Said(
            "No score, no place in the queue, no offer, no part in training from now on.",
            lead="Opted out:",
            title=title or id_,
            undo="Opt back in",
            undo_address=f"{_HOME}/opt-in",
            undo_fields=(("id", id_),),
        )
    return Said(
        "It is scored again within seconds.",
        lead="Opted in again:",
        title=title or id_,
        undo="Opt out again",
        undo_address=f"{_HOME}/opt-out",
        undo_fields=(("id", id_),),
    )


def _file(service: Service, asker: Asker) -> Response:
    """The erasures; their ids for those who may erase."""
    header = ("erased at", "events", "models", "dropped still", "id")
    may_set = asker.may("admin")
    rows = [
        (
            *(one.at.iso if one.at else None, one.events, " ".join(one.models)),
            *(one.is_suppressed, one.id if may_set else None),
        )
        for one in erasures_shown(service, None)
    ]
    return csv_answer("erasures", header, rows)


# ---------------------------------------------------------------------------------- what is changed


@router.post(_HOME + "/opt-out", dependencies=_SETS)
async def opt_out_settings(request: Request, service: Served) -> Response:
    """Profile a lead no more."""
    given = await form_of(request)
    id_, reason = _id(given), given.get("reason", "").strip()
    if len(reason) > _LONGEST_REASON or "\0" in reason:
        raise HTTPException(422, f"A reason has {_LONGEST_REASON} letters at most.")
    await run_in_threadpool(lambda: change_profiling(service, id_, is_out=True, reason=reason))
    return _back(id_, "out")


@router.post(_HOME + "/opt-in", dependencies=_SETS)
async def opt_in_settings(request: Request, service: Served) -> Response:
    """Let a lead be profiled again."""
    given = await form_of(request)
    id_ = _id(given)
    await run_in_threadpool(lambda: change_profiling(service, id_, is_out=False))
    return _back(id_, "in")


def _id(given: Mapping[str, str]) -> str:
    id_ = given.get("id", "").strip()
    if not id_ or len(id_) > _LONGEST_ID:
        raise HTTPException(422, "Which lead? Write its id.")
    return id_


def _back(id_: str, done: str) -> Response:
    return RedirectResponse(f"{_HOME}?{urlencode({'id': id_, 'done': done})}", 303)
