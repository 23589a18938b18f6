"""Bodies of forms: what stands where."""

from __future__ import annotations

import pytest

from serving.connectors.errors import PayloadError
from serving.connectors.forms import form_of


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"", {}),
        (b"a=1&b=two+words&c=Zo%C3%AB", {"a": "1", "b": "two words", "c": "Zoë"}),
        (b"user[email]=a%40b.c&user[id]=7", {"user": {"email": "a@b.c", "id": "7"}}),
        (b"a%5Bb%5D%5Bc%5D=1", {"a": {"b": {"c": "1"}}}),
        (b"tag=x&tag=y&tag=z", {"tag": ["x", "y", "z"]}),
        (b"tags[]=x&tags[]=y", {"tags": {"": ["x", "y"]}}),
        (b"a=&b&c[d]=", {}),
        (b"a[b=1&]=2", {"a[b": "1", "]": "2"}),
    ],
)
def test_form_of(body, found):
    """Names lead into objects; what is said twice is a list, and nothing is lost."""
    assert form_of(body) == found


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"a=%FF", "UTF-8"),
        (b"a=\xc3\xab", "UTF-8"),
        (b"a=1&a[b]=2", "'a' is both a text and an object"),
        (b"a[b]=2&a=1", "'a' is both a text and an object"),
        (b"&".join(b"a=1" for _ in range(1001)), "up to 1,000 fields"),
    ],
)
def test_no_form(body, why):
    """What cannot be read says why."""
    with pytest.raises(PayloadError, match=why):
        form_of(body)
