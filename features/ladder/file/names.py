"""Ids of a ladder file: how they are written, and that none stands twice."""

from __future__ import annotations

import re
from collections.abc import Sequence

from features.toml_table import Found, Table

__all__ = ["ID", "PURCHASE", "check_unique", "read_id"]

PURCHASE = "purchase"
ID = re.compile(r"[a-z][a-z0-9_-]*")


def read_id(table: Table, key: str = "id") -> str:
    """An id, or another name that is written like one; "" where it is missing."""
    name = table.text(key)
    if name and not ID.fullmatch(name):
        table.wrong(
            key,
            f"cannot be {name!r}",
            "a lower-case letter, then lower-case letters, digits, - or _",
        )
    return name


def check_unique(found: Found, kind: str, ids: Sequence[str], key: str = "id") -> None:
    """Refuse a second one of the same id."""
    seen: dict[str, int] = {}
    for index, name in enumerate(ids):
        first = seen.setdefault(name, index)
        if name and first < index:
            problem = f"{name!r} is already the {key} of {kind}[{first}]"
            found.wrong(f"{kind}[{index}].{key}", problem)
