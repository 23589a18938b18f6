"""Bodies of forms: what stands where."""

from __future__ import annotations

import pytest

from serving.connectors.errors import PayloadError
from serving.connectors.forms import form_of, form_reader


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


def parts(*fields, mark="x9", end="--x9--\r\n"):
    """A form in parts, as browsers send it."""
    said = [f"--{mark}\r\nContent-Disposition: form-data; {of}\r\n\r\n{text}\r\n"
            for of, text in fields]  # fmt: skip
    return "".join([*said, end]).encode()


def in_parts(body, label="multipart/form-data; boundary=x9"):
    read = form_reader(label)
    assert read
    return read(body)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (parts(), {}),
        (parts(('name="user[email]"', "a@b.c"), ('name="b"', "")), {"user": {"email": "a@b.c"}}),
        (parts(('name="a"', "Zoë\r\n--x8"), ('name="a"', "2")), {"a": ["Zoë\r\n--x8", "2"]}),
        (parts(('name="cv"; filename="cv.pdf"', "%PDF"), ("name=b", "1")), {"b": "1"}),
        (parts(('name="a%22b"', "1")), {'a"b': "1"}),
    ],
)
def test_a_form_in_parts(body, found):
    """What a page sends of its FormData is the same form; files are left out."""
    assert in_parts(body) == found
    assert in_parts(body, 'Multipart/Form-Data; charset=utf-8; boundary="x9"') == found


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "do not end with the boundary"),
        (parts(('name="a"', "1"), end=""), "do not end with the boundary"),
        (parts(('name="a"', "1"), mark="y", end="--y--"), "no form in parts by the boundary 'x9'"),
        (parts(('name="a"', "1")).replace(b":", b""), "no form in parts by the boundary 'x9'"),
        (parts(('filename="a"', "1")), "a part of the form has no name"),
        (parts(('name="a"', "1")).replace(b"1\r", b"\xff\r"), "no UTF-8"),
        (parts(*(('name="a"', "1") for _ in range(1001))), "up to 1,000 fields"),
        (parts(('name="a"', "1"), ('name="a[b]"', "1")), "'a' is both a text and an object"),
    ],
)
def test_no_form_in_parts(body, why):
    """What cannot be read says why."""
    with pytest.raises(PayloadError, match=why):
        in_parts(body)


def test_what_is_no_form():
    """Other labels are for others to read; parts need their boundary."""
    assert form_reader("") is None
    assert form_reader("application/json") is None
    with pytest.raises(PayloadError, match="boundary"):
        in_parts(parts(('name="a"', "1")), "multipart/form-data")
