"""Whatever JSON a signed body holds, it is read, rejected or refused; nothing breaks."""

import copy
import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.connectors.configuration import VENDORS
from serving.connectors.connector import ConnectorOptions, message_id, moment, parse_body
from serving.connectors.errors import PayloadError
from serving.connectors.generic import connector_of
from tests.profiles import examples
from tests.serving.connectors import test_generic, vendors
from tests.serving.connectors.vendors import SAMPLES, told

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXTS,
    st.sampled_from(["2026-01-01T00:00:00Z", "ada@example.com", "x" * 40_000, "rung-1"]),
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4)
)


def check(connector, payload, opts):
    """A payload ends as arrivals that keep all limits, as rejects, as ignored, or as refused."""
    try:
        arrivals, rejects, ignored = told(connector, payload, opts)
    except PayloadError:
        return
    assert ignored >= 0
    assert all(one.detail for one in rejects)
    for arrival in arrivals:
        assert 0 < len(arrival.message_id) <= 99
        assert arrival.message_id.startswith(f"{connector.name}:")
        ids = (arrival.sent_id, arrival.anonymous_id, arrival.previous_id)
        assert all(0 < len(one) <= 256 and one.strip() for one in ids if one is not None)
        assert 0 <= arrival.occurred_at <= arrival.known_at
        assert len(arrival.properties.encode()) <= 32 * 1024 + 200  # and the minutes
        assert isinstance(json.loads(arrival.properties), dict)
        assert arrival.name not in ("rung_decision", "rung_exposure", "rung_outcome")


def places(value, path=()):
    """The path of every value in a payload."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from places(inner, (*path, at))


def with_value(payload, path, value):
    """A payload with another value at a path."""
    if not path:
        return value
    found = copy.deepcopy(payload)
    inside = found
    for part in path[:-1]:
        inside = inside[part]
    inside[path[-1]] = value
    return found


@pytest.mark.parametrize("name", VENDORS)
@given(payload=JSON)
@settings(max_examples=examples(60))
def test_any_json(name, payload):
    """Any JSON at all."""
    check(VENDORS[name], payload, vendors.options(name))


@pytest.mark.parametrize("name", VENDORS)
@given(data=st.data())
@settings(max_examples=examples(150))
def test_any_value_anywhere(name, data):
    """A vendor's payload with any JSON in place of one of its values."""
    sample = SAMPLES[name]
    path = data.draw(st.sampled_from(list(places(sample))))
    payload = with_value(sample, path, data.draw(JSON))
    more = data.draw(st.sampled_from([{}, {"identify_by": "email"}]))
    check(VENDORS[name], payload, vendors.options(name, **more))


@given(data=st.data())
@settings(max_examples=examples(150))
def test_any_value_in_a_source(data):
    """The same for a source of the ladder file."""
    sample = {"data": {"events": [test_generic.ITEM]}}
    path = data.draw(st.sampled_from(list(places(sample))))
    payload = with_value(sample, path, data.draw(JSON))
    check(connector_of(test_generic.FORMS), payload, ConnectorOptions(vendors.SECRET))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b"NaN",
        b'"\\ud800"',
        b'{"a": 1e999',
        b'{"a"' * 5000,
    ],
)
def test_broken_bodies(body):
    """A body that is no JSON, or not one that can be kept, is refused."""
    with pytest.raises(PayloadError, match="not JSON"):
        parse_body(body)


@given(JSON)
def test_sound_bodies(value):
    """Any other body is read as it was meant."""
    assert parse_body(orjson.dumps(value)) == orjson.loads(orjson.dumps(value))


DEEP = parse_body(b'[{"a":' * 490 + b"0" + b"}]" * 490)
"""Nested as deeply as can be read in a payload."""


@pytest.mark.parametrize("name", VENDORS)
def test_deep_values(name):
    """A value nested as deeply as can be read breaks no vendor, wherever it stands."""
    for path in places(SAMPLES[name]):
        check(VENDORS[name], with_value(SAMPLES[name], path, DEEP), vendors.options(name))


def test_deep_values_in_a_source():
    """The same for a source of the ladder file."""
    sample = {"data": {"events": [test_generic.ITEM]}}
    for path in places(sample):
        payload = with_value(sample, path, DEEP)
        check(connector_of(test_generic.FORMS), payload, ConnectorOptions(vendors.SECRET))


@pytest.mark.parametrize("unit", ["s", "ms", "rfc3339"])
@given(value=JSON | st.floats())
def test_any_time(unit, value):
    """A time is a whole number of microseconds from 1970 on, or there is none."""
    at = moment(value, unit)
    assert at is None or (isinstance(at, int) and at >= 0)


def test_message_ids():
    """Ids are readable while they are short, and hashed when they are long or hold controls."""
    assert message_id("stripe", "evt_1", 2) == "stripe:evt_1:2"
    long, other = message_id("stripe", "x" * 200), message_id("stripe", "x" * 201)
    assert long != other
    assert len(long) <= 99
    assert long.startswith("stripe:")
    assert "\n" not in message_id("stripe", "a\nb")
    assert len(message_id("s" * 200, "a")) <= 99
