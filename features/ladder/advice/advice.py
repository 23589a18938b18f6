"""A piece of advice about a ladder."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Advice"]


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing the method would do otherwise.

    `path` points into the ladder file as in a mistake, `source` names the part of the method
    (a row of the table in docs/ladder.md).
    """

    path: str
    text: str
    source: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text} [{self.source}]"
