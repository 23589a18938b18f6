"""Pointers into the request as it was sent, whatever form it came in."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from serving.ingestion.places import AS_NAMED, Placed, Sent, shown
from tests.serving.ingestion.ingesting import NOW

CLOUD = {"Content-Type": "application/cloudevents+json"}


def holds(sent: Any, pointer: str) -> bool:
    """Whether a pointer leads to something in what was sent."""
    for part in pointer.split("/")[2:]:
        if isinstance(sent, list):
            sent = sent[int(part)]
        elif part in sent:
            sent = sent[part]
        else:
            return False
    return True


def faults(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    return [(one["pointer"], one["detail"]) for one in answer.json()["errors"]]


def posthog(name: str = "seen", **more: Any) -> dict[str, Any]:
    return {"event": name, "distinct_id": "ann", "uuid": "u1", "timestamp": NOW, **more}


@pytest.mark.parametrize(
    ("told", "place"),
    [
        (posthog(distinct_id="null"), "distinct_id"),
        (posthog(distinct_id=None, properties={"distinct_id": "a\nb"}), "properties/distinct_id"),
        (posthog(distinct_id="NaN", properties={"$is_identified": False}), "distinct_id"),
        (posthog(properties={"$anon_distinct_id": "a\x01"}), "properties/$anon_distinct_id"),
        (posthog(uuid="x" * 100), "uuid"),
        (posthog(uuid=None, properties={"$insert_id": "rung-1"}), "properties/$insert_id"),
        (posthog("$set", **{"$set": {"company_size": "many"}}), "$set/company_size"),
        (
            posthog("$identify", properties={"$set": {"company_size": "many"}}),
            "properties/$set/company_size",
        ),
        (
            posthog(
                "$set", properties={"$set": {"company_size": 7}}, **{"$set": {"gaps": {"x": 3}}}
            ),
            "$set/gaps",
        ),
        (posthog("$set", properties={"$set": "x"}), "properties/$set"),
        (posthog("$create_alias", properties={"alias": "null"}), "properties/alias"),
        (posthog("$groupidentify", properties={"$group_key": True}), "properties/$group_key"),
        (
            posthog("$groupidentify", properties={"$group_key": "a", "$group_set": 3}),
            "properties/$group_set",
        ),
        (
            posthog("$pageview", properties={"$referrer": ["a@example.com"]}),
            "properties/$referrer/0",
        ),
        (posthog(properties={"seconds": -1}), "properties/seconds"),
    ],
)
def test_posthog(service, told, place):
    """Of PostHog's events in their own members, alone and in a batch."""
    ((pointer, detail),) = faults(service.client.post("/capture/", json=told))
    assert pointer == f"/body/{place}"
    assert holds(told, pointer)
    assert not any(word in detail for word in ("userId", "traits", "groupId", "messageId"))
    strict = {"Prefer": "handling=strict"}
    answer = service.client.post("/batch/", json={"batch": [told]}, headers=strict)
    assert faults(answer)[0] == (f"/body/batch/0/{place}", detail)


@pytest.mark.parametrize(
    ("call", "place"),
    [
        ({"type": "identify", "context": {"traits": {"seconds": -1}}}, "context/traits/seconds"),
        ({"type": "identify", "context": {"traits": 3}}, "context/traits"),
        ({"type": "identify", "traits": {"seconds": -1}}, "traits/seconds"),
        ({"type": "page", "name": "call 030 1234567"}, "name"),
        ({"type": "page", "name": "a", "properties": {"name": "a@example.com"}}, "properties/name"),
        (
            {"type": "page", "context": {"campaign": {"term": "a@example.com"}}},
            "context/campaign/term",
        ),
        (
            {"type": "page", "context": {"groupId": "a@example.com"}},
            "context/groupId",
        ),
        ({"type": "group", "groupId": "a\nb"}, "groupId"),
    ],
)
def test_segment(service, call, place):
    """Of Segment's calls where they were said, be it in the context."""
    call = {"userId": "ann", "messageId": "m1", **call}
    ((pointer, _),) = faults(service.client.post("/v1/call", json=call))
    assert pointer == f"/body/{place}"
    assert holds(call, pointer)


def test_what_a_batch_says_for_its_calls(service):
    """No call holds it: the call as a whole is pointed at."""
    body = {
        "context": {"campaign": {"name": "a@example.com"}},
        "batch": [{"type": "page", "userId": "ann", "messageId": "m2"}],
    }
    answer = service.client.post("/v1/batch", json=body, headers={"Prefer": "handling=strict"})
    assert [pointer for pointer, _ in faults(answer)] == ["/body/batch/0"]


@pytest.mark.parametrize(
    "data", [{"seconds": -1}, {"userId": "null"}, {"lead_id": "a\nb"}, {"note": "a@example.com"}]
)
def test_cloud_events(service, data):
    """Into data that came as base64 no pointer leads."""
    told = {"specversion": "1.0", "id": "c1", "source": "s", "type": "page_viewed", "time": NOW}
    told |= {"subject": "ann"} if data.keys() & {"seconds", "note"} else {}
    plain = {**told, "data": data}
    ((pointer, _),) = faults(service.client.post("/v1/cloudevents", json=plain, headers=CLOUD))
    assert pointer == f"/body/data/{next(iter(data))}"
    packed = {**told, "data_base64": base64.b64encode(json.dumps(data).encode()).decode()}
    ((pointer, _),) = faults(service.client.post("/v1/cloudevents", json=packed, headers=CLOUD))
    assert pointer == "/body/data_base64"


def test_said():
    """A property stands in its object, or where it was moved from."""
    said = Placed({}, ("properties",), {"url": ("properties", "$current_url")})
    assert said.place_of(("plan",)) == ("properties", "plan")
    assert said.place_of(("url", "0")) == ("properties", "$current_url", "0")
    assert said.place_of(()) == ("properties",)
    assert Placed({}, ("data_base64",), is_whole=True).place_of(("a", "b")) == ("data_base64",)


def test_sent():
    """A member stands under its own name unless it is said where."""
    assert AS_NAMED.place("userId") == ("userId",)
    assert Sent({"userId": ("distinct_id",)}).place("userId") == ("distinct_id",)
    assert shown(("properties", "$set", 0, "x" * 300)) == f"properties.$set.0.{'x' * 200}"
