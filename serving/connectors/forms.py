"""Bodies of forms: names and texts, as pages and simple tools send them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from email.message import Message
from functools import partial
from typing import Final
from urllib.parse import parse_qsl

from serving.connectors.errors import PayloadError

__all__ = ["form_of", "form_reader", "multipart_form_of"]

_MOST_FIELDS: Final = 1000
_TOO_MANY: Final = f"a form has up to {_MOST_FIELDS:,} fields"
_INNER: Final = re.compile(r"\[([^\[\]]*)\]")
_NAME: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_DISPOSITION: Final = re.compile(rb"(?im)^content-disposition:[ \t]*form-data([^\r\n]*)")
_PARAMETER: Final = re.compile(
    rb';[ \t]*([a-z*]+)[ \t]*=[ \t]*(?:"([^"]*)"|([^;"\s]*))', re.IGNORECASE
)
_ESCAPED: Final = ((b"%0D", b"\r"), (b"%0A", b"\n"), (b"%22", b'"'))
"""As browsers write in a name what would end it."""


def form_reader(content_type: str) -> Callable[[bytes], dict[str, object]] | None:
    """What reads a body that is labelled so; None where that is no form.

    Raises
    ------
    PayloadError : from what is returned, as `form_of`.
    """
    label = Message()
    label["Content-Type"] = content_type
    kind = label.get_content_type()
    if kind == "application/x-www-form-urlencoded":
        return form_of
    if kind == "multipart/form-data":
        return partial(multipart_form_of, boundary=str(label.get_boundary("")))
    return None


def form_of(body: bytes) -> dict[str, object]:
    """What a form says: `user[email]` stands at `user.email`, a name that comes twice is a list.

    Fields that nobody filled in say nothing, and are left out.

    Raises
    ------
    PayloadError : it is no form in UTF-8, has too many fields, or says of a name that it is both a
        text and an object.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            encoding="utf-8",
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except UnicodeDecodeError as error:
        raise PayloadError("the form is not percent-encoded UTF-8") from error
    except ValueError as error:
        raise PayloadError(_TOO_MANY) from error
    return _nested(pairs)


def multipart_form_of(body: bytes, boundary: str) -> dict[str, object]:
    """The same of a form in parts, as a page sends its `FormData`; files are left out.

    Raises
    ------
    PayloadError : as `form_of`, or its parts do not end as the boundary says.
    """
    mark = b"\r\n--" + boundary.encode("latin-1", "replace")
    _, *parts = (b"\r\n" + body).split(mark, _MOST_FIELDS + 2)
    if len(parts) > _MOST_FIELDS + 1:
        raise PayloadError(_TOO_MANY)
    if not boundary or not parts or not parts[-1].startswith(b"--"):
        raise PayloadError("the parts of the form do not end with the boundary that its type names")
    try:
        return _nested(list(_fields(parts[:-1])))
    except UnicodeDecodeError as error:
        raise PayloadError("a field of the form is no UTF-8") from error


def _fields(parts: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """Name and text of each field that somebody filled in."""
    for part in parts:
        head, _, text = part.partition(b"\r\n\r\n")
        disposition = _DISPOSITION.search(head)
        said = {
            one[1].lower(): one[2] if one[2] is not None else one[3]
            for one in _PARAMETER.finditer(disposition[1] if disposition else b"")
        }
        if not said.get(b"name"):
            raise PayloadError("a part of the form has no name")
        is_file = b"filename" in said or b"filename*" in said
        if text and not is_file:
            name = said[b"name"]
            for escaped, meant in _ESCAPED:
                name = name.replace(escaped, meant)
            yield name.decode(), text.decode()


def _nested(pairs: Iterable[tuple[str, str]]) -> dict[str, object]:
    """Names such as `user[email]` as objects."""
    found: dict[str, object] = {}
    for name, text in pairs:
        _put(found, _path(name), text)
    return found


def _path(name: str) -> list[str]:
    whole = _NAME.fullmatch(name)
    return [whole[1], *_INNER.findall(whole[2])] if whole else [name]


def _put(into: dict[str, object], path: list[str], text: str) -> None:
    *outer, last = path
    for name in outer:
        inner = into.setdefault(name, {})
        if not isinstance(inner, dict):
            raise _both(name)
        into = inner
    former = into.get(last)
    if isinstance(former, dict):
        raise _both(last)
    if former is None:
        into[last] = text
    elif isinstance(former, list):
        former.append(text)
    else:
        into[last] = [former, text]


def _both(name: str) -> PayloadError:
    return PayloadError(f"the field {name[:200]!r} is both a text and an object of fields")
