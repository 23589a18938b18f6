"""What the shapes of all requests share, and the shape of a problem.

Unknown members of a request are refused; unknown members of an answer are to be ignored.
"""

from __future__ import annotations

from typing import Annotated, Final, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from features.clock import instant, microseconds
from features.errors import TimeError
from features.events.junk_ids import FOR_NOBODY, is_junk
from features.events.values import LEAD_ID

__all__ = [
    "AS_DATE_TIME",
    "MOST_MEMBERS",
    "MOST_PER_PAGE",
    "EachOnce",
    "Instant",
    "NewLeadId",
    "PathId",
    "PersonalizerErrorAnswer",
    "ProblemAnswer",
    "StrictPart",
    "StrictRequest",
    "Text",
    "lead_fault",
    "stored_text",
    "too_many",
]

MOST_PER_PAGE: Final = 200
MOST_MEMBERS: Final = 100
"""No object that is read by its members has as many. To tell of each that is one too many takes a
second for each two megabytes of them, in which nobody else is answered."""


def _instant(value: object) -> int:
    if not isinstance(value, str):
        raise PydanticCustomError("time", "a time is a text such as 2026-03-01T12:00:00Z")
    try:
        return microseconds(instant(value))
    except TimeError as error:
        raise PydanticCustomError("time", "{reason}", {"reason": str(error)}) from error


def stored_text(value: str) -> str:
    """The same text, if a database takes it."""
    if "\0" in value:
        raise PydanticCustomError("text", "a NUL is in no id and no name")
    return value


AS_DATE_TIME: Final = WithJsonSchema(
    {"type": "string", "format": "date-time", "examples": ["2026-03-01T12:00:00Z"]}
)
Instant = Annotated[int, BeforeValidator(_instant), AS_DATE_TIME]
"""RFC 3339 outside, microseconds since the epoch inside; a day alone is its midnight, UTC."""
PathId = Annotated[str, AfterValidator(stored_text)]
"""An id in an address. PostgreSQL cannot even be asked for one with a NUL."""
Text = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(stored_text)]


_Value = TypeVar("_Value")


def _once(sent: list[_Value]) -> list[_Value]:
    if len(set(sent)) < len(sent):
        raise PydanticCustomError("twice", "names one thing twice")
    return sent


EachOnce = AfterValidator(_once)
"""Of a list in which order and number mean nothing: the same there twice is a mistake."""


def lead_fault(id_: str) -> tuple[str, str] | None:
    """Why no lead may begin under an id, as every door for events says it: a code, a sentence."""
    if not LEAD_ID.accepts(id_):
        return "invalid_id", f"an id is {LEAD_ID.right}"
    if is_junk(id_):
        return "junk_id", f"it is {FOR_NOBODY}; send the id of one person"
    return None


def _new_lead(value: str) -> str:
    fault = lead_fault(value)
    if fault is not None:
        raise PydanticCustomError(fault[0], "{why}", {"why": fault[1]})
    return value


NewLeadId = Annotated[
    str, Field(min_length=1, max_length=LEAD_ID.longest), AfterValidator(_new_lead)
]
"""The id of a lead that need not be known yet."""


class StrictPart(BaseModel):
    """A part of a request whose unknown members are refused, one by one."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StrictRequest(StrictPart):
    """A request, or a part, whose unknown members are refused; very many of them at once."""

    @model_validator(mode="before")
    @classmethod
    def _few(cls, sent: object) -> object:
        if type(sent) is dict and len(sent) > MOST_MEMBERS:
            raise PydanticCustomError("too_many", "{why}", {"why": too_many(len(sent))})
        return sent


def too_many(count: int) -> str:
    """What is said of that many members of an object, or parameters of a query."""
    return f"it has {count:,} members, and what is read here has no more than {MOST_MEMBERS}"


class FaultAnswer(BaseModel):
    """One wrong value: a JSON pointer into {path, query, header, body}, a code, a sentence."""

    pointer: str
    code: str
    detail: str
    allowed: list[str] | None = Field(None, description="All that would do, where they are few")


class ProblemAnswer(BaseModel):
    """A problem (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    retryable: bool
    errors: list[FaultAnswer] | None = None
    reason: str | None = None
    text: str | None = None


class PersonalizerFault(BaseModel):
    """One wrong value: the code of the error, a sentence, a JSON pointer as in a problem."""

    code: str
    message: str
    target: str


class PersonalizerError(BaseModel):
    """What went wrong, as Azure Personalizer says it."""

    code: str
    message: str
    details: list[PersonalizerFault] | None = None


class PersonalizerErrorAnswer(BaseModel):
    """An error on the addresses of Azure Personalizer."""

    error: PersonalizerError
