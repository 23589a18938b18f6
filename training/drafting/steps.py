"""The steps that a log shows: what leads do in one order on their way to the final action.

What is done in place of each other is one step. A step is passed by most who come further, and
whoever did it comes to the final action more often.
"""

from __future__ import annotations

import math
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from features.arrays import Floats, Ints
from training.drafting.timeline import NEVER, Deed, Timeline, before, days, earliest

__all__ = ["DraftedStep", "Measured", "drafted_steps", "measured"]

_MOST: Final = 11
_FEW: Final = 2
"""The same, for an order that is told with doubt."""
_BOTH: Final = 8
_NEAR, _FAR = 0.03, 0.06
"""Of two things in order: nearer they are one step, further apart two."""
"""Leads that did two things, for their order to be told."""
_ORDERED: Final = 0.75
"""The share of them that must agree."""
_PASSED: Final = 0.4
"""The share of those who come further that pass a step."""
_TELLING: Final = 3.0
"""Standard errors by which a threshold must part leads."""
_LIFT: Final = 1.4
"""How much likelier the final action is, at least, after a step."""
_ENOUGH: Final = 2
"""Steps of a ladder, at least: rather than fewer, what tells less is taken."""
_KINDS: Final = 5
"""Texts of a property, at most, for each to be a thing of its own."""
_OFTEN: Final = 1.7
"""What a lead does more often than this, on average, is interest and no step."""
_TOGETHER: Final = 60_000_000
"""Microseconds between two things that are told at the same moment."""
_SAME: Final = 0.95
"""The share of those who did a thing that did the next at the same moment, for them to be one."""
_KEEN: Final = 0.55
"""Of the lift of a step, what each thing that completes it must have."""
_NICE: Final = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)


@dataclass(frozen=True, eq=False, slots=True)
class Measured:
    """A thing that leads do, and how it goes with the final action.

    Parameters
    ----------
    first : shape (leads,), up to the final action.
    lift : how much likelier the final action is after it than for all leads.
    place : from 0 to 1, how much of the rest leads have done before it.
    """

    deed: Deed
    first: Ints
    leads: int
    lift: float
    place: float = 0.0


@dataclass(frozen=True, eq=False, slots=True)
class DraftedStep:
    """Things that are done in place of each other, and what shows interest in them.

    Parameters
    ----------
    took : days from the step before, or a lead's first event, of those who did both.
    """

    deeds: tuple[Measured, ...]
    first: Ints
    engaged: tuple[str, ...]
    took: Floats

    @property
    def leads(self) -> int:
        """How many leads completed it."""
        return int((self.first != NEVER).sum())


# ----------------------------------------------------------------------------------------- Measures


def measured(timeline: Timeline, deed: Deed, final: Ints) -> Measured:
    """A thing with what it says of the final action; what came after that is not looked at."""
    first = timeline.first(deed)
    first = np.where(first <= final, first, NEVER)
    did = first != NEVER
    base = float(np.mean(final != NEVER))
    after = float(((final != NEVER) & did).sum() + 2 * base) / (int(did.sum()) + 2)
    return Measured(deed, first, int(did.sum()), after / base if base else 0.0)


def _deeds(timeline: Timeline, event: str, final: Ints, unread: Set[str]) -> list[Measured]:
    """The events of a name; apart by a text where that parts those who go on from the others."""
    plain = measured(timeline, Deed(event), final)
    best, found = _TELLING, [plain]
    for name, values in timeline.texts(event, _KINDS).items():
        if name in unread:
            continue
        kinds = [measured(timeline, Deed(event, text=name, value=value), final) for value in values]
        told = max(_parted(one, plain, final) for one in kinds)
        if told > best and min(one.leads for one in kinds) >= _BOTH:
            best, found = told, kinds
    return [_with_threshold(timeline, one, final, unread) for one in found]


def _with_threshold(timeline: Timeline, plain: Measured, final: Ints, unread: Set[str]) -> Measured:
    """What a lead does, or that of it whose number parts those who go on from the others."""
    best, found = _TELLING, plain
    for name, values in timeline.numbers(plain.deed.event).items():
        for at_least in () if name in unread else _thresholds(values):
            deed = replace(plain.deed, number=name, at_least=at_least)
            one = measured(timeline, deed, final)
            told = _parted(one, plain, final)
            if told > best:
                best, found = told, one
    return found


def _thresholds(values: Floats) -> list[float]:
    """Round numbers in the middle of some values."""
    given = values[np.isfinite(values)]
    if len(given) < 2 * _BOTH or (low := float(np.quantile(given, 0.1))) >= given.max():
        return []
    high = float(np.quantile(given, 0.9))
    scale = np.floor(np.log10(max(abs(high), 1e-6)))
    steps = [nice * 10.0 ** (scale + by) for by in (-2, -1, 0) for nice in _NICE]
    return [float(f"{one:.3g}") for one in steps if low < one <= high]


def _parted(one: Measured, whole: Measured, final: Ints) -> float:
    """By how many standard errors more often the final action follows than after the rest."""
    bought = final != NEVER
    does = one.first != NEVER
    rest = (whole.first != NEVER) & ~does
    n, m = int(does.sum()), int(rest.sum())
    if n < _BOTH or m < _BOTH:
        return 0.0
    p, q = float(bought[does].mean()), float(bought[rest].mean())
    pooled = (p * n + q * m) / (n + m)
    error = np.sqrt(max(pooled * (1 - pooled), 1e-9) * (1 / n + 1 / m))
    return float((p - q) / error)


def _places(found: Sequence[Measured]) -> list[Measured]:
    """Things in the order in which they come relative to each other."""
    placed = []
    for one in found:
        shares = []
        for other in found:
            if other is not one:
                count, share = before(other.first, one.first)
                if count >= _FEW:  # of few leads the order is told with doubt
                    shares.append((share * count + 1.0) / (count + 2.0))
        place = float(np.mean(shares)) if shares else 0.5
        placed.append(Measured(one.deed, one.first, one.leads, one.lift, place))
    return sorted(placed, key=lambda one: (one.place, one.lift, one.deed.event))


# -------------------------------------------------------------------------------------------- Steps


def drafted_steps(
    timeline: Timeline, names: Sequence[str], final: Ints, unread: Set[str] = frozenset()
) -> list[DraftedStep]:
    """The steps that events show, in order, without the final action; there may be none.

    Parameters
    ----------
    unread : properties that tell no step.
    """
    found = [one for name in names for one in _deeds(timeline, name, final, unread)]
    groups: list[list[Measured]] = []
    same: set[str] = set()
    for often, lift in ((_OFTEN, _LIFT), (math.inf, _LIFT), (math.inf, 0.0)):
        telling = [
            one
            for one in found
            if one.lift >= lift and one.leads >= _BOTH and _times(timeline, one.deed) <= often
        ]
        groups = [_keenest(group) for group in _groups(_places(telling))]
        groups = _fewer(_passed(_rising(groups, final) if lift else groups))
        groups, same = _parting(groups, final)
        if len(groups) >= _ENOUGH:
            break
    told = {name for group in groups for name in _names(group)} | same
    # What shows interest is all events of a name, also where a part of them tells more.
    others = _places([measured(timeline, Deed(name), final) for name in names if name not in told])
    begun = np.full(timeline.leads, NEVER, dtype=np.int64)
    np.minimum.at(begun, timeline.lead, timeline.occurred_at)
    steps, last, rest = [], begun, others
    for at, group in enumerate(groups):
        first = earliest([one.first for one in group])
        mine = [one for one in rest if at == len(groups) - 1 or _belongs(one, first)]
        rest = [one for one in rest if one not in mine]
        engaged = tuple(sorted(one.deed.event for one in mine))
        steps.append(DraftedStep(tuple(group), first, engaged, days(last, first)))
        last = first
    return steps


def _belongs(one: Measured, first: Ints) -> bool:
    """Whether a thing is usually done by the time of a step."""
    count, share = before(one.first, first)
    return count < _BOTH or share >= 0.5


def _names(group: Sequence[Measured]) -> set[str]:
    return {one.deed.event for one in group}


def _groups(placed: Sequence[Measured]) -> list[list[Measured]]:
    """Things in order, those together that are done in place of each other."""
    groups: list[list[Measured]] = []
    for one in placed:
        if groups and not _comes_after(one, groups[-1]):
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def _comes_after(one: Measured, group: Sequence[Measured]) -> bool:
    """Whether a thing comes a good while after some others, or less, and those who did both agree.

    `group` is in order of place.
    """
    gap = one.place - group[-1].place
    if gap >= _FAR or gap < _NEAR:
        return gap >= _FAR
    count, share = before(earliest([other.first for other in group]), one.first)
    return count >= _BOTH and share >= _ORDERED


def _passed(groups: list[list[Measured]]) -> list[list[Measured]]:
    """Without the groups that most who come further have not passed."""
    kept: list[list[Measured]] = []
    for group in reversed(groups):
        if kept:
            further = earliest([one.first for one in kept[0]])
            own = earliest([one.first for one in group])
            reached = further != NEVER
            if float(np.mean(own[reached] <= further[reached])) < _PASSED:
                continue
        kept.insert(0, group)
    return kept


def _parting(groups: list[list[Measured]], final: Ints) -> tuple[list[list[Measured]], set[str]]:
    """Without the groups after which everybody goes on; and the events that are the next one.

    One happening that two tools tell of is no step on the way to itself.
    """
    kept: list[list[Measured]] = []
    same: set[str] = set()
    for group in reversed(groups):
        further = earliest([one.first for one in kept[0]]) if kept else final
        own = earliest([one.first for one in group])
        both = (own != NEVER) & (further != NEVER)
        did, went_on = int((own != NEVER).sum()), int(both.sum())
        together = np.abs(own[both] - further[both]) <= _TOGETHER
        if went_on >= _SAME * did and together.sum() >= _SAME * went_on:
            same |= _names(group)
        elif went_on < did or did < 2 * _BOTH:
            kept.insert(0, group)
    return kept, same


def _keenest(group: list[Measured]) -> list[Measured]:
    """Without what merely leads up to the others, as registering does to being there."""
    most = max(one.lift for one in group)
    return [one for one in group if one.lift >= _KEEN * most]


def _rising(groups: list[list[Measured]], final: Ints) -> list[list[Measured]]:
    """The groups after which the final action is ever likelier, that most who bought have passed.

    Of all such choices the one whose groups were passed most often.
    """
    bought = final != NEVER
    best: list[tuple[float, list[list[Measured]]]] = []
    for at, group in enumerate(groups):
        first = earliest([one.first for one in group])
        passed = float(np.mean(first[bought] != NEVER)) if bought.any() else 0.0
        below = [best[j] for j in range(at) if _lift(groups[j], final) < _lift(group, final)]
        score, chosen = max(below, key=lambda pair: pair[0], default=(0.0, []))
        best.append((score + passed, [*chosen, group]))
    return max(best, key=lambda pair: pair[0], default=(0.0, []))[1]


def _lift(group: Sequence[Measured], final: Ints) -> float:
    """The share of those who did any of a group that came to the final action."""
    did = earliest([one.first for one in group]) != NEVER
    return float(np.mean(final[did] != NEVER))


def _times(timeline: Timeline, deed: Deed) -> float:
    """How often those who do a thing do it."""
    done = replace(deed, number="")  # how deep it went says nothing of how often
    return len(timeline.done(done)) / max(1, int((timeline.first(done) != NEVER).sum()))


def _fewer(groups: list[list[Measured]]) -> list[list[Measured]]:
    """At most as many as a ladder has; those go that add least to the chance of the one before."""
    while len(groups) > _MOST:
        lifts = [max(one.lift for one in group) for group in groups]
        gain = [lifts[at] / lifts[at - 1] for at in range(1, len(groups))]
        del groups[1 + int(np.argmin(gain))]
    return groups
