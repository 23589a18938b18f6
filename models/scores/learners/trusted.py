"""Names of types that whoever loads a bundle trusts; light, for settings are read with it."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["trusted_names"]

_NAME: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


def trusted_names(text: str) -> tuple[str, ...]:
    """The types of a list such as "mine.Scorer, mine.Scaler", sorted, each once.

    Raises
    ------
    ValueError : one that is no name of a type in a module.
    """
    names = {name.strip() for name in text.split(",")} - {""}
    for name in sorted(names):
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no type; write its module and name: mymodule.MyClass")
    return tuple(sorted(names))
