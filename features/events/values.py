"""What the ids, names, numbers and instants of an event may be: one rule for every way in.

Files, requests, webhooks and the command line all ask here, so that what one of them refuses no
other lets through. A single value is judged by `TextRule.accepts` and the functions below, a column
by `TextRule.refuses` with the same verdict.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.arrays import Bools
from features.clock import LAST, microseconds
from features.events.junk_ids import is_junk
from features.events.properties import as_number

__all__ = [
    "EVENT_NAME",
    "LEAD_ID",
    "MESSAGE_ID",
    "NEGATIVE",
    "NOT_A_NUMBER",
    "NOT_FINITE",
    "STORED_MESSAGE_ID",
    "TextRule",
    "id_text",
    "is_in_range",
    "is_never_negative",
    "names_a_lead",
    "number_fault",
]


# -------------------------------------------------------------------------------------------- Texts

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROL_OR_BLANK: Final = r"[\x00-\x1f\x7f-\x{9f}\x{2028}\x{2029}]|^[\s\p{Z}]*$"


@dataclass(frozen=True, slots=True)
class TextRule:
    """What a text that names something may be.

    Parameters
    ----------
    longest : in characters.
    """

    longest: int

    @property
    def right(self) -> str:
        """What would be right, to follow the name of a member and "is"."""
        return (
            f"a text of 1 to {self.longest} characters, not only blanks and without control"
            " characters"
        )

    def accepts(self, text: str) -> bool:
        """Whether a text will do."""
        if not 0 < len(text) <= self.longest or text.isspace():
            return False
        return text.isprintable() or _CONTROL.search(text) is None

    def refuses(self, column: pa.Array) -> Bools:
        """Shape (n,): whether each text of a column will not do; what is null is judged by nobody.

        Parameters
        ----------
        column : of strings.
        """
        if pa.types.is_null(column.type):
            return np.zeros(len(column), dtype=np.bool_)
        odd = pc.or_(
            pc.match_substring_regex(column, _CONTROL_OR_BLANK),
            pc.greater(pc.utf8_length(column), self.longest),
        )
        return np.asarray(pc.fill_null(odd, False).to_numpy(zero_copy_only=False), dtype=np.bool_)


LEAD_ID: Final = TextRule(256)
EVENT_NAME: Final = TextRule(200)
MESSAGE_ID: Final = TextRule(99)
"""As it is sent."""
STORED_MESSAGE_ID: Final = TextRule(132)
"""As it is kept: a source of up to 32 characters and a slash stand before what was sent."""

_EXACT: Final = 2**53


def id_text(value: object) -> str | None:
    """An id as text, where it came as one or as a whole number; None for anything else.

    A number beyond 2^53 has lost digits on its way through JSON, and a truth value, a list or an
    object is nobody's id.
    """
    if type(value) is str:
        return value
    if type(value) is int or (type(value) is float and value.is_integer()):
        return str(int(value)) if abs(value) <= _EXACT else None
    return None


def names_a_lead(id_: str) -> bool:
    """Whether a lead may begin under an id: events may be sent under it, and it is somebody's."""
    return LEAD_ID.accepts(id_) and not is_junk(id_)


# ------------------------------------------------------------------------------------------ Numbers

NOT_A_NUMBER: Final = "text where the ladder reads a number"
NOT_FINITE: Final = "number that is not finite"
NEGATIVE: Final = "negative duration or share"

_NEVER_NEGATIVE: Final = re.compile(r"(?:.*_)?(?:seconds|minutes|fraction)")


def is_never_negative(name: str) -> bool:
    """Whether a property of this name holds a duration or a share."""
    return _NEVER_NEGATIVE.fullmatch(name) is not None


def number_fault(name: str, value: object) -> str:
    """Why a property that a ladder reads as a number will not do; "" where it will."""
    number = as_number(value)
    if number is None:
        return NOT_A_NUMBER
    if number in (np.inf, -np.inf):
        return NOT_FINITE
    return NEGATIVE if number < 0 and is_never_negative(name) else ""


# --------------------------------------------------------------------------------------------- Time

_LAST_US: Final = microseconds(LAST)


def is_in_range(microseconds_: int) -> bool:
    """Whether an instant lies in the years that events happen in."""
    return 0 <= microseconds_ <= _LAST_US
