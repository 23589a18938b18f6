"""Headers that say what is taken as an answer, in the forms that clients give them."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from serving.edge.accepted import accepted, is_accepted


def headers(*lines: str) -> Headers:
    return Headers(raw=[(b"accept", line.encode("latin-1")) for line in lines])


@pytest.mark.parametrize(
    ("lines", "weights"),
    [
        ((), {}),
        (("",), {}),
        (("text/csv",), {"text/csv": 1.0}),
        (("TEXT/CSV; header=present",), {"text/csv": 1.0}),
        (("a/b;q=0.5,c/d ; Q=0.25",), {"a/b": 0.5, "c/d": 0.25}),
        (("a/b;level=1;q=0", "c/d,, "), {"a/b": 0.0, "c/d": 1.0}),
        (("a/b;q=much, c/d;q=-1, e/f;q=2, g/h;q",), dict.fromkeys(["a/b", "c/d", "e/f", "g/h"], 1)),
    ],
)
def test_weights(lines, weights):
    """Lines are one list, letters do not count, and what cannot be read says nothing."""
    assert accepted(headers(*lines), "accept") == weights


def test_what_is_refused():
    """The weight 0 says that something is not taken, whatever else is."""
    assert is_accepted(headers("gzip;q=0.001"), "accept", "gzip")
    assert not is_accepted(headers("identity, gzip;q=0"), "accept", "gzip")
    assert not is_accepted(headers("x-gzip"), "accept", "gzip")
