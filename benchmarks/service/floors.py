"""Applications that do nothing: what a framework and a server cost by themselves.

`python -m benchmarks.service.floors fastapi 8000` answers the path of a score with as many bytes
as Rung does, and with the same parameters; `asgi` does so without a framework, and asks SQLite, as
Rung has to, whether something was committed.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Final

import uvicorn
from fastapi import FastAPI, Header, Query, Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.routes.schemas import ScoreQuery

__all__ = ["asgi", "fastapi"]

_BODY: Final = b"{" + b" " * 1_600 + b"}"
_HEADERS: Final = [
    (b"content-type", b"application/json"),
    (b"content-length", str(len(_BODY)).encode()),
    (b"etag", b'W/"0123456789abcdef"'),
]


def fastapi() -> FastAPI:
    """An endpoint with the parameters of a score, that answers the same bytes each time."""
    app = FastAPI()

    @app.get("/v1/leads/{lead_id:path}/score")
    async def score(
        lead_id: str,  # noqa: ARG001 it is what has to be parsed
        query: Annotated[ScoreQuery, Query()],  # noqa: ARG001
        request: Request,  # noqa: ARG001
        if_none_match: Annotated[str | None, Header()] = None,  # noqa: ARG001
    ) -> Response:
        return Response(_BODY, media_type="application/json")

    @app.get("/healthz")
    async def healthz() -> Response:
        return Response()

    return app


def asgi(path: Path) -> ASGIApp:
    """The same without a framework, and with one question to SQLite."""
    connection = sqlite3.connect(path, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        connection.execute("PRAGMA data_version").fetchone()
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": _BODY})

    return answer


def main() -> None:
    """Serve one of them."""
    name, port = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        app = fastapi() if name == "fastapi" else asgi(Path(folder) / "floor.db")
        uvicorn.run(app, port=int(port), log_level="warning", access_log=False, lifespan="off")


if __name__ == "__main__":
    main()
