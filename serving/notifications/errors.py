"""Why nothing is sent to an endpoint."""

from __future__ import annotations

from typing import Final

from features.errors import Conflict, Refused, Unknown
from serving.edge.kinds import Kinds, ProblemKind

__all__ = [
    "KINDS",
    "EndpointDisabled",
    "ForbiddenAddress",
    "RotatedSince",
    "UnknownEndpoint",
]


class UnknownEndpoint(Unknown):
    """An endpoint of notifications that there is none of."""

    @classmethod
    def named(cls, endpoint_id: str) -> UnknownEndpoint:
        """The error for one unknown endpoint."""
        return cls(f"there is no endpoint {endpoint_id!r}")


class EndpointDisabled(Conflict):
    """An endpoint that gets nothing until it is enabled again."""


class RotatedSince(Conflict):
    """A secret that was made, and that another one has followed since."""


class ForbiddenAddress(Refused):
    """A URL, or an address, that nothing may be sent to; says why."""


KINDS: Final[Kinds] = {
    UnknownEndpoint: ProblemKind("unknown-endpoint", 404, "No such endpoint"),
    ForbiddenAddress: ProblemKind("forbidden-address", 422, "Nothing is sent to this address"),
    RotatedSince: ProblemKind("rotated-since", 409, "The secret was rotated again since"),
    EndpointDisabled: ProblemKind("endpoint-disabled", 409, "The endpoint is disabled"),
}
"""What kind of problem each of them is to the one who asked."""
