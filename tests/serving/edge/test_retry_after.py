"""`Retry-After` of any shape: read, bounded, or nothing; never an error of ours."""

from __future__ import annotations

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.edge.retry_after import LONGEST_WAIT_SECONDS, retry_after

AT = 1_790_000_000_000_000  # 2026-09-21T14:13:20Z


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("1.5", 1.5),
        ("86401", 86_400.0),
        ("9" * 400, 86_400.0),
        ("9" * 5000, 86_400.0),
        ("Mon, 21 Sep 2026 14:13:50 GMT", 30.0),
        ("Mon, 21 Sep 2026 14:13:50 -0000", 30.0),
        ("Mon, 21 Sep 2026 14:13:50", 30.0),
        ("Mon, 21 Sep 2026 16:13:50 +0200", 30.0),
        ("Monday, 21-Sep-26 14:13:50 GMT", 30.0),
        ("Mon Sep 21 14:13:50 2026", 30.0),
        ("Mon, 21 Sep 2026 13:00:00 GMT", 0.0),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 86_400.0),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 86_400.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1e400", None),
        ("inf", None),
        ("nan", None),
        ("0x10", None),
        ("\u0663", None),
        ("Wed, 99 Foo", None),
        ("Mon, 99 Sep 2026 14:13:50 GMT", None),
        ("Fri, 31 Dec 99999999999 23:59:59 GMT", None),
        ("Fri, 31 Dec 2026 99999999999:59:59 GMT", None),
        ("Fri, 31 Dec 2026 23:59:59 +99999999999", None),
    ],
)
def test_every_shape(text, seconds):
    """Seconds and dates are read, at most a day; anything else says nothing."""
    headers = httpx2.Headers([(b"Retry-After", text.encode())])
    assert retry_after(headers, AT) == seconds


@given(st.text(st.characters(max_codepoint=0xFF), max_size=60))
def test_no_text_is_an_error(text):
    """Whatever the header holds, the wait is between nothing and a day, or not said."""
    wait = retry_after(httpx2.Headers([(b"retry-after", text.encode("latin-1"))]), AT)
    assert wait is None or 0.0 <= wait <= LONGEST_WAIT_SECONDS


@pytest.mark.parametrize(
    ("texts", "seconds"),
    [
        (["7", "9"], 9.0),
        (["soon", "9"], 9.0),
        (["Mon, 21 Sep 2026 14:13:50 GMT", "9"], 30.0),
        (["soon", "later"], None),
        ([], None),
    ],
)
def test_several_headers(texts, seconds):
    """Of several headers the longest wait counts; those that cannot be read do not."""
    assert retry_after(httpx2.Headers([("Retry-After", one) for one in texts]), AT) == seconds


@pytest.mark.parametrize(
    ("date", "as_of", "seconds"),
    [
        ("Mon, 21 Sep 2026 14:13:40 GMT", AT, 10.0),
        ("Mon, 21 Sep 2026 14:13:40 GMT", None, 10.0),
        ("Fri, 31 Dec 99999999999 23:59:59 GMT", AT, 30.0),
        ("today", None, None),
    ],
)
def test_by_whose_clock(date, as_of, seconds):
    """A date counts from what the answer says its time is; where it does not, from our time."""
    until = {"Retry-After": "Mon, 21 Sep 2026 14:13:50 GMT", "Date": date}
    assert retry_after(httpx2.Headers(until), as_of) == seconds
