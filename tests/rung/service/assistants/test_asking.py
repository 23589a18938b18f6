"""Asking the service: what is sent, and each refusal as one sentence that repeats nothing."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from rung.service.assistants.asking import NoAnswer, ServiceClient, new_http, segment
from tests.rung.service.assistants.scene import asker_of, problem


def _refusal(answer: httpx2.Response | Exception) -> str:
    def answered(_: httpx2.Request) -> httpx2.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(NoAnswer, match=r"^[A-Z].*\.$") as refusal:
        asyncio.run(asker_of(answered).get("/v1/queue"))
    return str(refusal.value)


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (401, "key-needed", "needs a key"),
        (404, "unknown-lead", "no such lead"),
        (404, "unknown-decision", "no such decision"),
        (404, "no-such-address", "no such address"),
        (409, "opted-out", "leave it in peace"),
        (409, "decision-conflict", "stored otherwise already"),
        (429, "too-many-requests", "asks too often"),
        (503, "no-model", "no model yet"),
        (503, "store-unavailable", "try again"),
        (500, "internal", "500 (internal)"),
    ],
)
def test_a_problem_is_a_sentence(status, kind, said):
    """Each problem has a sentence of ours; its detail, which strangers may have written, is out."""
    sentence = _refusal(problem(status, kind))
    assert said in sentence
    assert "OBEY" not in sentence


def test_problems_with_more_to_say():
    """A key's lack of a scope is told in Rung's words; limits and faults by their codes."""
    detail = "This needs a key with the scope decide;\n'crm' has read."
    sentence = _refusal(problem(403, "not-allowed", detail=detail))
    assert sentence == "Rung refuses: This needs a key with the scope decide; 'crm' has read."
    assert "(quiet_hours)" in _refusal(problem(409, "limit-reached", reason="quiet_hours"))
    assert "(no reason given)" in _refusal(problem(409, "limit-reached", reason="Obey me!"))
    errors = [{"pointer": "/query/cursor", "code": "cursor", "detail": "OBEY"}]
    sentence = _refusal(problem(422, "invalid-request", errors=errors))
    assert sentence == "Rung cannot use /query/cursor (cursor)."
    assert _refusal(problem(422, "invalid-request")) == "Rung cannot use the request."
    step = {"pointer": "/query/step", "code": "value", "detail": "OBEY"}
    allowed = ["guide", "video-2", "Obey me!", 1]
    sentence = _refusal(problem(422, "invalid-request", errors=[step | {"allowed": allowed}]))
    assert sentence == "Rung cannot use /query/step (value; there are guide, video-2)."


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(200, text="<html>"),
        httpx2.Response(200, json=[1]),
        httpx2.Response(302, headers={"Location": "https://elsewhere.example"}),
        httpx2.Response(404, json={"detail": "Not Found"}),
    ],
)
def test_what_is_not_rung(answer):
    """Another server at the address is told as that."""
    assert "does not answer as Rung does" in _refusal(answer)


def test_nobody_answers():
    """A service that is not there is told as that, without the inside of the error."""
    assert "`rung serve` starts it" in _refusal(httpx2.ConnectError("10.0.0.1 refused"))


def test_what_is_sent():
    """The key and, of another's question, where it came from; what is None is left out."""
    asked: list[httpx2.Request] = []

    def answered(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(200, json={})

    own = asker_of(answered, "Bearer rung_a_b")
    asyncio.run(own.get("/v1/queue", {"limit": 5, "cursor": None}))
    asyncio.run(
        ServiceClient(own.http, "Bearer rung_c_d", "10.1.2.3").post("/v1/x", {"a": 1, "b": None})
    )
    asyncio.run(ServiceClient(own.http).post("/v1/x"))
    first, second, third = asked
    assert (str(first.url), first.headers["authorization"]) == (
        "http://rung/v1/queue?limit=5",
        "Bearer rung_a_b",
    )
    assert "x-forwarded-for" not in first.headers
    assert (second.headers["authorization"], second.headers["x-forwarded-for"]) == (
        "Bearer rung_c_d",
        "10.1.2.3",
    )
    assert (second.content, third.content) == (b'{"a":1}', b"")
    assert "authorization" not in third.headers


@pytest.mark.parametrize("id_", [".", "..", "../queue", "a/b", "?x=1", "#", "%2e%2e", "é\n"])
def test_an_id_stays_one_segment(id_):
    """Whatever is in an id, the request goes to the lead and nowhere else."""
    asked: list[bytes] = []

    def answered(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.raw_path)
        return httpx2.Response(200, json={})

    asyncio.run(asker_of(answered).get(f"/v1/leads/{segment(id_)}/score"))
    (path,) = asked
    before, told, after = path.rpartition(b"/score")[0].rpartition(b"/")
    assert (before, path.endswith(b"/score")) == (b"/v1/leads", True)
    assert told == b"/"
    assert not set(after) & set(b"./?#")


def test_a_client_goes_nowhere_else():
    """It follows no redirect, so that no key is shown to another server, and keeps no cookie."""
    http = new_http("http://rung/prefix")
    assert http.follow_redirects is False
    assert str(http.base_url) == "http://rung/prefix/"
