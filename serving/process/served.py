"""The running service as a parameter of a route."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request

from serving.process.service import Service

__all__ = ["Served"]


async def _served(request: Request) -> Service:
    return cast(Service, request.app.state.service)


Served = Annotated[Service, Depends(_served)]
"""The service, as a parameter of a route."""
