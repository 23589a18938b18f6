"""Words that the ladder's file, the signals and the decisions share."""

from __future__ import annotations

from typing import Final

__all__ = [
    "AGAINST_ENDINGS",
    "OFFER",
    "OPEN_OFFER",
    "RECORD",
    "REFUSALS",
    "REPLY",
    "USEFUL",
    "Counted",
    "digits",
    "in_percent",
    "of_money",
    "one_line",
    "things",
    "visible",
    "worth_of",
]

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
AGAINST_ENDINGS: Final = (
    "_declined",
    "_failed",
    "_abandoned",
    "_bounced",
    "_cancelled",
    "_unsubscribed",
    "_complained",
    "no_show",
)
"""Whatever an event is about: a name that ends so speaks against."""


_DIGITS: Final = 6
"""Of a number that is not whole; a whole one is said to the last."""


_MANY: Final = {"person": "people"}
"""Several of what is called by another word then."""


def things(number: float, thing: str) -> str:
    """A number of things: "1 day", "2.5 days", "1,500 minutes", "2 people"."""
    said = digits(number)
    return f"{said} {thing}" if said == "1" else f"{said} {_MANY.get(thing, f'{thing}s')}"


def worth_of(effort: float) -> str:
    """An effort, to a tenth: "1 minute's worth of effort", "20 minutes' worth of effort"."""
    told = things(round(effort, 1) if effort >= 1.0 else effort, "minute")
    return f"{told}'s worth of effort" if told == "1 minute" else f"{told}' worth of effort"


def digits(number: float) -> str:
    """A number as sentences have it: "1", "2.5", "1,500"."""
    is_whole = number % 1 == 0 or abs(number) >= 10 ** (_DIGITS - 1)
    return f"{number:,.0f}" if is_whole else f"{number:,.{_DIGITS}g}"


def of_money(amount: float, currency: str) -> str:
    """A sum as people read it: "2,000 EUR", "49.90 EUR"; what is less than a cent to the last."""
    cents = f"{amount:,.2f}"
    is_exact = float(cents.replace(",", "")) == amount
    return f"{cents.removesuffix('.00') if is_exact else digits(amount)} {currency}"


def in_percent(share: float, places: int = 0, sign: str = "") -> str:
    """A share in [0, 1] as people read it, a space before the sign: "63 %", "12.3 %".

    With `sign="+"` a gain has its sign as well: "+20.0 %".
    """
    return f"{share:{sign}.{places}%}".replace("%", " %")


_UNSEEN: Final = {
    code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
    for first, end in (
        *((0x00, 0x09), (0x0B, 0x20), (0x7F, 0xA0), (0x61C, 0x61D), (0x200E, 0x2010)),
        *((0x2028, 0x202F), (0x2066, 0x206A)),
    )
    for code in range(first, end)
}
"""What turns or clears a terminal, or the order of its letters; tabs and ends of lines do not."""


def visible(text: str) -> str:
    """A text for a terminal: controls, which may come with the words of others, are spelt out."""
    return text.translate(_UNSEEN)


def one_line(text: str) -> str:
    """As `visible`, for a cell of a table or a line of a list: its ends of lines are spelt out."""
    return visible(text).translate({0x09: "\\t", 0x0A: "\\n"})


class Counted(float):
    """Formats as a number of things: `{count:step}` is "1 step", "3 steps" or "2.5 steps"."""

    __slots__ = ()

    def __format__(self, thing: str) -> str:
        return things(round(float(self), 1), thing)
