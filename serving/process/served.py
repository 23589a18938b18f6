"""The running service as a parameter of a route, and the ladder that a request asks about."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, cast

from fastapi import Depends, Request

from features.errors import UnknownLadder
from serving.edge.access.access import HERE, Asker
from serving.edge.errors import NotAllowed
from serving.process.service import Service

__all__ = ["AskedBy", "OnLadder", "Served"]


async def _served(request: Request) -> Service:
    return cast(Service, request.app.state.service)


Served = Annotated[Service, Depends(_served)]
"""The service, as a parameter of a route."""


def _check_ladder(service: Service, asker: Asker | None, named: str | None) -> None:
    if named is None or named == service.ladder.name:
        return
    if asker is not None and asker.ladder:  # it is that of the service, or nobody came so far
        raise NotAllowed(
            f"This key asks about the ladder {asker.ladder!r} alone, not about {named!r}."
        )
    raise UnknownLadder.named(named, [service.ladder.name])


async def _on_ladder(request: Request, service: Served) -> Callable[[str | None], None]:
    return partial(_check_ladder, service, request.scope["state"].get("asker"))


async def _asked_by(request: Request) -> str:
    asker: Asker | None = request.scope["state"].get("asker")
    return asker.name if asker else HERE.name


AskedBy = Annotated[str, Depends(_asked_by)]
"""The name of the key that a request came with, for what is kept of who did what."""
OnLadder = Annotated[Callable[[str | None], None], Depends(_on_ladder)]
"""Checks the ladder that a request names, None where it names none: then it is the only one.
`UnknownLadder` where it is not served here, `NotAllowed` where the key is for another one. Whether
the key's own is served here is looked at where keys are: `serving.edge.access.needs`."""
