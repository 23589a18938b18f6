"""What the description of the service calls an instant, and what its answers hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def flat(shapes: list[Any], all_shapes: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Shapes, with those that they refer to and choose among."""
    for shape in shapes:
        yield shape
        others = [*shape.get("anyOf", []), *shape.get("oneOf", [])]
        if "$ref" in shape:
            others.append(all_shapes[shape["$ref"].rpartition("/")[2]])
        yield from flat(others, all_shapes)


def texts(value: Any, shapes: list[Any], all_shapes: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """Each text of an answer that its shape describes, and whether that calls it an instant."""
    known = list(flat(shapes, all_shapes))
    if isinstance(value, str) and any(shape.get("type") == "string" for shape in known):
        yield value, any(shape.get("format") == "date-time" for shape in known)
    elif isinstance(value, dict):
        members = [shape["properties"] for shape in known if "properties" in shape]
        for name, one in value.items():
            yield from texts(one, [each[name] for each in members if name in each], all_shapes)
    elif isinstance(value, list):
        items = [shape["items"] for shape in known if "items" in shape]
        for one in value:
            yield from texts(one, items, all_shapes)


@pytest.fixture
def decided(client):
    """A lead of its own, for which something was decided; nothing of it stays."""
    event = {"type": "track", "userId": "of-instants", "event": "content_read"}
    assert client.post("/v1/track", json=event).json()["accepted"] == 1
    said = {"lead_id": "of-instants", "decision_id": "of-instants", "defer_exposure": True}
    assert client.post("/v1/recommendations", json=said).status_code == 200
    yield client
    assert client.delete("/v1/leads/of-instants").status_code == 200


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("/v1/leads/{lead_id}/score", "/v1/leads/lead-0001/score"),
        ("/v1/leads/{lead_id}", "/v1/leads/lead-0001"),
        ("/v1/leads/{lead_id}/timeline", "/v1/leads/lead-0001/timeline"),
        ("/v1/scores", "/v1/scores"),
        ("/v1/queue", "/v1/queue?limit=200"),
        ("/v1/offers", "/v1/offers"),
        ("/v1/webhooks", "/v1/webhooks"),
        ("/v1/decisions/{decision_id}", "/v1/decisions/of-instants"),
    ],
)
def test_instants_are_described(decided, path, address):
    """A client that is generated reads each instant as one, and nothing else."""
    described = decided.get("/openapi.json").json()
    ok = described["paths"][path]["get"]["responses"]["200"]
    shape = ok["content"]["application/json"]["schema"]
    found = list(texts(decided.get(address).json(), [shape], described["components"]["schemas"]))
    wrong = {text for text, is_instant in found if is_instant != bool(_RFC3339.fullmatch(text))}
    assert not wrong
