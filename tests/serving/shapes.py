"""Whether an answer is of the shape that the description of the service gives it."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from serving.edge.access.shown import is_personalizer
from serving.edge.schemas import PersonalizerErrorAnswer, ProblemAnswer


def check_shape(shape: Any, value: object) -> None:
    """Fail where a value has a member too many or too few, or one of another kind, at any depth."""
    assert TypeAdapter(shape).validate_python(value, extra="forbid") == value


def is_problem(answer, status):
    """The problem of an answer, after a look at its form."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    ProblemAnswer.model_validate(body)
    assert body["status"] == status
    assert body["request_id"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.text
    return body


def check_error(path: str, kind: str, status: int, told: Any) -> None:
    """Fail where the body of an error is not as its address has them: a problem, or Personalizer's.

    Parameters
    ----------
    kind, status, told : the answer's content type, its status and its JSON.
    """
    if is_personalizer(path):
        assert kind == "application/json"
        PersonalizerErrorAnswer.model_validate(told, strict=True)
        assert status != 422
        return
    assert kind == "application/problem+json"
    problem = ProblemAnswer.model_validate(told, strict=True)
    assert problem.status == status
    assert problem.type.startswith("urn:problem-type:")
