"""Bodies of forms: names and texts, as pages and simple tools send them."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl

from serving.connectors.errors import PayloadError

__all__ = ["FORM", "form_of"]

FORM: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS: Final = 1000
_INNER: Final = re.compile(r"\[([^\[\]]*)\]")
_NAME: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


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
        raise PayloadError(f"a form has up to {_MOST_FIELDS:,} fields") from error
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
