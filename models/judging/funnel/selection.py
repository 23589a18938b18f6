"""Which stays are counted, and whose they are: what a number counts is what its list names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from features.arrays import Bools, Ints
from features.clock import rfc3339
from features.errors import FunnelError, did_you_mean
from features.events.log import DAY_US
from features.funnel.states import State
from features.funnel.stays import Stays

__all__ = [
    "Every",
    "Selection",
    "cohort_of",
    "cohort_starts",
    "had_by_nobody",
    "leads_in",
    "most_had",
    "only_of",
    "selection_of",
    "stays_in",
]

Every = Literal["week", "month"]
_WEEK_US: Final = 7 * DAY_US
_MOST_NAMED: Final = 20
_MONDAY: Final = 4 * DAY_US
"""The first Monday after the epoch, 1970-01-05."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Stays that are counted.

    Parameters
    ----------
    entered_from, entered_to : of those who came to the step from an instant on and before another,
        in microseconds since the epoch; None is open.
    only : what was known of the lead when it came, trait by trait; None: was not known.
    """

    entered_from: int | None = None
    entered_to: int | None = None
    only: dict[str, str | None] = field(default_factory=dict)

    def of(self, stays: Stays) -> Stays:
        """The stays that are counted.

        Raises
        ------
        FunnelError : a trait by which leads are not told apart.
        """
        return stays.rows(self.keeps(stays))

    def keeps(self, stays: Stays) -> Bools:
        """Shape (n,): whether each is counted; raises as `of`."""
        keep = self.segment_of(stays)
        if self.entered_from is not None:
            keep &= stays.entered >= self.entered_from
        if self.entered_to is not None:
            keep &= stays.entered < self.entered_to
        return keep

    def segment_of(self, stays: Stays) -> Bools:
        """Shape (n,): whether each lead is of whom is asked, whenever it came; raises as `of`."""
        keep = np.ones(len(stays), dtype=np.bool_)
        for trait, value in self.only.items():
            _check_trait(trait, stays)
            keep &= stays.where(trait, value)
        return keep


def only_of(pairs: Iterable[tuple[str, str]]) -> dict[str, str | None]:
    """What is asked of leads, as `Selection.only`, of traits and values; "" is: was not known.

    Raises
    ------
    FunnelError : a trait is asked for twice: no lead had two values of one when it came.
    """
    only: dict[str, str | None] = {}
    for trait, value in pairs:
        if trait in only:
            raise FunnelError(f"{trait!r} is asked for twice: ask for one value of a trait")
        only[trait] = value or None
    return only


def selection_of(
    entered_from: int | None, entered_to: int | None, only: dict[str, str | None]
) -> Selection:
    """What is asked for, as `Selection`.

    Raises
    ------
    FunnelError : the stretch is over before it begins.
    """
    if entered_from is not None and entered_to is not None and entered_from >= entered_to:
        raise FunnelError(
            f"nobody came since {rfc3339(entered_from)} and before {rfc3339(entered_to)}: the"
            " stretch is over before it begins"
        )
    return Selection(entered_from, entered_to, only)


def had_by_nobody(selection: Selection, stays: Stays) -> Iterator[str]:
    """The values that are asked for and that no lead had when it came, with those that were had.

    Raises
    ------
    FunnelError : a trait by which leads are not told apart.
    """
    for trait, value in selection.only.items():
        _check_trait(trait, stays)
        if value is None or stays.where(trait, value).any():
            continue
        words = stays.values[stays.trait_ids.index(trait)]
        had = [words[at] for at in most_had(stays, trait, _MOST_NAMED) if at < len(words)]
        there = ", ".join(map(repr, had)) or "none"
        more = ", and others" if len(had) == _MOST_NAMED else ""
        yield (
            f"no lead had the {trait} {value!r} when it came to a step; there were"
            f" {there}{more}{did_you_mean(value, words)}"
        )


def _check_trait(trait: str, stays: Stays) -> None:
    if trait not in stays.trait_ids:
        raise FunnelError(_no_trait(trait, stays))


def _no_trait(trait: str, stays: Stays) -> str:
    known = ", ".join(map(repr, stays.trait_ids)) or "none"
    return (
        f"leads are not told apart by {trait!r}, but by the ladder's traits that are categories and"
        f" neither personal nor protected: {known}{did_you_mean(trait, stays.trait_ids)}"
    )


def cohort_of(entered: Ints, every: Every) -> Ints:
    """Shape (n,): the number of the week (from Monday) or month, UTC, that an instant is in."""
    if every == "week":
        return np.asarray((entered - _MONDAY) // _WEEK_US)
    return entered.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)


def cohort_starts(number: Ints, every: Every) -> Ints:
    """The reverse of `cohort_of`: when each begins, in microseconds."""
    if every == "week":
        return np.asarray(number * _WEEK_US + _MONDAY)
    return number.astype("datetime64[M]").astype("datetime64[us]").astype(np.int64)


def most_had(stays: Stays, trait: str, most: int) -> list[int]:
    """The codes of the values of a trait that most stays have, those with the most first.

    The unknown is the last of them, as the number of the values, where any stay has it.
    """
    row = stays.trait_ids.index(trait)
    words, codes = stays.values[row], stays.traits[row].astype(np.int64)
    came = np.bincount(np.where(codes < 0, len(words), codes), minlength=len(words) + 1)
    named = np.argsort(-came[:-1], kind="stable")[:most]
    return [at for at in (*named.tolist(), len(words)) if came[at]]


def leads_in(
    stays: Stays, step: str, state: State | None = None, selection: Selection | None = None
) -> list[str]:
    """The leads that a number counts, those that came last first, each once.

    Parameters
    ----------
    step : the id of a step or of the purchase.
    state : what came of them; None: all that came. Those that left are never named.

    Raises
    ------
    FunnelError : no such step or trait, or who left is asked for.
    """
    found = stays_in(stays, step, state, selection)
    return [found.leads[at] for at in found.lead.tolist()]


def stays_in(
    stays: Stays, step: str, state: State | None = None, selection: Selection | None = None
) -> Stays:
    """The stays of the leads that a number counts: of each the last one, the newest first.

    Parameters and errors are those of `leads_in`.
    """
    ids = [goal.id for goal in stays.ladder.goals]
    if step not in ids:
        raise FunnelError(
            f"no step is called {step!r}, but {', '.join(ids)}{did_you_mean(step, ids)}"
        )
    if state == State.LEFT:
        raise FunnelError("who opted out is counted and not named: ask for another state")
    some = (selection or Selection()).of(stays.at(ids.index(step)))
    found = some.state
    some = some.rows(found != State.LEFT if state is None else found == state)
    newest = np.lexsort((some.lead, -some.entered))
    _, first = np.unique(some.lead[newest], return_index=True)
    return some.rows(newest[np.sort(first)])
