"""Bodies are read alike wherever they are sent, by routes that read them and by the framework."""

from __future__ import annotations

import gc
import gzip
import json
import re
import zlib

import pytest
from starlette.exceptions import HTTPException

from serving.edge.bodies import IDS_BYTES, MOST_BODY_BYTES, to_value
from serving.ingestion.storing import MOST_BATCH_BYTES
from serving.ingestion.values import MOST_EVENT_BYTES
from tests.serving import world
from tests.serving.shapes import is_problem

EVENT = {"lead_id": "ann", "name": "page_viewed", "occurred_at": "2026-03-01T12:00:00Z"}
BODIES = {
    "/v1/events": {"events": [{**EVENT, "message_id": "b1"}]},
    "/v1/track": {"userId": "ann", "event": "page_viewed", "messageId": "b2"},
    "/v1/recommendations": {"lead_id": "climber", "decision_id": "bodies"},
    "/v1/scores:batch": {"leads": ["climber"]},
    "/v1/leads/climber/opt-out": {"reason": "x"},
}
ROUTES = pytest.mark.parametrize("path", BODIES)


@pytest.fixture(scope="module")
def own(start, folder, tmp_path_factory):
    url = world.filled(tmp_path_factory.mktemp("bodies"), world.climber("climber", world.now(), 1))
    with start(url, folder / "rates") as client:
        yield client


def post(client, path, content, **headers):
    return client.post(
        path, content=content, headers={"Content-Type": "application/json"} | headers
    )


@ROUTES
def test_what_is_read(own, path):
    """As it is, packed, and with the mark that says that it is UTF-8."""
    body = json.dumps(BODIES[path]).encode()
    plain = post(own, path, body)
    assert plain.status_code == 200, plain.text
    for content, encoding in (
        (gzip.compress(body), "gzip"),
        (gzip.compress(body), "x-gzip"),
        (body, "identity"),
        (b"\xef\xbb\xbf" + body, ""),
        (gzip.compress(b"\xef\xbb\xbf" + body), "gzip"),
    ):
        answer = post(own, path, content, **({"Content-Encoding": encoding} if encoding else {}))
        assert answer.status_code == 200, (encoding, answer.text)


BROKEN = {
    "not gzip": (lambda body: body, "gzip", 400),
    "cut off": (lambda body: gzip.compress(body)[:-9], "gzip", 400),
    "two members": (lambda body: gzip.compress(body) * 2, "gzip", 400),
    "deflate": (zlib.compress, "deflate", 415),
    "br": (lambda body: body, "br", 415),
    "UTF-16": (lambda body: body.decode().encode("utf-16"), "", 400),
    "two marks": (lambda body: b"\xef\xbb\xbf" * 2 + body, "", 400),
    "NaN": (lambda body: body[:-1] + b', "x": NaN}', "", 400),
    "half a pair": (lambda body: body[:-1] + b', "x": "\\ud800"}', "", 400),
    "more": (lambda body: body + b"}", "", 400),
}


@ROUTES
@pytest.mark.parametrize("how", BROKEN)
def test_what_is_not(own, path, how):
    """What is packed otherwise is a 415, what is no JSON a 400."""
    packed, encoding, status = BROKEN[how]
    headers = {"Content-Encoding": encoding} if encoding else {}
    content = packed(json.dumps(BODIES[path]).encode())
    is_problem(post(own, path, content, **headers), status)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"a": "jürg"}'.encode("latin-1"), "no UTF-8 from its byte 9 on"),
        ("{}".encode("utf-16-le") + b"\xff\xff", "no UTF-8 from its byte 5 on"),
        (gzip.compress(b"{}", mtime=0), "no UTF-8 from its byte 2 on"),
        (b"\xef\xbb\xbf{]", "line 1 column 2"),
    ],
)
def test_why_it_is_no_json(content, words):
    """Of text in another encoding it is said where it is none in ours; of other text, what is."""
    with pytest.raises(HTTPException, match="The body is not JSON") as refused:
        to_value(content)
    assert words in refused.value.detail


_LIMIT = re.compile(r"it may have ([\d,]+) KiB, unpacked")


def limits(client):
    """How many bytes each route that takes a body says that one may have."""
    for path, methods in client.app.openapi()["paths"].items():
        for method, route in methods.items():
            if "requestBody" in route and path != "/v1/m":  # where nothing of it is read
                said = _LIMIT.search(route["responses"]["413"]["description"])
                assert said, (method, path)
                yield method, path, int(said[1].replace(",", "")) * 1024


def test_no_route_reads_more_than_it_says(own):
    """Nobody waits while megabytes of junk are read that no request to a route would ever have."""
    most = {path: bytes_ for _, path, bytes_ in limits(own)}
    assert most["/v1/scores:batch"] == MOST_BODY_BYTES
    assert most["/v1/events"] == most["/v1/batch"] == most["/v1/b"] == MOST_BATCH_BYTES
    assert most["/v1/track"] == most["/v1/call"] == most["/capture/"] == MOST_EVENT_BYTES
    assert most["/v1/leads/{lead_id}/opt-out"] == most["/v1/offers/{offer_id}"] == 64 * 1024
    assert sorted(most.values())[-3:] == [1024 * 1024, 5 * 1024 * 1024, MOST_BODY_BYTES]
    for method, path, bytes_ in limits(own):
        address = path.replace("{version}", "v1.0").replace("{", "").replace("}", "")
        for more, is_too_large in ((0, False), (1, True)):
            body = b" " * (bytes_ + more)
            packed = gzip.compress(body, 1) if bytes_ > IDS_BYTES else body
            headers = {"Content-Encoding": "gzip"} if packed is not body else {}
            headers["Content-Type"] = "application/cloudevents-batch+json"  # all take that
            answer = own.request(method, address, content=packed, headers=headers)
            assert (answer.status_code == 413) is is_too_large, (path, bytes_, answer.text)


def test_a_bomb(own):
    """A body that grows beyond what one may have is read no further."""
    bomb = gzip.compress(b" " * (17 * 1024 * 1024))
    answer = post(own, "/v1/recommendations", bomb, **{"Content-Encoding": "gzip"})
    is_problem(answer, 413)


@pytest.mark.parametrize("is_on", [True, False])
def test_the_collector_keeps_away_from_a_large_body(is_on):
    """It looks through nothing that is being read, and is as it was afterwards, whatever it was."""
    looks: list[str] = []

    def look(phase: str, _: dict[str, int]) -> None:
        looks.append(phase)

    was_on, body = gc.isenabled(), b"[" + b"[]," * 200_000 + b"1]"
    (gc.enable if is_on else gc.disable)()
    gc.callbacks.append(look)
    try:
        assert len(to_value(body)) == 200_001
        with pytest.raises(HTTPException):
            to_value(body[:-1])
        assert gc.isenabled() is is_on
        assert len(looks) < 20  # it would look some hundred times
    finally:
        gc.callbacks.remove(look)
        (gc.enable if was_on else gc.disable)()


@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        ('{"lead_id": "climber", "lead_id": "other"}', "/lead_id"),
        ('{"lead_id": "climber", "lead_\\u0069d": "climber"}', "/lead_id"),
        ('{"lead_id": ":\\u003a", "x": {"a": [{"b:": ":", "b\\u003A": 1}]}}', "/x/a/0/b:"),
        ('{"lead_id": "climber", "x": {"a": [1, {"b": {}, "b": 2.5}]}}', "/x/a/1/b"),
        ('{"lead_id": "climber", "x": {"y": 1}, "x": {}}', "/x"),
    ],
)
def test_a_member_twice(own, content, pointer):
    """Nobody is to guess which of two values holds: it is pointed at, however it is written."""
    told = is_problem(post(own, "/v1/recommendations", content), 400)["detail"]
    assert told == f"In the body {pointer} stands there twice; say it once."


@pytest.mark.parametrize(
    "content",
    [
        '{"lead_id": "climber", "channel": "a:b\\u003a", "exclude": []}',
        '\ufeff{"lead_id": "climber", "channel": ":\\":"}',
    ],
)
def test_no_member_twice(own, content):
    """A colon in a text is no member, whichever way it is written."""
    assert post(own, "/v1/recommendations", content).status_code == 200


JUNK = {f"m{at}": 0 for at in range(3000)}


@pytest.mark.parametrize(
    ("path", "sent", "pointer"),
    [
        ("/v1/scores:batch", {"leads": ["climber"], **JUNK}, "/body"),
        (
            "/v1/scores:batch",
            {"leads": ["x", {"lead_id": "y", "events": [], **JUNK}]},
            "/body/leads/1",
        ),
        ("/v1/scores:batch", {"leads": [{"email": "a@example.com", **JUNK}]}, "/body/leads/0"),
        (
            "/v1/scores:batch",
            {"leads": [{"lead_id": "y", "events": [{}, JUNK]}]},
            "/body/leads/0/events/1",
        ),
        ("/v1/experiments", {"arms": [JUNK]}, "/body/arms/0"),
        ("/v1/leads/climber/opt-out", JUNK, "/body"),
    ],
)
def test_members_without_number(own, path, sent, pointer):
    """Thousands of unknown members are one fault: to tell of each would keep everybody waiting."""
    found = is_problem(post(own, path, json.dumps(sent)), 422)["errors"]
    (error,) = (one for one in found if one["code"] == "too_many")
    assert error["pointer"] == pointer
    assert len(found) < 10


def test_parameters_without_number(own):
    """As are those of a query, whoever reads it."""
    for path in ("/v1/queue", "/v1/offers"):
        (error,) = is_problem(own.get(f"{path}?{'&'.join(JUNK)}"), 422)["errors"]
        assert (error["pointer"], error["code"]) == ("/query", "too_many")
