"""Bodies of forms: names and texts, as pages and simple tools send them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from email.message import Message
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from serving.connectors.errors import PayloadError

if TYPE_CHECKING:  # the package has it for readers of types alone
    from python_multipart.multipart import MultipartCallbacks

__all__ = ["form_of", "form_reader", "multipart_form_of"]

_MOST_FIELDS: Final = 1000
_TOO_MANY: Final = f"a form has up to {_MOST_FIELDS:,} fields"
_INNER: Final = re.compile(r"\[([^\[\]]*)\]")
_NAME: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
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
    parts = _Parts()
    try:
        MultipartParser(boundary.encode("latin-1", "replace"), parts.callbacks).write(body)
    except FormParserError as error:
        why = f"no form in parts by the boundary {boundary[:80]!r}: {error}"
        raise PayloadError(why) from error
    if not (boundary and parts.ended):
        raise PayloadError("the parts of the form do not end with the boundary that its type names")
    return _nested(parts.fields)


class _Parts:
    """What a parser of a form in parts has told; `fields`: name and text, where it is filled in."""

    def __init__(self) -> None:
        self.fields: list[tuple[str, str]] = []
        self.ended = False
        self._begin()

    @property
    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_begin": self._begin_header,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_part_data": lambda data, start, end: self._text.extend(data[start:end]),
            "on_part_end": self._end,
            "on_end": self._end_all,
        }

    def _begin(self) -> None:
        self._said: dict[bytes, bytes] = {}
        self._text = bytearray()
        self._begin_header()

    def _begin_header(self) -> None:
        self._header = bytearray()
        self._value = bytearray()

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, self._said = parse_options_header(bytes(self._value))

    def _end(self) -> None:
        name = self._said.get(b"name", b"")
        if not name:
            raise PayloadError("a part of the form has no name")
        if b"filename" in self._said or not self._text:
            return
        if len(self.fields) == _MOST_FIELDS:
            raise PayloadError(_TOO_MANY)
        for escaped, meant in _ESCAPED:
            name = name.replace(escaped, meant)
        try:
            self.fields.append((name.decode(), self._text.decode()))
        except UnicodeDecodeError as error:
            raise PayloadError("a field of the form is no UTF-8") from error

    def _end_all(self) -> None:
        self.ended = True


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
