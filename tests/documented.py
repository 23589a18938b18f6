"""What docs/json.md says of the JSON that verbs print, to hold what they print to it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

PAGE = Path(__file__).resolve().parent.parent / "docs" / "json.md"
OTHER = ({"copied"}, {"funnel", "causes"})
"""Members of values that the page names beneath the table."""
ALWAYS_JSON = ("rung lead export", "rung experiment show")
"""Verbs that print it without being asked for it."""


class Promise(NamedTuple):
    """A row of the page: the shape of the value, members that it always has, and sometimes."""

    shape: str
    always: frozenset[str]
    sometimes: frozenset[str]


@cache
def promises() -> Mapping[str, Promise]:
    """The row of each verb, such as "rung policy evaluate"."""
    found: dict[str, Promise] = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("| `rung "):
            verbs, shape, always, sometimes = line.strip("| ").split(" | ")
            row = Promise(shape, _members(always), _members(sometimes))
            found |= dict.fromkeys(re.findall(r"`(rung [^`]+)`", verbs), row)
    return found


def _members(cell: str) -> frozenset[str]:
    return frozenset(re.findall(r"`([a-z_]+)`", cell))


def undocumented(words: Sequence[str], value: Any) -> str:
    """What the page does not say of a value that a call printed; "" where it is as it says.

    Parameters
    ----------
    words : those of the call after `rung`.
    """
    verb = next(
        name for name in (" ".join(["rung", *words[:2]]), f"rung {words[0]}") if name in promises()
    )
    if "--json" not in words and verb not in ALWAYS_JSON:
        return ""  # it is no answer, but a table to be edited
    promise = promises()[verb]
    if isinstance(value, dict) and set(value) in OTHER:
        return ""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return "" if "--list" in words or not value else f"{verb}: a list of texts"
    if isinstance(value, list) != (promise.shape == "list"):
        return f"{verb}: {type(value).__name__} in place of {promise.shape}"
    held = value if promise.shape == "list" else [value]
    for one in value.values() if promise.shape == "object by policy" else held:
        missing = promise.always - set(one)
        unknown = set(one) - promise.always - promise.sometimes
        if missing or unknown:
            return f"{verb}: not there {sorted(missing)}, not in the docs {sorted(unknown)}"
    return ""
