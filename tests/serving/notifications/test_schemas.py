"""The shapes of notifications: what the docs name, and what is sent."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from features.ladder.file import read_ladder
from features.store.kept.notifications import TYPES
from features.store.kept.scores import StoredScore
from serving.notifications import schemas
from serving.notifications.bodies import INCLUDES, body_of, sample
from serving.notifications.schemas import NOTIFICATIONS, described_webhooks
from serving.scoring.changes import (
    drift_detected,
    dropoff_detected,
    model_promoted,
    recommended,
    reply_overdue,
    score_changes,
)

_DOCS = Path(__file__).resolve().parents[3] / "docs" / "notifications.md"
_ROW = StoredScore(
    lead_id="ann",
    ladder="b2b",
    as_of=1,
    step="participation",
    position=2,
    p_advance=0.5,
    low=0.4,
    high=0.6,
    p_purchase=0.1,
    priority=1.0,
    percentile=0.9,
    reasons="[]",
    bundle="0c5969476f4c",
    scored_at=1,
    last_active=1,
    band="high",
    waiting_since=1,
)
_STEP: Any = {
    "id": "value",
    "title": "Value exchange",
    "band": {"low": 0.3, "high": 0.5},
    "rate": {"value": 0.1, "low": 0.05, "high": 0.2, "leads": 200.0},
    "answer": "neither",
    "causes": [],
    "experiments": [],
    "says": "10 of 100 go on; 30 of 100 would be healthy.",
}
_MOVED: Any = {
    "step": "value",
    "title": "Took the guide",
    "says": "Before Took the guide nothing is what it was",
    "signals": [{"id": "a", "moved": 0.4, "says": "has read nothing", "says_before": "has read"}],
}


def members(type_: str) -> set[str]:
    """Those that the data of a type have, but what an endpoint may ask for beside."""
    shape = NOTIFICATIONS[type_].model_json_schema()
    names: set[str] = set()
    for name, one in shape["$defs"].items() if "$defs" in shape else ():
        if name.endswith("Data") and name != "OmittedData":
            names |= set(one["properties"])
    return names - set(INCLUDES)


@pytest.mark.parametrize("type_", TYPES)
def test_members_are_documented(type_):
    """The row of a type names each member of its data, and no other."""
    row = rf"^\| `{re.escape(type_)}` \| .* \| (.*) \|$"
    (row,) = re.findall(row, _DOCS.read_text(), re.MULTILINE)
    told = set(re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", row))) - {"include"}
    assert told == members(type_)


def test_described():
    """Each type is a webhook of its own, whose body is of a shape of its own."""
    shapes = [
        one["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        for one in described_webhooks().values()
    ]
    names = [one.__name__ for one in NOTIFICATIONS.values()]
    assert shapes == [f"#/components/schemas/{name}" for name in names]
    assert len(set(names)) == len(TYPES)


def test_what_is_sent():
    """All that is told of a lead, and of a service, is as its shape has it."""
    told: dict[str, Any] = {
        **{"offer_id": "no_ask", "gain": 0.0, "rep_minutes": 0.0, "step": None, "exposed": True},
        **{"probability_chosen": 1.0, "policy": "careful", "expires_at": "2026-03-01T12:00:00Z"},
    }
    found = [
        *score_changes(read_ladder("b2b"), {}, [_ROW]),
        recommended("d", "ann", 1, told),
        model_promoted(1, "former", {"ladder": "b2b", "model_version": "0c", "policy": "careful"}),
        reply_overdue(_ROW, 1, 5.0),
        dropoff_detected(_STEP, "b2b", 1, 1),
        drift_detected(_MOVED, "b2b", "0c" * 32, 1, 1),
    ]
    assert {one.type for one in found} == {one for one in TYPES if not one.startswith("webhook.")}
    for one in found:
        for extra in (None, sample(INCLUDES)):
            body = body_of(one.type, one.lead_id, one.created_at, one.data, extra)
            data = NOTIFICATIONS[one.type].model_validate_json(body).model_dump()["data"]
            assert set(json.loads(body)["data"]) - set(INCLUDES) == members(one.type)
            assert set(data) - set(INCLUDES) == members(one.type)


def test_what_is_too_long():
    """Of a body that would be too long the shape has what stands there instead."""
    long = body_of("reply.overdue", "ann", 1, json.dumps({"a": "x" * 20_000}))
    assert NOTIFICATIONS["reply.overdue"].model_validate_json(long).model_dump()["data"] == {
        "lead_id": "ann",
        "omitted": True,
    }


@pytest.mark.parametrize("field", ["types", "include"])
@pytest.mark.parametrize("shape", [schemas.EndpointRequest, schemas.ChangeRequest])
def test_nothing_twice(shape, field):
    """What is named twice is a mistake, of a new endpoint and of one that is changed."""
    one = {"types": "step.completed", "include": "ids"}[field]
    given = {"url": "https://hooks.example.com", field: [one]}
    assert getattr(shape.model_validate(given), field) == [one]
    with pytest.raises(ValidationError, match="names one thing twice"):
        shape.model_validate({**given, field: [one, one]})
