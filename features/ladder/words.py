"""Words that the ladder's file, the signals and the decisions share."""

from __future__ import annotations

from typing import Final

__all__ = ["OFFER", "OPEN_OFFER", "RECORD", "REFUSALS", "REPLY", "USEFUL", "Counted"]

OFFER: Final = "offer"
"""The text property that names the offer which an event is about."""
USEFUL: Final = "useful"
"""The text property that names what was sent to a lead that is nurtured, asking for nothing."""
RECORD: Final = "rung_record"
"""The text property that holds the record of a decision, as Rung itself wrote it."""
REPLY: Final = "reply"
"""The commitment to answer what was asked; every ladder has it."""
OPEN_OFFER: Final = "offer"
"""The commitment that an offer without an answer is: it stands for itself for some days."""
REFUSALS: Final = (
    *("no", "n", "denied", "refused", "revoked", "withdrawn", "off", "optout", "optedout"),
    *("unsubscribed", "declined", "rejected", "notgranted", "none"),
)
"""Words that refuse a consent."""


class Counted(float):
    """Formats as a number of things: `{count:step}` is "1 step" or "3 steps"."""

    __slots__ = ()

    def __format__(self, thing: str) -> str:
        value = float(self)
        number = f"{value:.0f}" if value == round(value) else f"{value:.1f}"
        return f"{number} {thing}" + ("" if number == "1" else "s")
