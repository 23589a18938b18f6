"""What a log tells of leads and offers: traits by their values, offers by what came after them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from features.arrays import Ints
from features.ladder.ladder import EventNames
from features.ladder.words import OFFER, RECORD
from training.drafting.timeline import Timeline

__all__ = ["SeenOffer", "SeenTrait", "seen_offers", "seen_traits"]

_PERSONAL: Final = re.compile(
    r"(?i)(.*_)?(name|first|last|mail|email|e_mail|phone|mobile|address|street|zip|postcode|url|"
    r"linkedin|website|birthday|ip)(_.*)?|\$.*"
)
_KINDS: Final = 50
"""Values of a trait, at most, for it to be a category."""
_FEWEST: Final = 0.02
"""The share of leads that must have a trait."""
_MOST: Final = 30


@dataclass(frozen=True, slots=True)
class SeenTrait:
    """A trait with what it was like."""

    id: str
    is_number: bool
    leads: int
    kinds: int


@dataclass(frozen=True, slots=True)
class SeenOffer:
    """An offer with how often it was extended, and the place of the step that it led to most."""

    id: str
    times: int
    step: int


def seen_traits(timeline: Timeline, names: EventNames) -> tuple[list[SeenTrait], list[str]]:
    """The traits that tell leads apart, and the properties left out as they name people.

    What Rung itself writes into an event is neither.
    """
    rows = timeline.rows(names.traits)
    told: dict[str, dict[int, Any]] = {}
    for row, properties in zip(rows.tolist(), timeline.properties(names.traits), strict=False):
        for name, value in properties.items():
            if isinstance(value, str | int | float) and name not in (OFFER, RECORD):
                told.setdefault(name, {})[int(timeline.lead[row])] = value
    personal = sorted(name for name in told if _PERSONAL.fullmatch(name))
    found = [
        _seen(name, list(of.values()))
        for name, of in sorted(told.items())
        if name not in personal and len(of) >= _FEWEST * timeline.leads
    ]
    telling = [one for one in found if one.is_number or 2 <= one.kinds <= _KINDS]
    return telling[:_MOST], personal


def _seen(name: str, values: list[Any]) -> SeenTrait:
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    return SeenTrait(name, numbers, len(values), len({str(value) for value in values}))


def seen_offers(timeline: Timeline, names: EventNames, steps: Sequence[Ints]) -> list[SeenOffer]:
    """The offers that were extended, each with the step that was most often completed next.

    Parameters
    ----------
    steps : when each lead completed each step, and last the final action; shape (leads,) each.
    """
    rows = timeline.rows(names.offer_extended)
    led: dict[str, Counter[int]] = {}
    times: Counter[str] = Counter()
    for row, properties in zip(
        rows.tolist(), timeline.properties(names.offer_extended), strict=False
    ):
        offer = properties.get(OFFER)
        if isinstance(offer, str) and offer:
            times[offer] += 1
            at = _next(steps, int(timeline.lead[row]), int(timeline.occurred_at[row]))
            led.setdefault(offer, Counter())[at] += 1
    return [
        SeenOffer(offer, count, max(sorted(led[offer]), key=lambda at: led[offer][at]))
        for offer, count in sorted(times.items())
    ]


def _next(steps: Sequence[Ints], lead: int, at: int) -> int:
    """The place of the step above the last one that a lead had completed by an instant."""
    done = [place for place, first in enumerate(steps, 1) if first[lead] <= at]
    return min(max(done, default=0), len(steps) - 1)
