"""Route: all scores, and whatever has changed since, for those who keep a copy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from features.errors import StoreAway
from features.store.changes import ChangePlace
from serving.edge.accepted import accepted
from serving.edge.access.needs import CheckedRoute, needs
from serving.edge.parameters import (
    check_step,
    next_page,
    no_cursor,
    packed,
    unpacked,
    wrong_query,
)
from serving.edge.problems import documented
from serving.process.served import OnLadder, Served
from serving.process.service import Service
from serving.routes.exports.formats import FORMATS, JSON, Format, encoder
from serving.routes.exports.reading import Filter, ScoreExport
from serving.routes.exports.rows import FlatRow, schema_of
from serving.routes.exports.schemas import MOST_ROWS, ScoresAnswer, ScoresQuery

__all__ = ["router"]

_CURSOR: Final = "Rung-Next-Cursor"
_TEXT: Final = {"schema": {"type": "string"}}
_ANSWERED: Final = {
    "model": ScoresAnswer,
    "description": "A page as JSON. In the other formats all rows, each a `ScoreRow`.",
    "content": {
        FORMATS["ndjson"]: _TEXT,
        FORMATS["csv"]: _TEXT,
        FORMATS["arrow"]: {"schema": {"type": "string", "format": "binary"}},
    },
    "headers": {
        _CURSOR: {
            "description": "`next_cursor`, in every format.",
            "required": True,
            **_TEXT,
        },
        "Link": {"description": "Where it stands, as `next`.", "required": True, **_TEXT},
    },
}

router = APIRouter(
    prefix="/v1",
    tags=["scores"],
    dependencies=[Depends(needs("read"))],
    route_class=CheckedRoute,
)


@router.get(
    "/scores",
    summary="All scores, and what has changed since",
    responses={200: _ANSWERED, **documented(404, 410, 422, 503)},
)
async def list_scores(
    query: Annotated[ScoresQuery, Query()], request: Request, service: Served, on_ladder: OnLadder
) -> Response:
    """Flat rows, each lead where its score was written last; from the beginning, or from a cursor.

    Keep `next_cursor`: asked with it, now or next week, the service tells what was written since,
    and misses nothing. Rows with `gone` say which leads to drop from a copy. As NDJSON, CSV or
    Arrow (`format`, or `Accept`) all rows come in one answer, and the cursor in the header
    `Rung-Next-Cursor`; an answer that is cut off is to be asked for again.
    """
    on_ladder(query.ladder)
    check_step(service.ladder, query.step)
    kind = query.format or _accepted(request)
    after = _place(query.cursor)
    wanted = Filter(query.step, query.band, query.tab)
    export = ScoreExport(service.store, service.ladder, wanted)
    if kind == "json":
        return await run_in_threadpool(_page, export, query, after)
    return await run_in_threadpool(_stream, service, export, query, kind, after)


def _page(export: ScoreExport, query: ScoresQuery, after: ChangePlace | None) -> Response:
    rows, place, is_last = export.page(after, query.limit or MOST_ROWS)
    cursor = _cursor_of(place)
    body = {"data": rows, "next_cursor": cursor, "has_more": not is_last}
    return Response(
        orjson.dumps(body, option=JSON), headers=_headers(query, cursor), media_type=FORMATS["json"]
    )


def _stream(
    service: Service,
    export: ScoreExport,
    query: ScoresQuery,
    kind: Format,
    after: ChangePlace | None,
) -> Response:
    if query.limit is not None:
        raise wrong_query("limit", f"goes with JSON alone; as {kind} all rows come in one answer")
    place, parts = export.all(after)

    def until_it_stops() -> Iterator[list[FlatRow]]:
        for rows in parts:
            if service.stopping.is_set():
                raise StoreAway("the service goes down; ask again with the same cursor")
            yield rows

    rows = encoder(kind, schema_of(export.ladder))(until_it_stops())
    return StreamingResponse(
        rows, headers=_headers(query, _cursor_of(place)), media_type=FORMATS[kind]
    )


def _headers(query: ScoresQuery, cursor: str) -> dict[str, str]:
    asked = query.model_dump(exclude_none=True) | {"cursor": cursor}
    return {
        "Cache-Control": "private, max-age=0",
        "Vary": "Accept",
        **next_page("/v1/scores", asked),
        _CURSOR: cursor,
    }


def _accepted(request: Request) -> Format:
    """The format that is wanted most; of several the first, and JSON where none is named."""
    weights = accepted(request.headers, "accept")
    wanted: dict[Format, float] = {kind: weights.get(media, 0) for kind, media in FORMATS.items()}
    best = max(wanted, key=wanted.__getitem__)
    return best if wanted[best] else "json"


def _cursor_of(place: ChangePlace) -> str:
    return packed(place)


def _place(cursor: str | None) -> ChangePlace | None:
    if cursor is None:
        return None
    match unpacked(cursor):
        case [str(history), int(since), int(number), str(lead_id)] if min(since, number) >= 0:
            return ChangePlace(history, since, number, lead_id)
    raise no_cursor("/v1/scores")
