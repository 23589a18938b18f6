"""Paths into JSON such as `data.items[0].id`: names with dots between them, places in brackets."""

from __future__ import annotations

import re

__all__ = ["JsonPath", "parse_path", "value_at"]

JsonPath = tuple[str | int, ...]
"""Names of members and places in lists, from the outside in; empty for the whole."""

_PATH = re.compile(r"(?:[^.\[\]]+|\[[0-9]{1,4}\])(?:\.[^.\[\]]+|\[[0-9]{1,4}\])*")
_PART = re.compile(r"([^.\[\]]+)|\[([0-9]+)\]")


def parse_path(text: str) -> JsonPath | None:
    """The parts of a path; None where the text is none. Names that hold dots cannot be written."""
    if not text:
        return ()
    if not _PATH.fullmatch(text):
        return None
    return tuple(name or int(place) for name, place in _PART.findall(text))


def value_at(value: object, path: JsonPath) -> object:
    """What a path leads to; None where it leads nowhere."""
    for part in path:
        if isinstance(part, int):
            value = value[part] if isinstance(value, list) and part < len(value) else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value
