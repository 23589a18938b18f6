"""What is chosen on the page: whose way is looked at, and by which weeks; it is in the address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Final, Literal
from urllib.parse import urlencode

import numpy as np

from features.clock import microseconds
from features.events.log import DAY_US
from features.funnel.stays import Stays
from models.judging.funnel.selection import (
    Every,
    Selection,
    cohort_of,
    cohort_starts,
    most_had,
)
from serving.pages.common import words

__all__ = [
    "WITHIN",
    "LadderChoice",
    "TraitChoice",
    "Within",
    "cohort_name",
    "day_of",
    "trait_choices",
    "value_of",
]

Within = Literal["30", "90", "365", "all"]
WITHIN: Final[Mapping[Within, str]] = {
    "30": "30 days",
    "90": "90 days",
    "365": "365 days",
    "all": "All time",
}
_MOST_VALUES: Final = 20
_UNKNOWN: Final = "not known"


@dataclass(frozen=True, slots=True)
class LadderChoice:
    """What is looked at.

    Parameters
    ----------
    within : who came to a step in the last so many days.
    only : of whom this was known when they came, trait by trait; None: was not known.
    every : by what entry is told; None: as it suits `within`.
    is_beside : whether the stretch before is shown as well.
    since : the day on which a week or a month begins: who came in it.
    """

    within: Within = "365"
    only: Mapping[str, str | None] = field(default_factory=dict)
    every: Every | None = None
    is_beside: bool = True
    since: date | None = None

    @property
    def by(self) -> Every:
        """What the cohorts are."""
        return self.every or ("week" if self.within in ("30", "90") else "month")

    @property
    def has_before(self) -> bool:
        """Whether there is a stretch before the one that is chosen."""
        return self.within != "all"

    def selection(self, stays: Stays) -> Selection:
        """The stays that are counted: days go back from when they were, not from now."""
        first, last = None, None
        if self.within != "all":
            first = stays.counted_until + 1 - int(self.within) * DAY_US
        if self.since:
            began, last = _cohort(self.since, self.by)
            first = began if first is None else max(first, began)
        return Selection(first, last, dict(self.only))

    def address(self, page: str = "/ladder", **more: str | int | None) -> str:
        """Where this is shown, as short as can be; `more` that is None is left out."""
        plain = LadderChoice()
        told: list[tuple[str, str | int]] = []
        if self.within != plain.within:
            told.append(("within", self.within))
        told += [("only", f"{trait}:{value or ''}") for trait, value in self.only.items()]
        if self.every is not None:
            told.append(("every", self.every))
        if not self.is_beside:
            told.append(("beside", "no"))
        if self.since:
            told.append(("since", self.since.isoformat()))
        told += [(key, value) for key, value in more.items() if value is not None]
        return f"{page}?{urlencode(told)}" if told else page

    def leads(self, step: str, state: str | None = None, **more: str | int | None) -> str:
        """Where the leads of a number are named."""
        return self.address("/ladder/leads", step=step, state=state, **more)

    def within_address(self, within: Within) -> str:
        """The page of another stretch."""
        return replace(self, within=within).address()

    def by_address(self, every: Every) -> str:
        """The page by weeks, or by months."""
        return replace(self, every=every).address()

    def beside_address(self) -> str:
        """The page with the stretch before, or without it."""
        return replace(self, is_beside=not self.is_beside).address()

    def of(self, trait: str, value: str | None) -> LadderChoice:
        """The same of some leads alone."""
        return replace(self, only={**self.only, trait: value})

    def of_all(self, trait: str) -> LadderChoice:
        """The same whatever was known of a trait."""
        return replace(self, only={key: one for key, one in self.only.items() if key != trait})

    def in_cohort(self, since: str) -> LadderChoice:
        """The same of who came in a week or a month, by the instant at which it begins."""
        return replace(self, since=date.fromisoformat(since[:10]), every=self.by)

    @property
    def when(self) -> str:
        """When they came, in words: "in the last 90 days"."""
        if self.since:
            return f"in {cohort_name(self.since, self.by)}"
        return "at any time" if self.within == "all" else f"in the last {self.within} days"

    @property
    def span(self) -> str:
        """The stretch that is chosen and the one before, in words: "90 days"."""
        return f"{self.within} days"


def _cohort(since: date, by: Every) -> tuple[int, int]:
    """When the week or the month of a day begins, and when the next; in microseconds."""
    midnight = microseconds(datetime(since.year, since.month, since.day, tzinfo=UTC))
    number = cohort_of(np.array([midnight]), by)
    return int(cohort_starts(number, by)[0]), int(cohort_starts(number + 1, by)[0])


def day_of(day: str | date) -> str:
    """A day, or the one of an RFC 3339 instant: "2 Nov 2026"."""
    if isinstance(day, str):
        day = date.fromisoformat(day[:10])
    return f"{day.day} {day:%b %Y}"


def cohort_name(since: str | date, by: Every) -> str:
    """A week or a month by the day on which it begins: "Nov 2026", "the week from 2 Nov 2026"."""
    told = day_of(since)
    return told.partition(" ")[2] if by == "month" else f"the week from {told}"


def value_of(value: str | None) -> str:
    """The value of a trait as a page shows it."""
    return _UNKNOWN if value is None else words.shown(value)


# ------------------------------------------------------------------------------- what can be chosen


@dataclass(frozen=True, slots=True)
class TraitChoice:
    """A trait by which leads are told apart.

    Parameters
    ----------
    options : what the address says, what is shown, whether it is chosen.
    chosen : the value that is, as it is shown; "" for none.
    without : where all of them are shown again.
    """

    title: str
    options: tuple[tuple[str, str, bool], ...]
    chosen: str
    without: str


def trait_choices(stays: Stays, choice: LadderChoice) -> list[TraitChoice]:
    """The traits, with the values that most had of those who came in the chosen stretch."""
    came = replace(choice, only={}).selection(stays).of(stays)
    return [_trait_choice(came, trait, choice) for trait in stays.trait_ids]


def _trait_choice(stays: Stays, trait: str, choice: LadderChoice) -> TraitChoice:
    texts = (*stays.values[stays.trait_ids.index(trait)], None)
    values = [texts[at] for at in most_had(stays, trait, _MOST_VALUES)]
    is_chosen = trait in choice.only
    wanted = choice.only.get(trait)
    if is_chosen and wanted not in values:
        values.append(wanted)
    return TraitChoice(
        title=words.titled(trait),
        options=tuple(
            (f"{trait}:{value or ''}", value_of(value), is_chosen and value == wanted)
            for value in values
        ),
        chosen=value_of(wanted) if is_chosen else "",
        without=choice.of_all(trait).address(),
    )
