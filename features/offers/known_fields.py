"""Which fields of a lead's profile an event makes known, so that nobody asks for them again.

They come with the ladder's traits event, and with forms: the events whose names say so, and those
that hold what no other event does, how to reach the lead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from math import isfinite
from typing import Final

from features.ladder.field_names import CONTACT_FIELDS, field_key

__all__ = ["fields_of_form", "fields_of_traits"]

_FORM_WORDS: Final = frozenset(
    {"form", "forms", "submitted", "submission", "filled", "signup", "survey", "onboarding"}
)
_SIGN_UP_WORDS: Final = frozenset(
    {"registered", "registration", "requested", "request", "subscribed", "booked"}
)
_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_WRAPPERS: Final = frozenset(
    {
        *("fields", "form", "data", "answers", "values", "traits", "properties", "contact"),
        *("lead", "user", "person", "profile", "submission", "customer"),
    }
)
"""Objects that say nothing of what they hold: a form's `fields`."""
_LABELS: Final = ("name", "field", "label", "key", "id", "question")
_ANSWERS: Final = ("value", "answer", "text", "response")
_DEEPEST: Final = 3
_LONGEST: Final = 200
"""Longer names are no field's, and not worth remembering."""

_Properties = Mapping[str, object]


def fields_of_traits(properties: _Properties) -> set[str]:
    """The keys of all fields that have a value, as `field_key` has them."""
    found: set[str] = set()
    for key, value in _fields(properties, "", _DEEPEST):
        if _is_something(value):
            found.add(key)
            found |= _implied(key, value)
    return found


def fields_of_form(name: str, properties: _Properties) -> set[str]:
    """The same of an event of any name; nothing where it is no form.

    A `name` may be that of a page, a campaign or a webinar. It is the lead's in what is called a
    form, and where somebody signs up and says how to be reached.
    """
    is_form, signs_up = _kind_of(name)
    if is_form:
        return fields_of_traits(properties)
    for key in properties:  # nearly all events end here, on the request path
        if len(key) <= _LONGEST and _is_contact(key):
            break
    else:
        return fields_of_traits(_nameless(properties)) if signs_up else set()
    reached = any(
        _is_something(value)
        for key, value in properties.items()
        if field_key(key) in CONTACT_FIELDS
    )
    if signs_up and reached:
        return fields_of_traits(properties)
    return fields_of_traits(_nameless(properties)) if signs_up or reached else set()


def _nameless(properties: _Properties) -> _Properties:
    return {key: value for key, value in properties.items() if field_key(key) != "name"}


@lru_cache(maxsize=4096)
def _kind_of(name: str) -> tuple[bool, bool]:
    """Whether the name of an event says that it is a form, and that somebody signs up."""
    words = {word.lower() for word in _WORDS.findall(name)}
    return bool(words & _FORM_WORDS), bool(words & _SIGN_UP_WORDS)


@lru_cache(maxsize=4096)
def _is_contact(key: str) -> bool:
    return field_key(key) in CONTACT_FIELDS


def _fields(properties: _Properties, above: str, levels: int) -> Iterator[tuple[str, object]]:
    """Each field's key with its value, `company.size` by the names of both."""
    for name, value in properties.items():
        key = field_key(f"{above} {name}" if above else name)
        if key:
            yield key, value
        if above and field_key(name) not in ("", "name"):
            yield field_key(name), value
        if levels and isinstance(value, dict):
            inner = "" if not above and field_key(name) in _WRAPPERS else name
            yield from _fields(value, inner, levels - 1)
        elif levels and isinstance(value, list):
            yield from _answered(value)


def _answered(values: list[object]) -> Iterator[tuple[str, object]]:
    """The fields of a list such as [{"name": "email", "value": "..."}]."""
    for one in values:
        if not isinstance(one, dict):
            continue
        label = next((one[key] for key in _LABELS if isinstance(one.get(key), str)), "")
        if key := field_key(str(label)):
            yield from ((key, one[answer]) for answer in _ANSWERS if answer in one)


def _implied(key: str, value: object) -> set[str]:
    """What a name tells beside itself: whoever gave a first name is not asked for the name."""
    if key in ("firstname", "lastname"):
        return {"name"}
    if key == "name":
        is_whole = isinstance(value, str) and len(value.split()) > 1
        return {"firstname", "lastname"} if is_whole else {"firstname"}
    return set()


def _is_something(value: object) -> bool:
    """Whether a field with this value is known. 0 and false are values."""
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, str):
        return bool(value.strip())
    return bool(value) if isinstance(value, list | tuple | dict) else value is not None
