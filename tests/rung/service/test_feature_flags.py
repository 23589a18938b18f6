"""Rung under OpenFeature's own client: the next ask is a flag, and an error leaves the default."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason
from openfeature.track import TrackingEventDetails

from rung.service.feature_flags import NEXT_ASK, RungProvider
from tests.rung.service.assistants.scene import problem

LEAD = EvaluationContext("lead-7")
OFFER = {"id": "clip", "title": "A clip", "framing": {"id": None, "text": "Look at this"}}
DECIDED = {"decision_id": "d-1", "offer": OFFER, "probability_chosen": 0.30000000000000004}
With = Callable[..., tuple[OpenFeatureClient, list[httpx2.Request]]]


@pytest.fixture
def client_of() -> Iterator[With]:
    """OpenFeature's client over a service that answers like this, and what was asked."""

    def made(answer: object, **options: Any) -> tuple[OpenFeatureClient, list[httpx2.Request]]:
        asked: list[httpx2.Request] = []

        def answered(request: httpx2.Request) -> httpx2.Response:
            asked.append(request)
            if isinstance(answer, Exception):
                raise answer
            assert isinstance(answer, httpx2.Response)
            return answer

        transport = httpx2.MockTransport(answered)
        api.set_provider(RungProvider("http://rung", "rung_a_b", transport=transport, **options))
        return api.get_client(), asked

    yield made
    api.clear_providers()


def test_the_next_ask(client_of):
    """The value is the offer, with the decision and the probability that it was drawn with."""
    client, asked = client_of(httpx2.Response(200, json=DECIDED), channel="email")
    found = client.get_string_details(NEXT_ASK, "nothing", LEAD)
    assert (found.value, found.variant, found.reason) == ("clip", "clip", Reason.SPLIT)
    assert found.flag_metadata == {"decision_id": "d-1", "propensity": 0.30000000000000004}
    assert client.get_object_value(NEXT_ASK, {}, LEAD) == OFFER
    assert asyncio.run(client.get_string_value_async(NEXT_ASK, "nothing", LEAD)) == "clip"
    assert asyncio.run(client.get_object_value_async(NEXT_ASK, {}, LEAD)) == OFFER
    body = {"lead_id": "lead-7", "channel": "email", "defer_exposure": True}
    assert [json.loads(one.content) for one in asked] == [body] * 4
    assert {one.headers["authorization"] for one in asked} == {"Bearer rung_a_b"}


def test_shown_at_once(client_of):
    """Whoever shows what was decided at once need not say so."""
    client, asked = client_of(httpx2.Response(200, json=DECIDED), is_shown=True)
    client.get_string_value(NEXT_ASK, "nothing", LEAD)
    assert json.loads(asked[0].content) == {"lead_id": "lead-7", "defer_exposure": False}


def test_a_lead_that_has_opted_out(client_of):
    """It is asked nothing, and there is no decision."""
    told = {"status": "opted_out", "lead_id": "lead-7", "offer": {"id": "no_ask"}}
    client, _ = client_of(httpx2.Response(200, json=told))
    found = client.get_string_details(NEXT_ASK, "nothing", LEAD)
    assert (found.value, found.reason, found.flag_metadata) == ("no_ask", Reason.DISABLED, {})


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (problem(404, "unknown-lead"), ErrorCode.INVALID_CONTEXT),
        (problem(422, "invalid-request"), ErrorCode.INVALID_CONTEXT),
        (problem(503, "no-model"), ErrorCode.PROVIDER_NOT_READY),
        (problem(503, "store-unavailable"), ErrorCode.PROVIDER_NOT_READY),
        (problem(401, "key-needed"), ErrorCode.GENERAL),
        (problem(403, "not-allowed"), ErrorCode.GENERAL),
        (httpx2.Response(200, text="<html>"), ErrorCode.PARSE_ERROR),
        (httpx2.ConnectError("refused"), ErrorCode.PROVIDER_NOT_READY),
    ],
)
def test_an_error_leaves_the_default(client_of, answer, code):
    """Each refusal of the service is a code of OpenFeature's, and the value is the default."""
    client, _ = client_of(answer)
    found = client.get_string_details(NEXT_ASK, "nothing", LEAD)
    assert (found.value, found.error_code, found.reason) == ("nothing", code, Reason.ERROR)
    assert found.flag_metadata == {}


def test_what_is_no_flag_of_ours(client_of):
    """Another flag, another type, no lead: nothing is asked, and the default stays."""
    client, asked = client_of(httpx2.Response(200, json=DECIDED))
    for found, code in (
        (client.get_string_details("other", "a", LEAD), ErrorCode.FLAG_NOT_FOUND),
        (client.get_boolean_details("other", True, LEAD), ErrorCode.FLAG_NOT_FOUND),
        (client.get_string_details(NEXT_ASK, "a"), ErrorCode.TARGETING_KEY_MISSING),
        (client.get_boolean_details(NEXT_ASK, True, LEAD), ErrorCode.TYPE_MISMATCH),
        (client.get_integer_details(NEXT_ASK, 1, LEAD), ErrorCode.TYPE_MISMATCH),
        (client.get_float_details(NEXT_ASK, 0.5, LEAD), ErrorCode.TYPE_MISMATCH),
    ):
        assert (found.error_code, found.value in ("a", True, 1, 0.5)) == (code, True)
    assert asked == []


def test_what_became_of_it(client_of):
    """Tracking reports the exposure and the outcome of the decision that it names, or nothing."""
    client, asked = client_of(httpx2.Response(200, json={}))
    named: dict[str, Any] = {"decision_id": "a/b"}
    client.track("exposure", LEAD, TrackingEventDetails(attributes=named))
    client.track("session_held", LEAD, TrackingEventDetails(1, named))
    client.track("session_held", LEAD, TrackingEventDetails(attributes=named))
    client.track("exposure", LEAD)
    assert [(one.url.raw_path, json.loads(one.content)) for one in asked] == [
        (b"/v1/decisions/a%2Fb/exposure", {}),
        (b"/v1/decisions/a%2Fb/outcome", {"value": 1.0, "kind": "session_held"}),
    ]


def test_tracking_raises_nothing(client_of):
    """A report that is refused does not stop whoever tracks."""
    client, asked = client_of(problem(409, "decision-conflict"))
    client.track("exposure", LEAD, TrackingEventDetails(attributes={"decision_id": "d"}))
    assert len(asked) == 1
