"""Cursors: one reading of them, and no route that anybody's text breaks."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.store.kept.queue import QueueFilter
from serving.edge.parameters import next_page, packed, place_in, unpacked
from tests.serving.shapes import is_problem

PLACES: dict[str, list[Any]] = {
    "/v1/queue": [1.5, "ann", "work"],
    "/v1/queue?order=probability": [1.5, "ann", "probability"],
    "/v1/queue?order=purchase&account=acme": [1.5, "ann", "purchase"],
    "/v1/accounts": [1.5, "acme", "accounts by purchase"],
    "/v1/accounts?order=leads": [1.5, "acme", "accounts by leads"],
    "/v1/scores?format=json": ["a", 1, 2, "ann"],
    "/v1/scores?format=csv": ["a", 1, 2, "ann"],
    "/v1/leads/lead-0001/timeline": [1, 0, "m1"],
    "/v1/leads/lead-0001/identities": [["ann"], None],
    "/v1/leads/lead-0001/export": ["subjects", ["ann"]],
    "/v1/webhooks/{made}/deliveries": [1, "msg_1"],
}
"""The routes that take a cursor, each with the shape of one of its own."""
WRONG = (
    *('"\\ud800"', '"a\\ud800b"', '"\\u0000"', '"a\\u0000b"', "true", "false", "NaN", "Infinity"),
    *(
        "-Infinity",
        "1e400",
        "-1e400",
        f"1{'0' * 18}0",
        "9223372036854775807",
        "-9223372036854775809",
    ),
    *("1" + "0" * 400, "1" * 5000, "{}", '{"a":1}', "[[]]", "[[[1]]]"),
)
"""Values that are none of a place, as JSON."""


def encoded(text):
    raw = text if isinstance(text, bytes) else text.encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def forged(place):
    """Cursors that nobody was given: each value of a place in turn is another; others are whole."""
    yield from ("x", "ä", "=", "====", "a" * 4001, "é\ud7ff", encoded(b"\xff\xfe"), encoded(b""))
    yield from map(encoded, ("null", "1", '"a"', "{}", "[]", "[1", "[1]", '["a"]', "[null]"))
    yield from (encoded("[" * 2900), encoded("[" * 900 + "]" * 900), encoded('{"a":' * 500))
    yield encoded("[" * 900 + "]" * 900 + "x")
    texts = [json.dumps(one) for one in place]
    yield from (encoded(f"[{','.join(texts[:-1])}]"), encoded(f"[{','.join([*texts, '1'])}]"))
    yield encoded(json.dumps({str(at): one for at, one in enumerate(place)}))
    yield encoded(json.dumps(place).encode("utf-16") + b"\0")
    for at in range(len(texts)):
        for wrong in WRONG:
            yield encoded(f"[{','.join([*texts[:at], wrong, *texts[at + 1 :]])}]")
            yield encoded(f"[{','.join([*texts[:at], f'[{wrong}]', *texts[at + 1 :]])}]")


@pytest.fixture(scope="module")
def endpoint(client):
    made = client.post("/v1/webhooks", json={"url": "https://example.com/x"}).json()["id"]
    yield made
    client.delete(f"/v1/webhooks/{made}")


@pytest.mark.parametrize("path", PLACES)
def test_no_cursor(client, endpoint, path):
    """Whatever a forged cursor holds, each route says that it is none, and points at it."""
    place, path = PLACES[path], path.replace("{made}", endpoint)
    for cursor in forged(place):
        answer = ask(client, path, cursor)
        assert answer.status_code == 422, (path, cursor, answer.text)
        is_problem(answer, 422)
        assert answer.json()["errors"][0]["pointer"] == "/query/cursor"


def ask(client, path, cursor):
    path, _, query = path.partition("?")
    asked = dict(pair.split("=") for pair in query.split("&") if pair)
    return client.get(path, params=asked | {"cursor": cursor})


@pytest.mark.parametrize("path", PLACES)
def test_a_cursor(client, endpoint, path):
    """A place of the route's own is none that is refused; that of scores may be of former days."""
    answer = ask(client, path.replace("{made}", endpoint), packed(PLACES[path]))
    assert answer.status_code == (410 if "scores" in path else 200), answer.text


KEPT = st.one_of(
    st.none(),
    st.integers(-(2**62) + 1, 2**62 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
)


@given(st.lists(KEPT | st.lists(KEPT)))
def test_what_was_packed(place):
    """What a store can be asked for comes back as it was."""
    assert unpacked(packed(place)) == place


@given(
    st.text()
    | st.binary().map(encoded)
    | st.lists(st.recursive(KEPT | st.booleans(), st.lists)).map(packed)
)
def test_anything(cursor):
    """Anything at all is a place that a store can be asked for, or none."""
    for value in unpacked(cursor):
        for one in value if isinstance(value, list) else [value]:
            assert one is None or type(one) in (str, int, float)
            if isinstance(one, float):
                assert math.isfinite(one)


def test_a_store_is_asked(store):
    """Both databases are asked for the outermost values that a cursor can hold."""
    for number in (2**62 - 1, -(2**62) + 1, 1.7e308, -1.7e308, 5e-324):
        last, lead = unpacked(packed([number, "\U0010ffff\x01\ud7ff"]))
        for order in ("work", "probability", "purchase"):
            assert store.queue.part(QueueFilter(), 5, (float(last), lead), order=order) == []


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("title", ("title",)),
        ("a[1].b.c", ("a", 1, "b", "c")),
        ("a[0][1]", ("a", 0, 1)),
        ("a[7].b", ("a", 7, "b")),
        ("x.y", ("x.y",)),
        ("x.y.z", ("x.y", "z")),
        ("x[0]", ("x[0]",)),
        ("none[0].of.it", ("none", 0, "of", "it")),
        ("", ()),
    ],
)
def test_places_in_what_was_sent(path, place):
    """A path leads where the reader of a table has found it, whatever keys are called."""
    sent = {"a": [[3, 4], {"b": {"c": 1}}], "x.y": {"z": 1}, "x": {"y": 2}, "x[0]": 3}
    assert place_in(sent, path) == place


def test_the_next_page():
    """Every parameter as it was asked for, in an address that means it still."""
    asked = {"limit": 2, "cursor": "a=&b", "step": None, "only": ["source:paid search", "x:"]}
    ((name, told),) = next_page("/v1/queue", asked).items()
    assert name == "Link"
    address, rel = told.split("; ")
    assert rel == 'rel="next"'
    path, _, query = address[1:-1].partition("?")
    assert path == "/v1/queue"
    assert parse_qs(query) == {
        "limit": ["2"],
        "cursor": ["a=&b"],
        "only": ["source:paid search", "x:"],
    }


def paged(description: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The answers of routes that go on with another page."""
    shapes = description["components"]["schemas"]
    for path, methods in description["paths"].items():
        for method, route in methods.items():
            answer = route["responses"].get("200", {})
            shape = answer.get("content", {}).get("application/json", {}).get("schema", {})
            members = shapes.get(shape.get("$ref", "").rpartition("/")[2], {}).get("properties", {})
            if {"next_cursor", "next_offset"} & members.keys():
                yield f"{method} {path}", answer


def test_every_paged_answer_has_the_header(client):
    """A client that follows `Link` needs to know of no route how its pages go on."""
    found = dict(paged(client.app.openapi()))
    assert {"get /v1/queue", "get /v1/funnel/leads", "get /v1/scores"} <= found.keys()
    assert [name for name, answer in found.items() if "Link" not in answer.get("headers", {})] == []
