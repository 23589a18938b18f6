"""The running service as a parameter of a route, and the ladder that a request asks about."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, cast

from fastapi import Depends, Request

from features.errors import UnknownLadder
from serving.edge.access import HERE, Asker
from serving.edge.errors import NotAllowed
from serving.process.service import Service

__all__ = ["AskedBy", "OnLadder", "Served", "check_ladder"]


async def _served(request: Request) -> Service:
    return cast(Service, request.app.state.service)


Served = Annotated[Service, Depends(_served)]
"""The service, as a parameter of a route."""


def check_ladder(service: Service, asker: Asker | None, named: str | None = None) -> None:
    """Check the ladder that a request names; None where it names none.

    Raises
    ------
    UnknownLadder : it, or that of the key, is not served here.
    NotAllowed : the key may not ask about it.
    """
    own = asker.ladder if asker else ""
    if named is not None and own and named != own:
        raise NotAllowed(f"This key asks about the ladder {own!r} alone, not about {named!r}.")
    wanted = named or own
    if wanted and wanted != service.ladder.name:
        raise UnknownLadder.named(wanted, [service.ladder.name])


async def _on_ladder(request: Request, service: Served) -> Callable[[str | None], None]:
    return partial(check_ladder, service, request.scope["state"].get("asker"))


async def _asked_by(request: Request) -> str:
    asker: Asker | None = request.scope["state"].get("asker")
    return asker.name if asker else HERE.name


AskedBy = Annotated[str, Depends(_asked_by)]
"""The name of the key that a request came with, for what is kept of who did what."""
OnLadder = Annotated[Callable[[str | None], None], Depends(_on_ladder)]
"""Checks the ladder that a request names, None where it names none: then the key's, or the only
one. `UnknownLadder` where it is not served here, `NotAllowed` where the key may not."""
