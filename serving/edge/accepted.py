"""What a request takes as an answer: `Accept` and `Accept-Encoding`, whatever shape they have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from starlette.datastructures import Headers

__all__ = ["accepted", "is_accepted"]

_WEIGHT: Final = re.compile(r"[01](\.[0-9]{0,3})?")
_WHOLE: Final = 1.0
"""What stands without a weight is wanted as much as anything can be."""


def accepted(headers: Headers, name: str) -> Mapping[str, float]:
    """How much each thing is wanted that such a header names, in small letters: 0 is not at all.

    A header may come in several lines, which are one list (RFC 9110). A weight that cannot be read
    is passed over.
    """
    found: dict[str, float] = {}
    for line in headers.getlist(name):
        for one in line.lower().split(","):
            what, *parameters = (part.strip() for part in one.split(";"))
            if what:
                found[what] = min(map(_weight, parameters), default=_WHOLE)
    return found


def _weight(parameter: str) -> float:
    """That of `q=0.5`; whole, where it is another parameter or cannot be read."""
    name, _, value = parameter.partition("=")
    readable = _WEIGHT.fullmatch(value.strip())
    return float(value) if name.strip() == "q" and readable else _WHOLE


def is_accepted(headers: Headers, name: str, what: str) -> bool:
    """Whether a header names something, and not with the weight 0."""
    return accepted(headers, name).get(what, 0.0) > 0
