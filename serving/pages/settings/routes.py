"""The settings that are looked at alone: the ladder, connections, checks, who did what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final, Literal, cast
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from features.clock import rfc3339
from serving.connectors.configuration import Connectors
from serving.connectors.received import ReceivedNotes
from serving.edge.access.access import Asker
from serving.edge.access.needs import access_of
from serving.pages.common import words
from serving.pages.common.people import person_of
from serving.pages.settings.activity import (
    KINDS,
    ActivityEntry,
    activity,
    entries_of_actions,
    entries_of_keys,
)
from serving.pages.settings.checks import check_service
from serving.pages.settings.connections import incoming, outgoing
from serving.pages.settings.ladder import (
    advice_shown,
    ladder_home,
    limits_shown,
    measured,
    steps_shown,
)
from serving.pages.settings.sections import Looker, moment, section
from serving.pages.settings.tables import AsFile, csv_answer
from serving.process.served import Served
from serving.process.service import Service

__all__ = ["router"]

_ENTRIES_A_PAGE: Final = 100
_MOST_ACTIONS: Final = 5_000
"""What people did with leads is listed as far back as that."""

_File = Annotated[AsFile | None, Query(alias="format")]
_PageNumber = Annotated[int, Query(ge=1, le=100_000)]

router = APIRouter(include_in_schema=False)


# --------------------------------------------------------------------------------------- the ladder


@router.get("/settings")
async def ladder_settings(
    request: Request,
    service: Served,
    asker: Looker,
    format_: _File = None,
    table: Literal["steps", "advice", "limits"] = "steps",
) -> Response:
    """The ladder, what is advised about it, and what holds people back."""
    if format_ == "csv":
        return await run_in_threadpool(lambda: _ladder_file(service, table))
    return await run_in_threadpool(
        lambda: section(request, service, asker, "ladder", _ladder(service))
    )


def _ladder(service: Service) -> dict[str, Any]:
    ladder = service.ladder
    home, file = ladder_home(service)
    return {
        "title": ladder.title,
        "no_model": service.scorer.bundle is None,
        "problem": service.ladder_problem,
        "steps": steps_shown(ladder),
        "advice": advice_shown(ladder),
        "measured": measured(ladder),
        "limits": limits_shown(service),
        "home": home,
        "file": file,
    }


def _ladder_file(service: Service, table: str) -> Response:
    ladder = service.ladder
    if table == "advice":
        rows = [(one.about, one.text) for one in advice_shown(ladder)]
        return csv_answer("ladder-advice", ("about", "advice"), rows)
    if table == "limits":
        limits = [(one.title, one.text, one.key) for one in limits_shown(service)]
        return csv_answer("ladder-limits", ("limit", "what it is", "key"), limits)
    header = ("step", "done by", "days", "healthy from", "healthy to", "offered", "paused")
    steps = [
        (
            *(one.title, " or ".join(one.done_when), one.days),
            *(one.band or (None, None)),
            *(one.active, one.paused),
        )
        for one in steps_shown(ladder)
    ]
    return csv_answer("ladder-steps", header, steps)


# -------------------------------------------------------------------------------------- connections


@router.get("/settings/connections")
async def connections_settings(
    request: Request,
    service: Served,
    asker: Looker,
    format_: _File = None,
    table: Literal["in", "out"] = "in",
) -> Response:
    """Which tools tell Rung of leads, which CRMs it tells, and what fails."""
    connectors = cast(Connectors, request.app.state.connectors)
    notes = cast(ReceivedNotes, request.app.state.received)
    with_why = asker.may("admin")

    def answer() -> Response:
        if format_ == "csv" and table == "out":
            return _outgoing_file(service, with_why=with_why)
        tools = incoming(service, connectors, notes, with_why=with_why)
        if format_ == "csv":
            header = ("tool", "state", "last received", "last refused", "why")
            rows = [
                (one.title, one.state[0], _iso(one.taken_at), _iso(one.refused_at), one.why)
                for one in tools
            ]
            return csv_answer("connections-in", header, rows)
        values = {
            "tools": tools,
            "crms": outgoing(service, with_why=with_why),
            "has_file": service.settings.connectors is not None,
            "origin": f"{request.url.scheme}://{request.url.netloc}",
        }
        return section(request, service, asker, "connections", values)

    return await run_in_threadpool(answer)


def _outgoing_file(service: Service, *, with_why: bool) -> Response:
    header = ("crm", "state", "last told", "told of", "waiting", "failing", "given up", "why")
    rows = [
        (
            *(one.title, one.state[0], _iso(one.written_at), one.held, one.waiting),
            *(one.failing, one.given_up, "; ".join(f"{why} ({n})" for why, n in one.failures)),
        )
        for one in outgoing(service, with_why=with_why)
    ]
    return csv_answer("connections-out", header, rows)


def _iso(at: Any) -> str | None:
    return at.iso if at else None


# ------------------------------------------------------------------------------------------- checks


@router.get("/settings/checks")
async def checks_settings(
    request: Request,
    service: Served,
    asker: Looker,
    all_: Annotated[bool, Query(alias="all")] = False,
    format_: _File = None,
) -> Response:
    """What is right and wrong: at once what is quick to find, all of it when it is asked for."""
    environment = cast(Connectors, request.app.state.connectors).environment

    def answer() -> Response:
        found = check_service(service, environment, is_whole=all_, for_admin=asker.may("admin"))
        if format_ == "csv":
            header = ("state", "part", "what", "why", "what to do")
            rows = [(one.state, one.part, one.what, one.why, one.remedy) for one in found.all]
            return csv_answer("checks", header, rows)
        values = {
            "found": found,
            "is_whole": all_,
            "at": moment(service.clock(), service.clock()),
            "file_address": f"/settings/checks?format=csv{'&all=true' if all_ else ''}",
        }
        return section(request, service, asker, "checks", values)

    return await run_in_threadpool(answer)


# ----------------------------------------------------------------------------------------- activity


@router.get("/settings/activity")
async def activity_settings(
    request: Request,
    service: Served,
    asker: Looker,
    by: str | None = None,
    kind: str | None = None,
    page: _PageNumber = 1,
    format_: _File = None,
) -> Response:
    """Who did what, the latest first."""

    def answer() -> Response:
        entries = _entries(request, service, asker)
        found = [
            one
            for one in entries
            if by in (None, "", words.plain(one.by)) and kind in (None, "", one.kind)
        ]
        if format_ == "csv":
            rows = [
                (rfc3339(one.at), one.by, KINDS[one.kind], one.what, one.about) for one in found
            ]
            return csv_answer("activity", ("at", "by", "about what", "what", "whom"), rows)
        values = _activity(service, entries, found, {"by": by or "", "kind": kind or ""}, page)
        return section(request, service, asker, "activity", values)

    return await run_in_threadpool(answer)


def _entries(request: Request, service: Service, asker: Asker) -> list[ActivityEntry]:
    """What a reader may know of: keys are for those who may change settings."""
    of_leads = entries_of_actions(service, _MOST_ACTIONS)
    if not asker.may("admin"):
        return activity(service, of_leads)
    return activity(service, [*of_leads, *entries_of_keys(access_of(request).keys.all())])


def _named(service: Service, one: ActivityEntry) -> ActivityEntry:
    """An entry about a lead, with what the lead is called."""
    if one.kind != "lead":
        return one
    rows = service.store.events_of(one.about)
    return replace(one, about=person_of(one.about, rows, service.ladder, service.clock()).title)


def _activity(
    service: Service,
    entries: list[ActivityEntry],
    found: list[ActivityEntry],
    asked: Mapping[str, str],
    page: int,
) -> dict[str, Any]:
    now, start = service.clock(), (page - 1) * _ENTRIES_A_PAGE
    shown = found[start : start + _ENTRIES_A_PAGE]

    def address(**change: str) -> str:
        query = {name: one for name, one in {**asked, **change}.items() if one}
        return f"/settings/activity?{urlencode(query)}" if query else "/settings/activity"

    kinds = [one for one in KINDS if any(entry.kind == one for entry in entries)]
    people = sorted({words.plain(entry.by) for entry in entries if entry.by})
    return {
        "entries": [(_named(service, one), moment(one.at, now)) for one in shown],
        "total": len(found),
        "kinds": [
            ("All", address(kind=""), not asked["kind"]),
            *((KINDS[one], address(kind=one), one == asked["kind"]) for one in kinds),
        ],
        "kind": asked["kind"],
        "people": people,
        "by": asked["by"],
        "is_any": bool(entries),
        "newer": address(page=str(page - 1)) if page > 1 else "",
        "older": address(page=str(page + 1)) if start + len(shown) < len(found) else "",
        "file_address": address(format="csv"),
    }
