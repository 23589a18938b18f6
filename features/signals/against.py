"""Signals of what speaks against a lead: refusals, bounces, withdrawals, failures, complaints."""

from __future__ import annotations

from features.ladder.activity import activity_of
from features.ladder.ladder import EventRule, Ladder
from features.signals.signal import Op, Signal, literal, words

__all__ = ["against_signals"]

_HALF_LIFE_DAYS = 30.0


def against_signals(ladder: Ladder) -> tuple[Signal, ...]:
    """How much spoke against a lead lately, by what it was, and in all.

    Counts that fade, and no ages: "a refusal today" must not read as "a refusal long ago", and a
    lead without one has no age at all.
    """
    rules = activity_of(ladder).against
    by_name: dict[str, list[EventRule]] = {}
    for rule in rules:
        by_name.setdefault(rule.event, []).append(rule)

    def row(what: str, of: tuple[EventRule, ...], says: str, never: str) -> Signal:
        return Signal(
            f"against.{what}",
            "against",
            Op.DECAYED_COUNT,
            says,
            never,
            of=of,
            half_life_days=_HALF_LIFE_DAYS,
            is_against=True,
        )

    rows = []
    for name, of in by_name.items():
        says, never = _refusal(name)
        rows.append(row(name.strip("*_"), tuple(of), says, never))
    if len(rows) > 1:
        says, never = (
            "something speaks against this lead lately",
            "nothing speaks against this lead lately",
        )
        rows.insert(0, row("recent", rules, says, never))
    return tuple(rows)


def _refusal(name: str) -> tuple[str, str]:
    """What it says to a salesperson that such events came lately, and that none did."""
    event = literal(words(name.strip("*_")))
    if name.startswith("*"):
        told = _ENDINGS.get(name.removeprefix("*"))
        return told or (f"lately: something {event}", f"nothing {event} lately")
    return f"lately: {event}", f"no {event} lately"


_ENDINGS = {
    "_declined": ("turned something down lately", "has turned nothing down lately"),
    "_failed": ("something failed for this lead lately", "nothing failed for this lead lately"),
    "_abandoned": ("began something and left it lately", "has left nothing unfinished lately"),
    "_bounced": ("a visit or a mail bounced lately", "nothing bounced lately"),
    "_cancelled": ("called something off lately", "has called nothing off lately"),
    "_unsubscribed": ("unsubscribed from something lately", "has not unsubscribed lately"),
    "_complained": ("complained lately", "has not complained lately"),
    "no_show": ("booked and did not come lately", "has missed nothing that was booked lately"),
}
"""What the endings of `features.ladder.activity` say."""
