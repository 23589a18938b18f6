"""Words that the ladder's file, the signals and the decisions share."""

from __future__ import annotations

from typing import Final

__all__ = ["OFFER", "RECORD", "Counted"]

OFFER: Final = "offer"
"""The text property that names the offer which an event is about."""
RECORD: Final = "rung_record"
"""The text property that holds the record of a decision, as Rung itself wrote it."""


class Counted(float):
    """Formats as a number of things: `{count:step}` is "1 step" or "3 steps"."""

    __slots__ = ()

    def __format__(self, thing: str) -> str:
        value = float(self)
        number = f"{value:.0f}" if value == round(value) else f"{value:.1f}"
        return f"{number} {thing}" + ("" if number == "1" else "s")
