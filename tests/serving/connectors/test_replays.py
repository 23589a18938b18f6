"""Requests that were seen: found for a day, in both databases."""

import pytest

from serving.connectors.connector import Signed
from serving.connectors.replays import SeenRequests, request_hash
from tests.serving.connectors import vendors

DAY_US = 24 * 3600 * 1_000_000


def test_seen_for_a_day(database):
    """A request is known for a day, and forgotten with the first one after that."""
    seen = SeenRequests(database)
    assert not seen.holds("a")
    seen.add("a", 1)
    seen.add("a", 2)
    seen.add("b", DAY_US + 1)
    assert seen.holds("a")
    seen.add("c", DAY_US + 2)
    assert [seen.holds(one) for one in "abc"] == [False, True, True]


@pytest.mark.parametrize(
    "other",
    [
        ("zoom", Signed("s", 5), b"body"),
        ("stripe", Signed("t", 5), b"body"),
        ("stripe", Signed("s", 6), b"body"),
        ("stripe", Signed("s", None), b"body"),
        ("stripe", Signed("s", 5), b"bodies"),
        ("stripe", Signed("s5", 0), b"body"),
    ],
)
def test_hash(other):
    """Connector, signature, time and body all make a request another one."""
    call = vendors.call_of("stripe", {})
    name, signed, body = other
    here = request_hash("stripe", Signed("s", 5), call._replace(body=b"body"))
    assert here == request_hash("stripe", Signed("s", 5), call._replace(body=b"body"))
    assert here != request_hash(name, signed, call._replace(body=body))
