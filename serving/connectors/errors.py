"""Why a vendor's request is not taken."""

from __future__ import annotations

from typing import Final

from features.errors import Refused, Unknown
from serving.edge.kinds import Kinds, ProblemKind

__all__ = [
    "KINDS",
    "PayloadError",
    "UnknownConnector",
    "UnsignedRequest",
]


class UnknownConnector(Unknown):
    """A connector that is off, or that there is none of; says how to switch it on."""


class UnsignedRequest(Refused):
    """A vendor's request whose signature is absent or wrong, or was made too long ago."""


class PayloadError(Refused):
    """A vendor's request that is genuine, and whose body is not what the vendor sends."""


KINDS: Final[Kinds] = {
    UnknownConnector: ProblemKind("unknown-connector", 404, "No such connector, or it is off"),
    UnsignedRequest: ProblemKind("unsigned-request", 401, "The signature is not right"),
    PayloadError: ProblemKind("invalid-payload", 422, "Not what this vendor sends"),
}
"""What kind of problem each of them is to the one who asked."""
