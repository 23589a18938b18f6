"""Whether an answer is of the shape that the description of the service gives it."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter


def check_shape(shape: Any, value: object) -> None:
    """Fail where a value has a member too many or too few, or one of another kind, at any depth."""
    assert TypeAdapter(shape).validate_python(value, extra="forbid") == value
