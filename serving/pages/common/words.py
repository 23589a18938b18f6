"""How the pages say things: chances, points, ages, names. Words that a salesperson would use."""

from __future__ import annotations

import re
import unicodedata
from functools import partial
from typing import Final

from features.clock import when
from features.events.log import DAY_US
from features.events.properties import as_text
from models.judging.rounding import ends_told
from serving.scoring.answers import QueueItem, ReasonAnswer
from serving.scoring.suggestion import chance

__all__ = [
    "BANDS",
    "DAY",
    "age",
    "ago",
    "beside_usual",
    "between",
    "brief",
    "chance",
    "change",
    "changes",
    "count",
    "day",
    "hours",
    "initials",
    "is_seen",
    "learned_from",
    "likely",
    "measured",
    "number",
    "plain",
    "plain_lines",
    "points",
    "sentence",
    "shown",
    "telling",
    "titled",
]

DAY: Final = DAY_US
"""A day in microseconds."""
_SPACE: Final = "\u00a0"
_CONTROLS: Final = (
    *((0x00, 0x20), (0x7F, 0xA0), (0x61C, 0x61D), (0x200B, 0x200C), (0x200E, 0x2010)),
    *((0x202A, 0x202F), (0x2060, 0x2061), (0x2066, 0x206A), (0xFEFF, 0xFF00)),
)
_TURNING: Final = {code: " " for first, end in _CONTROLS for code in range(first, end)}
"""Controls of direction, of joining, and of terminals, by code point."""
_BRIEF: Final = 80
_LONGEST: Final = 90
_VAST: Final = 1e15
_TINY: Final = 0.01
_BLANKS: Final = "\u115f\u1160\u2800\u3164\uffa0"
"""What Unicode has for letters and signs, and draws as nothing."""
_NAMES: Final = frozenset(
    {"code", "fax", "founded", "id", "mobile", "number", "phone", "postcode", "since", "telephone"}
    | {"timestamp", "year", "zip"}
)
"""Words in the name of a property whose number counts nothing: a year is no 2,026."""
_NESTED: Final = (list, tuple, dict)
_ALIKE: Final = 0.03
"""Chances that differ by less are alike."""
_WORTH: Final = 0.02
"""A reason that adds less is not worth saying."""


BANDS: Final = {
    "high": "High for the step",
    "medium": "Medium for the step",
    "low": "Low for the step",
}
"""Of thresholds that may lie anywhere in the step's band, or beside it."""


def sentence(text: str) -> str:
    """A text with a capital first letter."""
    return text[:1].upper() + text[1:]


def telling(item: QueueItem) -> list[ReasonAnswer]:
    """The reasons to say aloud, at most two: those whose sign is that of the chance's difference.

    Above what is usual of those who stand at the step it is what speaks for the lead, below it what
    speaks against; of a chance that is much like the usual one there is nothing to say.
    """
    usual, chance_of_it = _usual(item), item["probability"]
    if usual is None or chance_of_it is None:
        return []
    apart = chance_of_it - usual
    if abs(apart) < _ALIKE:
        return []
    told = [one for one in item["reasons"] if one["signal"] != "other"]
    return [one for one in told if one["points"] * apart > 0 and abs(one["points"]) >= _WORTH][:2]


def beside_usual(item: QueueItem) -> str:
    """How a chance lies beside that of those who stand at the step; "" where that is not known."""
    usual, chance_of_it = _usual(item), item["probability"]
    if usual is None or chance_of_it is None:
        return ""
    apart = chance_of_it - usual
    if abs(apart) < _ALIKE:
        return "As likely as the average at this step"
    return f"{'Above' if apart > 0 else 'Below'} the average at this step, {chance(usual)}"


def _usual(item: QueueItem) -> float | None:
    return item["base"] if item["usual"] is None else item["usual"]


def likely(low: float, high: float) -> str:
    """An interval in words: "likely 36 to 48"."""
    start, end = f"{100.0 * low:.0f}", f"{100.0 * high:.0f}"
    return f"likely {start} to {end}" if start != end else f"likely about {start}"


def between(low: float, high: float) -> str:
    """An interval as it stands beside a chance: "(36–48)"; "" where both ends are said alike."""
    start, end = f"{100.0 * low:.0f}", f"{100.0 * high:.0f}"
    return f"({start}–{end})" if start != end else ""


def count(number: float) -> str:
    """A whole number with thousands separators: "12,345"."""
    return f"{number:,.0f}"


def number(value: float) -> str:
    """A number of which nothing is known but its name: "12,345", "48,250.75", "0.0042"."""
    if not abs(value) < _VAST:  # nor is what is no number
        return f"{value:.4g}" if isinstance(value, float) else str(value)
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.2f}".rstrip("0").rstrip(".") if abs(value) >= _TINY else f"{value:.2g}"


def is_seen(text: str) -> bool:
    """Whether a text has anything that can be seen; a mark that hides or turns letters is none."""
    return any(unicodedata.category(one)[0] in "LNPS" and one not in _BLANKS for one in plain(text))


def plain(text: object) -> str:
    """The text of a stranger without the marks that turn the reading direction or hide letters."""
    return str(text).translate(_TURNING)


def brief(text: str) -> str:
    """A sentence that fits into a row; what is cut off is said to be."""
    return text if len(text) <= _BRIEF else f"{text[: _BRIEF - 1].rstrip()}…"


def plain_lines(text: object) -> str:
    """As `plain`, of a text whose lines stay lines."""
    return "\n".join(plain(line).rstrip() for line in str(text or "").splitlines())


def points(share: float) -> str:
    """What a reason adds, in percentage points: "+6.1", "−2.0"."""
    text = f"{abs(100.0 * share):.1f}"
    return text if text == "0.0" else f"{'+' if share > 0 else '−'}{text}"


def change(share: float, of: int = 100) -> str:
    """A difference of so many leads in whole ones: "+7", "−2", "0"."""
    text = f"{abs(of * share):,.0f}"
    return text if text == "0" else f"{'+' if share > 0 else '−'}{text}"


def changes(low: float, high: float, of: int = 100) -> str:
    """The range of a difference: "−2 to +9"; "just above 0 to +9" where it surely is one."""
    return " to ".join(ends_told(low, high, partial(change, of=of)))


def learned_from(evidence: str, leads: int) -> str:
    """What the model learned an offer's effect from: "learned from 214 leads given it by lot".

    These are leads that the offer reached, until the model was trained. An experiment counts
    others: each lead once, by its first lot, whether it was asked or left alone.

    Parameters
    ----------
    evidence : "randomised", "observational" or "prior", as a model has it.
    """
    given = f"{count(leads)} {'lead' if leads == 1 else 'leads'} given it"
    how = {"randomised": " by lot", "observational": ", not by lot"}.get(evidence)
    if how is not None and leads:
        return f"learned from {given}{how}"
    return f"not known yet ({given} so far)" if leads else "not known yet"


def age(moment: int, now: int) -> str:
    """How long something lasts: "2 hours", "a moment"."""
    told = ago(moment, now)
    return "a moment" if told == "just now" else told.removesuffix(" ago")


def hours(minutes: float) -> str:
    """Minutes as one says them: "45 min", "9 h 30"."""
    whole = round(minutes)
    if whole < 60:
        return f"{whole}{_SPACE}min"
    rest = f"{_SPACE}{whole % 60:02}" if whole % 60 and whole < 6000 else ""
    return f"{whole // 60:,}{_SPACE}h{rest}"


def ago(moment: int | None, now: int) -> str:
    """An age: "2 days ago", "just now", "never"."""
    if moment is None:
        return "never"
    minutes = max(0, now - moment) // 60_000_000
    for size, unit in ((60 * 24 * 365, "year"), (60 * 24, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            count = minutes // size
            return f"{count} {unit}{'s' if count != 1 else ''} ago"
    return "just now"


def day(moment: int, now: int) -> str:
    """The day of an instant, UTC: "Today", "Yesterday", "Monday, 2 March 2026"."""
    distance = now // DAY_US - moment // DAY_US
    if distance in (0, 1):
        return "Yesterday" if distance else "Today"
    date = when(moment)
    return f"{date:%A}, {date.day} {date:%B %Y}"


def titled(name: str) -> str:
    """The name of an event or a property as words: "video_progress" is "Video progress"."""
    words = name.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:] or name


def shown(value: object) -> str:
    """The value of a property as a short text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and not value.is_integer():
        return number(value)
    if isinstance(value, list | tuple) and not any(isinstance(one, _NESTED) for one in value):
        value = ", ".join(map(shown, value)) or "none"
    text = plain(as_text(value) or "")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def measured(name: str, value: object) -> tuple[str, str]:
    """A property and its value in words: a `watched_fraction` of .81 is "Watched", "81 %"."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and "fraction" in name and 0.0 <= float(str(value)) <= 1.0:
        share = name.replace("fraction", "").strip("_- ") or "share"
        return titled(share), f"{100.0 * float(str(value)):.0f}{_SPACE}%"
    if isinstance(value, int | float) and is_number and _NAMES.isdisjoint(_parts(name)):
        return titled(name), number(value)
    return titled(name), shown(value)


def _parts(name: str) -> list[str]:
    """The words that the name of a property is made of: "zipCode" is zip and code."""
    return re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", titled(name)).lower().split()


def initials(title: str) -> str:
    """One or two letters for the lead's badge."""
    letters = [word[0] for word in title.split() if word[0].isalnum()]
    chosen = letters[:1] + letters[-1:] if len(letters) > 1 else letters[:1]
    return "".join(chosen).upper() or "?"
