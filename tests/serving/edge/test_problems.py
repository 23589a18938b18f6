"""Problems: every error is problem+json, says what to do, and shows nothing of the inside."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from features import errors
from features.errors import StoreError
from features.store.kept.notifications import TYPES
from serving.edge import connections, logs, middleware, problems
from tests.errors import every_error
from tests.serving.conftest import service_of
from tests.serving.shapes import is_problem


def test_unknown_lead(client):
    """A lead of which nothing arrived is a 404 that names it."""
    body = is_problem(client.get("/v1/leads/nobody/score"), 404)
    assert body["type"] == "urn:problem-type:rung:unknown-lead"
    assert (body["instance"], body["retryable"]) == ("/v1/leads/nobody/score", False)
    assert "'nobody'" in body["detail"]


@pytest.mark.parametrize("lead", ["a/b/c", "%00", "%ff", "x" * 3000, "%F0%9F%A6%8A", " "])
def test_odd_ids(client, lead):
    """Any text may be asked for."""
    is_problem(client.get(f"/v1/leads/{lead}/score"), 404)


def test_no_model(bare):
    """Without a model the answer says how to get one, and when to ask again."""
    posted = bare.post("/v1/scores:batch", json={"leads": ["lead-0001"]})
    for answer in (bare.get("/v1/leads/lead-0001/score"), posted):
        body = is_problem(answer, 503)
        assert body["type"] == "urn:problem-type:rung:no-model"
        assert "rung train" in body["detail"]
        assert "rung demo" in body["detail"]
        assert body["retryable"] is True
        assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("as_of", "words"),
    [
        ("yesterday", "'yesterday' is not a time"),
        ("2026-03-01T12:00:00", "has no time zone; write 2026-03-01T12:00:00Z"),
        ("1772366400", "is not a time"),
        ("0001-01-01T00:00:00+14:00", "in the years 1970 to 2199"),
        ("", "is not a time"),
    ],
)
def test_bad_as_of(client, as_of, words):
    """A time that cannot be read is pointed at, with what would be right."""
    answer = client.get("/v1/leads/lead-0001/score", params={"as_of": as_of})
    (error,) = is_problem(answer, 422)["errors"]
    assert (error["pointer"], error["code"]) == ("/query/as_of", "time")
    assert words in error["detail"]


def test_unknown_query(client):
    """A parameter that nobody reads is refused."""
    answer = client.get("/v1/leads/lead-0001/score", params={"asof": "2026-03-01"})
    assert is_problem(answer, 422)["errors"][0]["pointer"] == "/query/asof"


@pytest.mark.parametrize(
    ("address", "pointers"),
    [
        ("/v1/scores?step=value&step=content", ["/query/step"]),
        ("/v1/queue?limit=5&order=purchase&limit=500&order=work", ["/query/limit", "/query/order"]),
        ("/v1/leads/lead-0001/score?as_of=2026-03-01&as_of=2026-03-01", ["/query/as_of"]),
        ("/v1/leads/lead-0001/timeline?limit=1&limit=2", ["/query/limit"]),
        *((f"/v1/{one}?step=value", ["/query/step"]) for one in ("offers", "experiments")),
        ("/v1/webhooks?limit=5", ["/query/limit"]),
        ("/v1/leads/lead-0001?as_of=2026-03-01&ladder=b2b", ["/query/as_of", "/query/ladder"]),
    ],
)
def test_query_that_is_not_answered(client, address, pointers):
    """Of what stands twice one would be passed over, and so would what nobody reads."""
    faults = is_problem(client.get(address), 422)["errors"]
    assert [fault["pointer"] for fault in faults] == pointers


@pytest.mark.parametrize(
    "address",
    [
        "/v1/leads/lead-0001/score?horizon_days=7&horizon_days=14",
        "/v1/funnel?only=industry%3Asoftware&only=source%3Aads",
        "/v1/projects/none/settings?a=1&a=2",
        "/sourceConfig/?p=npm&v=3.34&writeKey=x&writeKey=x",
        "/personalizer/v1.0/configurations/service?api-version=1&api-version=2",
        "/healthz?a=1&a=1",
    ],
)
def test_query_that_is_answered(client, address):
    """A list may go on, and clients of others add what they like."""
    said = client.get(address).text
    assert "extra_forbidden" not in said
    assert "twice" not in said


def test_nothing_is_erased_where_it_is_not_sure_how(client):
    """Erasing for good and not for good at once is neither."""
    answer = client.delete("/v1/leads/lead-0001?suppress=true&suppress=false")
    assert is_problem(answer, 422)["errors"][0]["pointer"] == "/query/suppress"
    assert client.get("/v1/leads/lead-0001").status_code == 200


def events(**changes):
    at = {"occurred_at": "2026-03-01T00:00:00Z"}
    return {"lead_id": "a", "events": [{"name": "x", **at, **changes}]}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/body/leads"),
        ({"leads": []}, "/body/leads"),
        ({"leads": "lead-0001"}, "/body/leads"),
        ({"leads": [7]}, "/body/leads/0"),
        ({"leads": [""]}, "/body/leads/0"),
        ({"leads": ["a\0"]}, "/body/leads/0"),
        ({"leads": ["a", {"lead_id": "b"}]}, "/body/leads/1/events"),
        ({"leads": [events(occurred_at="2026-03-01T12:00")]}, "/body/leads/0/events/0/occurred_at"),
        ({"leads": [events(known_at=1772366400)]}, "/body/leads/0/events/0/known_at"),
        ({"leads": [events(name="")]}, "/body/leads/0/events/0/name"),
        ({"leads": [events(properties=[])]}, "/body/leads/0/events/0/properties"),
        ({"leads": [events(**{"a/b~c": 1})]}, "/body/leads/0/events/0/a~1b~0c"),
        ({"leads": ["a"], "as_of": 5}, "/body/as_of"),
        ({"leads": ["a"], "horizon": 5}, "/body/horizon"),
        ([], "/body"),
    ],
)
def test_bad_batch(client, body, pointer):
    """A mistake in a body is pointed at."""
    answer = client.post("/v1/scores:batch", json=body)
    assert [error["pointer"] for error in is_problem(answer, 422)["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b'{"leads": [', "application/json", 400),
        (b"", "application/json", 422),
        (b'{"leads": ["\\ud83e"]}', "application/json", 400),
        (b'{"leads": ["\\ud83e\\udd8a"]}', "application/json", 200),
        (b"[" * 100_000, "application/json", 400),
        (b'{"leads": [' + b"9" * 5000 + b"]}", "application/json", 400),
        (b'{"leads": ["a"]}', "text/plain", 415),
        (b'{"leads": ["a"]}', "", 415),
        (b'{"leads": ["a"]}', "application/json; charset=utf-8", 200),
    ],
)
def test_bodies(client, content, kind, status):
    """Broken JSON, half characters and other media types are told apart."""
    answer = client.post("/v1/scores:batch", content=content, headers={"Content-Type": kind})
    if status == 200:
        assert answer.status_code == 200
    else:
        is_problem(answer, status)


def test_very_many_faults(client):
    """A small body can have very many: all are counted, and the answer stays small."""
    body = {"leads": [{"lead_id": "a", "events": [{}] * 10_000}]}
    told = is_problem(client.post("/v1/scores:batch", json=body), 422)
    assert told["detail"].startswith("20000 values will not do: /body/leads/0/events/0/name")
    assert len(told["errors"]) == 2500


def test_large_body(client, monkeypatch):
    """A body beyond the limit is not read to its end."""
    monkeypatch.setattr(middleware, "MOST_BODY_BYTES", 1000)
    is_problem(client.post("/v1/scores:batch", json={"leads": ["x" * 2000]}), 413)


def test_store_out_of_reach(client, service, monkeypatch, caplog):
    """An error that nobody foresaw is a bare 500, and whole in the log under the same id."""

    def fail(_):
        raise sa.exc.OperationalError("SELECT secret", {}, Exception("disk gone"))

    monkeypatch.setattr(service.store, "read_stamped", fail)
    with caplog.at_level(logging.INFO, "rung"):
        answer = client.get("/v1/leads/a/score", headers={"X-Request-Id": "abc.1"})
    body = is_problem(answer, 500)
    assert body["request_id"] == "abc.1"
    assert "secret" not in answer.text
    (line,) = [record for record in caplog.records if record.exc_info]
    assert line.values["request_id"] == "abc.1"


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a\tb", "<script>"])
def test_odd_request_id(client, given):
    """An id that is not a plain one is replaced."""
    answer = client.get("/healthz", headers={"X-Request-Id": given})
    assert answer.headers["x-request-id"] not in ("", given)


UNASKED = {
    *("SettingsError", "CallFailed", "CallRefused", "EventRefused", "GateError", "NoAnswer"),
    *("ConfigError", "EstimatorError", "NoOptuna", "LeakFound", "WrongAnswer"),
    *("NoSpark", "ClusterFailed"),
}
"""They end a start or a training, stay with a worker or a page, or are told of single events."""


def test_every_error_has_a_status(client):
    """Each error class of Rung is in the table, and only what is meant for the caller is shown."""
    branches = set(errors.RungError.__subclasses__())
    asked = {kind for kind in every_error() - branches if kind.__name__ not in UNASKED}
    assert set(client.app.state.problem_kinds) == asked
    hidden = problems.of_error(errors.StoreError("sqlite:////somewhere/private.db: gone"))
    assert (hidden.status, hidden.retryable) == (503, True)
    assert "private" not in hidden.detail
    unknown = problems.of_error(errors.RungError("inside"))
    assert (unknown.status, "inside" in unknown.detail) == (500, False)


# ------------------------------------------------------------------------------------ Every route


def documented_routes(client):
    paths = client.get("/openapi.json").json()["paths"]
    return [
        (path, method, route) for path, routes in paths.items() for method, route in routes.items()
    ]


def test_every_route_answers_problems(client):
    """Every documented route answers errors as problem+json, and says so."""
    routes = documented_routes(client)
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    assert {path for path, _, _ in routes} >= {"/v1/queue", "/v1/scores:batch", "/readyz"}
    for path, _, route in routes:
        address = path.replace("{lead_id}", "nobody")
        answer = client.request("TRACE", address)  # which no route has
        shape, kind = "Problem", "application/problem+json"
        if path.startswith("/personalizer/"):
            shape, kind = "PersonalizerErrorAnswer", "application/json"
            assert answer.json()["error"]["code"] == "405"
            assert "422" not in route["responses"]
        else:
            is_problem(answer, 405)
        assert {"408", "431", "500"} <= set(route["responses"])
        for status, described in route["responses"].items():
            if status in ("408", "431"):  # before an address is known
                assert described["content"] == {"application/problem+json": problem}
            elif int(status) >= 400:
                reference = {"schema": {"$ref": f"#/components/schemas/{shape}"}}
                assert described["content"] == {kind: reference}


def test_allow_names_what_is_described(client):
    """`Allow` has the methods that the description gives an address, though its last word could be
    the end of an id: nobody who asks what `/v1/leads/x/opt-in` takes is told to erase a lead."""
    paths = client.get("/openapi.json").json()["paths"]
    for path, routes in paths.items():
        told = client.options(re.sub("{.*?}", "x", path)).headers["allow"].split(", ")
        described = {method.upper() for method in routes}
        assert set(told) == described | ({"HEAD"} if "get" in routes else set()), path
    assert client.options("/v1/leads/x/y").headers["allow"] == "DELETE, GET, HEAD"


def test_what_connections_answer_is_of_every_route():
    """Each status that a connection answers by itself is one of the common ones.

    But for 400: nobody who goes by a description sends what is no request.
    """
    answered = {status.value for status in connections._KINDS}
    assert set(problems._OF_CONNECTIONS) == answered - {400}


def test_openapi_is_whole(client):
    """Every reference of the description leads somewhere; the framework's own errors are gone."""
    text = client.get("/openapi.json").text
    schemas_ = json.loads(text)["components"]["schemas"]
    references = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert references <= set(schemas_)
    assert "HTTPValidationError" not in text


def test_documented(client):
    """Every route and every kind of problem is in the operator's page."""
    page = (Path(__file__).parents[3] / "docs" / "serving.md").read_text()
    for path, method, _ in documented_routes(client):
        assert f"`{method.upper()} {path}`" in page
    kinds = {kind.kind for kind in client.app.state.problem_kinds.values()}
    kinds |= set(problems._STATUS_KINDS.values())
    kinds |= set(connections._KINDS.values())
    for kind in kinds | {"internal", "invalid-request", "not-ready"}:
        assert f"`{kind}`" in page


def test_unknown_address(client):
    """An address that is none is a problem for a program and a page for a browser."""
    is_problem(client.get("/v1/nowhere"), 404)
    is_problem(client.get("/nowhere"), 404)
    browser = {"Accept": "text/html,*/*"}
    is_problem(client.get("/v1/nowhere", headers=browser), 404)
    page = client.get("/nowhere", headers=browser)
    assert (page.status_code, "<h1>There is no such page</h1>" in page.text) == (404, True)


def test_security_headers(client):
    """Every answer, an error too, forbids scripts, frames and guesses of its type."""
    for path in ("/", "/healthz", "/v1/nowhere", "/static/rung.css"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"


def test_log_line(client, caplog):
    """Each request leaves one line with its id, status and duration."""
    with caplog.at_level(logging.INFO, "rung"):
        client.get("/v1/leads/nobody/score")
    (record,) = [record for record in caplog.records if record.getMessage() == "request"]
    assert record.values["status"] == 404
    assert record.values["path"] == "/v1/leads/nobody/score"
    assert record.values["milliseconds"] > 0


def test_service_is_one(client, service):
    """The app holds the service that the tests look into."""
    assert service_of(client) is service


def test_lines_are_json(monkeypatch, capsys):
    """A line of the log is one JSON object; whoever has set logging up keeps their own way."""
    logger = logging.Logger("rung-alone")
    monkeypatch.setattr(logs, "LOGGER", logger)
    logs.log_to_stderr("info")
    logs.log_to_stderr("info")
    logs.log("unseen", logging.DEBUG)
    try:
        raise OSError("disk\ngone")
    except OSError:
        logs.log("failed", logging.ERROR, error=True, lead="<ü>", path=Path("a"))
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert (said["level"], said["event"], said["lead"]) == ("error", "failed", "<ü>")
    assert said["path"] == "a"
    assert "OSError: disk\ngone" in said["error"]
    assert said["time"].endswith("Z")


def test_a_cause_that_is_not_shown_is_logged(client, service, monkeypatch, caplog):
    """A store out of reach is a 503 that hides why; the log has it, under the same id."""

    def fail(_):
        raise StoreError("postgresql://db: connection refused")

    monkeypatch.setattr(service.store, "read_stamped", fail)
    with caplog.at_level(logging.INFO, "rung"):
        answer = client.get("/v1/leads/a/score", headers={"X-Request-Id": "abc.2"})
    assert is_problem(answer, 503)["retryable"]
    assert "connection refused" not in answer.text
    assert answer.headers["retry-after"]
    (line,) = [record for record in caplog.records if record.getMessage() == "refused"]
    assert line.values["why"] == "postgresql://db: connection refused"


def test_what_generated_clients_are_called(client):
    """Each operation has a short name of its own; what the service sends is described as well."""
    found = client.get("/openapi.json").json()
    names = [
        operation["operationId"] for of in found["paths"].values() for operation in of.values()
    ]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][A-Za-z]{2,24}", name) for name in names)
    assert {"getLeadScore", "recommend", "listScores", "getExperiment", "getFunnel"} <= set(names)
    assert not [name for name in names if name.startswith("getGet")]
    assert set(found["webhooks"]) == set(TYPES)
    assert found["servers"] == [{"url": "/", "description": "The service that this was asked of"}]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/accounts/{}", None, 422),
        ("GET", "/v1/webhooks/{}", None, 422),
        ("PATCH", "/v1/webhooks/{}", {"description": "x"}, 422),
        ("DELETE", "/v1/webhooks/{}", None, 422),
        ("POST", "/v1/webhooks/{}/test", None, 422),
        ("GET", "/v1/webhooks/{}/deliveries", None, 422),
        ("POST", "/personalizer/v1.0/events/{}/reward", {"value": 1}, 400),
        ("POST", "/personalizer/v1.0/multislot/events/{}/activate", None, 400),
        ("GET", "/settings/webhooks/{}", None, 422),
        ("GET", "/settings/webhooks/{}/remove", None, 422),
        ("GET", "/settings/offers/{}", None, 422),
        ("POST", "/settings/keys/{}/revoke", None, 422),
    ],
)
def test_an_id_that_no_database_can_be_asked_for(client, method, path, body, status):
    """PostgreSQL refuses the question itself where an id has a NUL: the caller's mistake."""
    for id_ in ("%00", "a%00b"):
        assert client.request(method, path.format(id_), json=body).status_code == status


def test_a_shape_of_both_sides_is_one():
    """What is asked and answered alike has one name; what differs keeps two."""

    def described(answered: str) -> dict[str, Any]:
        ref = {"$ref": "#/components/schemas/Part-Output"}
        shapes = {"Part-Input": {"type": "object"}, "Part-Output": {"type": answered}, "Whole": ref}
        return {"paths": {}, "components": {"schemas": shapes}}

    merged = problems._without_twins(described("object"))["components"]["schemas"]
    part = {"type": "object"}
    assert merged == {"Part": part, "Whole": {"$ref": "#/components/schemas/Part"}}
    assert problems._without_twins(described("array")) == described("array")


def test_no_shape_is_two(client):
    """Of all that are described."""
    names = client.app.openapi()["components"]["schemas"]
    assert "OfferTable" in names
    assert not [name for name in names if name.endswith(("-Input", "-Output"))]
