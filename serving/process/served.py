"""The running service as a parameter of a route, and the ladder that a request asks about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, cast

from fastapi import Depends, Request

from features.errors import UnknownLadder
from serving.edge.access import HERE, Asker
from serving.edge.errors import NotAllowed
from serving.process.service import Service

__all__ = ["AskedBy", "OnLadder", "Served"]


async def _served(request: Request) -> Service:
    return cast(Service, request.app.state.service)


Served = Annotated[Service, Depends(_served)]
"""The service, as a parameter of a route."""


async def _on_ladder(request: Request, service: Served) -> Callable[[str | None], None]:
    asker: Asker | None = request.scope["state"].get("asker")
    own = asker.ladder if asker else ""

    def check(named: str | None) -> None:
        if named is not None and own and named != own:
            raise NotAllowed(f"This key asks about the ladder {own!r} alone, not about {named!r}.")
        wanted, served = named or own, service.ladder.name
        if wanted and wanted != served:
            raise UnknownLadder.named(wanted, [served])

    return check


async def _asked_by(request: Request) -> str:
    asker: Asker | None = request.scope["state"].get("asker")
    return asker.name if asker else HERE.name


AskedBy = Annotated[str, Depends(_asked_by)]
"""The name of the key that a request came with, for what is kept of who did what."""
OnLadder = Annotated[Callable[[str | None], None], Depends(_on_ladder)]
"""Checks the ladder that a request names, None where it names none: then the key's, or the only
one. `UnknownLadder` where it is not served here, `NotAllowed` where the key may not."""
