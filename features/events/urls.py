"""Contact data in addresses of pages: found by parameter, and taken out without the rest.

A form that sends by GET leaves what was typed in the address of the next page, and the page's own
analytics send that address on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_plus, urlsplit, urlunsplit

from features.events.personal_data import (
    PropertyPath,
    means_contact,
    tells_contact,
    tells_nothing,
)

__all__ = ["surely_without_contact", "without_contact", "without_parameters"]

_REDACTED: Final = "redacted"

_ADDRESS: Final = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//|[/?#]")
_PARAMETER: Final = re.compile(r"(?<![^&;])([^=&;]*+)=([^&;]*)")
"""Sought where one can begin: from each letter on, a long text that has none takes seconds."""
_QUERY: Final = re.compile(r"[^\s=&?#]+=[^\s&]*(?:&[^\s&]*)*")
"""Parameters alone, as pages have them in `location.search`, without the question mark."""
_PLAIN: Final = re.compile(r"[^?#&;=]*+\?([^?#&;=]++)=[^?#&;=]*+(?:&([^?#&;=]++)=[^?#&;=]*+)*+")
"""An address with parameters and nothing odd about it."""
_NAMES: Final = re.compile(r"[?&]([^=]+)=")
_DEEPEST: Final = 3
"""Addresses within the parameters of addresses, such as where to go after a form."""


def surely_without_contact(text: str) -> bool:
    """Whether a text surely holds no contact data, be it the address of a page or not.

    It is a quick look; of any other text `without_contact` and `tells_contact` know.
    """
    if tells_nothing(text):
        return True
    # Nothing but its parameters may tell, and of them, as no value does, their names alone.
    if not tells_nothing(text.replace("=", " ")) or _PLAIN.fullmatch(text) is None:
        return False
    return not _mean_contact(tuple(_NAMES.findall(text)))


@lru_cache(maxsize=4096)
def _mean_contact(names: tuple[str, ...]) -> bool:
    return any(means_contact(unquote_plus(name)) for name in names)


def without_contact(
    properties: Mapping[str, object],
) -> tuple[dict[str, object], list[PropertyPath]]:
    """Properties with contact data taken out of addresses of pages, at any depth, and where."""
    places: list[PropertyPath] = []
    found = {name: _cleaned(value, (name,), places) for name, value in properties.items()}
    return found, places


def _cleaned(value: object, place: PropertyPath, places: list[PropertyPath]) -> object:
    if isinstance(value, str):
        cleaned = _address(value)
        if cleaned != value:
            places.append(place)
        return cleaned
    if isinstance(value, dict):
        return {name: _cleaned(one, (*place, name), places) for name, one in value.items()}
    if isinstance(value, list):
        return [_cleaned(one, (*place, str(at)), places) for at, one in enumerate(value)]
    return value


def _address(text: str) -> str:
    """An address without contact data; a text that is none as it is."""
    if not ("=" in text or tells_contact(text)) or not _ADDRESS.match(text):
        return text
    try:
        scheme, host, path, query, fragment = urlsplit(text)
    except ValueError:  # such as a broken IPv6 host: nobody's page
        return text
    parts = (
        scheme,
        host.rpartition("@")[2],
        "/".join(_REDACTED if tells_contact(part) else part for part in path.split("/")),
        _parameters(query),
        _parameters(fragment),
    )
    return urlunsplit(parts) if parts != (scheme, host, path, query, fragment) else text


def _is_personal(name: str, value: str) -> bool:
    if not value:
        return False
    name = name.rpartition("#")[2]
    return means_contact(unquote_plus(name)) or _tells(name) or _tells(value)


def _tells(text: str) -> bool:
    """Whether a part of a query tells how to reach somebody, its pluses being blanks or not."""
    read = (text, unquote_plus(text), f"+{unquote_plus(text[1:])}" if text[:1] == "+" else "")
    return any(map(tells_contact, filter(None, read)))


def _parameters(text: str) -> str:
    """Parameters, or any other text after the path, with what is personal replaced."""
    if "=" not in text:
        return _REDACTED if tells_contact(text) else text

    def parameter(found: re.Match[str]) -> str:
        name, value = found.groups()
        if not _is_personal(name, value):
            return found[0]
        shown = _REDACTED if _tells(name) else name
        return f"{shown}={_REDACTED}"

    cleaned = _PARAMETER.sub(parameter, text)
    return "&".join(
        _REDACTED if "=" not in one and tells_contact(one) else one for one in cleaned.split("&")
    )


def without_parameters(text: str, is_meant: Callable[[str], bool], depth: int = 0) -> str:
    """An address without the values of the parameters of some names; any other text as it is.

    Parameters
    ----------
    is_meant : whether the name of a parameter, as a person would read it, is one of them.
    """
    if "=" not in text or depth > _DEEPEST:
        return text
    if not (_ADDRESS.match(text) or _QUERY.fullmatch(text)):
        return text

    def parameter(found: re.Match[str]) -> str:
        name, value = found.groups()
        read = unquote_plus(value)
        # What stands before the first name is the page, or the address before its query.
        is_out = is_meant(re.split(r"[?#]", unquote_plus(name))[-1])
        if not is_out and without_parameters(read, is_meant, depth + 1) == read:
            return found[0]
        return f"{name}={_REDACTED}"

    return _PARAMETER.sub(parameter, text)
