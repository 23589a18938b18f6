"""Whether groups of leads are treated alike: what is done for each, over what is done for the rest.

A measure is a rate (the share that was selected, found, asked), or what came over what was said
would come. Of each group the ratio of its figure to that of all other leads is compared with a
limit, such as the rule of four fifths. A group is *apart* where the ratio is surely beyond the
limit, *alike* where it is surely within, and *unknown* otherwise.

Intervals and tests are those of a score statistic under a ratio that is given (the form of Koopman
1984 and of Miettinen and Nurminen 1985), so that a group of which nobody was selected has them too.
Rows of one lead are no independent evidence: variances count what leads are worth. Over all groups
and measures together, the share of false ones among those called apart is held (Benjamini and
Hochberg 1995), so that where all groups are treated alike, one is called apart once in twenty
reports at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from scipy.special import ndtr

from features.arrays import Bools, Floats, Ints
from models.judging.adjusting.discoveries import false_discovery_rates
from models.judging.intervals import wilson

__all__ = [
    "FEWEST_LEADS",
    "GroupFigure",
    "GroupMeasure",
    "GroupVerdict",
    "compared_groups",
    "discoveries",
]

GroupVerdict = Literal["alike", "apart", "unknown"]

FEWEST_LEADS: Final = 30
"""Leads below which a group, or the rest of it, is too small for a verdict, and is not shown."""
_OTHERS: Final = "all others"
"""The group of whoever is in none that is large enough."""
_ONE_GROUP: Final = f"there are no two groups of {FEWEST_LEADS} leads or more"
_LEVEL: Final = 0.05
_Z: Final = 1.96
_ENOUGH: Final = 10
"""Leads of either kind from which the worth of a row is estimated; below, a lead is one row."""
_OUT_OF_REACH: Final = 100.0
"""Times the leads there are, from which on more leads are no advice."""
_WIDEST: Final = 14.0
"""The logarithm of the largest ratio that is looked at."""
_HALVINGS: Final = 60


@dataclass(frozen=True, eq=False, slots=True)
class GroupMeasure:
    """One measure of one trait, a row for each time that it was taken.

    Parameters
    ----------
    groups : what the groups of the trait are called.
    group : shape (n,), an index into `groups`; -1 where it is not known: such rows are left out.
    lead : shape (n,).
    came : shape (n,), in [0, 1]: what was done, or what came.
    expected : shape (n,), above 0: what was said would come; None for a plain rate.
    weight : shape (n,), what each row counts; None for 1.
    """

    trait: str
    measure: str
    groups: tuple[str, ...]
    group: Ints
    lead: Ints
    came: Floats
    expected: Floats | None = None
    weight: Floats | None = None


@dataclass(frozen=True, slots=True)
class GroupFigure:
    """One group beside all other leads whose group is known, on one measure.

    Of fewer than `FEWEST_LEADS` leads nothing but their number is told: a report outlives them, and
    the figure of one is what was thought of one. Nor does it follow from what else is told.

    Parameters
    ----------
    leads : of the group.
    value, low, high : the rate with its 95 % interval; where something was expected, the mean of
        that less the rate (above 0: too much was said). None with fewer leads.
    rest : the same figure of the others.
    p : the chance of a ratio as far beyond the limit, were it at the limit; in [0, 1].
    ratio, ratio_low, ratio_high : of the group's rate to that of the others with its 95 % interval;
        where something was expected, of what came for each that was said would. None: no bound.
    needed : about how many leads of the group would tell, where it is unknown and that can be said.
    why : why it is unknown; "" otherwise.
    """

    trait: str
    group: str
    measure: str
    leads: int
    value: float | None
    low: float
    high: float
    rest: float | None
    p: float
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    verdict: GroupVerdict = "unknown"
    needed: int | None = None
    why: str = ""


def compared_groups(
    measures: Sequence[GroupMeasure], least_ratio: float
) -> tuple[GroupFigure, ...]:
    """Every group of every measure, with the verdicts of all of them together.

    Groups of fewer than `FEWEST_LEADS` leads on a measure are one there, "all others"; if that is
    small too, its leads are left out as if nothing were known of them.

    Parameters
    ----------
    least_ratio : the limit in (0, 1): a ratio is within from it to one over it.
    """
    merged = [_without_small(one) for one in measures]
    found = [_Pair.of(one, at) for one in merged for at in range(len(one.groups))]
    chances = np.array([one.beyond(least_ratio) for one in found])
    tested = np.array([not one.too_few for one in found], dtype=np.bool_)
    apart = np.zeros(len(found), dtype=np.bool_)
    apart[tested] = discoveries(chances[tested])
    return tuple(
        one.figure(least_ratio, float(p), is_apart=bool(sure))
        for one, p, sure in zip(found, chances, apart, strict=True)
    )


def discoveries(p: Floats) -> Bools:
    """Shape (n,): which hypotheses are rejected with false discoveries held to a share."""
    return np.asarray(false_discovery_rates(p) <= _LEVEL)


def _without_small(measured: GroupMeasure) -> GroupMeasure:
    """The measure with its small groups in one, the last; with none of them if that is small too.

    What is left out can be told from the figures of all leads less those of the groups, unless it
    is hidden among enough leads whose group is not known. Where those are too few, it is no small
    group any more with the smallest of the others in it.
    """
    count = len(measured.groups)
    held = [np.unique(measured.lead[measured.group == at]) for at in range(count)]
    by_size = sorted(range(count), key=lambda at: (-len(held[at]), at))
    told = [at for at in by_size if len(held[at]) >= FEWEST_LEADS]
    others = by_size[len(told) :]
    if not others:
        return measured
    is_named = not told or _leads_in(held, others) >= FEWEST_LEADS
    untold = (measured.group < 0) | np.isin(measured.group, others)
    if not is_named and len(np.unique(measured.lead[untold])) < FEWEST_LEADS:
        while told and 0 < _leads_in(held, others) < FEWEST_LEADS:
            others.append(told.pop())
            is_named = True
    told.sort()
    place = np.full(count + 1, -1, dtype=np.int64)
    place[told] = np.arange(len(told))
    groups = tuple(measured.groups[at] for at in told)
    if is_named:
        place[others] = len(told)
        groups = (*groups, _OTHERS)
    return replace(measured, groups=groups, group=place[measured.group])


def _leads_in(held: Sequence[Ints], groups: Sequence[int]) -> int:
    """How many different leads some groups have."""
    return len(np.unique(np.concatenate([held[at] for at in groups])))


# --------------------------------------------------------------------------------- One and the rest


@dataclass(frozen=True, slots=True)
class _Side:
    """The sums of some rows.

    Parameters
    ----------
    came, expected, total : sums of what came, of what was expected and of the weights.
    first, second : sums of squared weights times what was expected, and times its square.
    squared : the sum of squared weights.
    worth : how many rows are worth an independent one, at least 1.
    """

    leads: int
    came: float
    expected: float
    total: float
    first: float
    second: float
    squared: float
    worth: float

    @classmethod
    def of(cls, lead: Ints, came: Floats, expected: Floats, weight: Floats) -> _Side:
        leads, cluster = np.unique(lead, return_inverse=True)
        side = (
            float(weight @ came),
            float(weight @ expected),
            float(weight.sum()),
            float(weight**2 @ expected),
            float(weight**2 @ expected**2),
            float(weight @ weight),
        )
        return cls(len(leads), *side, _worth(cluster, came, expected, weight))

    @property
    def each(self) -> float:
        """What came for each that was expected: the rate, where 1 was of every row."""
        return self.came / self.expected if self.expected else 0.0

    @property
    def rate(self) -> float:
        return self.came / self.total

    @property
    def size(self) -> float:
        """How much was expected of rows that are independent and count 1."""
        return self.expected**2 / (self.first * self.worth)

    def variance(self, each: float) -> float:
        """Of `each`, if it truly were so much: that of leads that are independent."""
        rows = each * self.first - each**2 * self.second
        return self.worth * max(rows, 1e-9 * self.first) / self.expected**2

    def figure(self, *, is_rate: bool) -> tuple[float, float, float]:
        """The value with its interval (Wilson's), as `GroupFigure` has it."""
        n = self.total**2 / self.squared / self.worth
        low, high = wilson(self.rate * n, n, _Z)
        if is_rate:
            return self.rate, low, high
        said = self.expected / self.total
        return said - self.rate, said - high, said - low


def _worth(cluster: Ints, came: Floats, expected: Floats, weight: Floats) -> float:
    """The design effect (Kish 1965): the variance with leads kept together over that of rows.

    Where few leads tell, it is that of leads whose rows all come to the same.
    """
    if not len(came):
        return 1.0
    leads = cluster.max() + 1
    total = np.bincount(cluster, weight * expected)
    reached = np.bincount(cluster, weight * came)
    each = reached.sum() / total.sum()
    if min((reached > 0).sum(), (reached < total).sum()) < _ENOUGH:
        return max(1.0, float((total**2).sum() / (weight**2 @ expected**2)))
    alone = float(weight**2 @ (each * expected * np.maximum(1.0 - each * expected, 0.0)))
    together = float(((reached - each * total) ** 2).sum()) * leads / (leads - 1)
    return max(1.0, together / alone) if alone > 0 else 1.0


@dataclass(frozen=True, slots=True)
class _Pair:
    """A group and the rest of it on one measure."""

    trait: str
    measure: str
    name: str
    own: _Side
    rest: _Side
    is_rate: bool

    @classmethod
    def of(cls, measured: GroupMeasure, group: int) -> _Pair:
        ones = np.ones(len(measured.came))
        expected = ones if measured.expected is None else measured.expected
        weight = ones if measured.weight is None else measured.weight
        here, known = measured.group == group, measured.group >= 0
        sides = [
            _Side.of(measured.lead[some], measured.came[some], expected[some], weight[some])
            for some in (here, known & ~here)
        ]
        name, is_rate = measured.groups[group], measured.expected is None
        return cls(measured.trait, measured.measure, name, sides[0], sides[1], is_rate)

    @property
    def too_few(self) -> str:
        """Why there is nothing to test; "" where there is."""
        if self.own.leads >= FEWEST_LEADS and not self.rest.leads:
            return _ONE_GROUP
        for side, whose in ((self.own, "the group"), (self.rest, "the rest")):
            if side.leads < FEWEST_LEADS:
                return f"{side.leads:,} leads in {whose}, {FEWEST_LEADS} are needed"
        if not self.own.came + self.rest.came:
            return "it came to nothing for every lead"
        return ""

    def distance(self, ratio: float) -> float:
        """How many standard errors the group lies above a ratio, if that were the true one."""
        own, rest = self.own, self.rest
        reached = own.each * own.size + rest.each * rest.size
        common = reached / (ratio * own.size + rest.size)
        if self.is_rate:
            common = min(common, 1.0, 1.0 / ratio)
        spread = own.variance(ratio * common) + ratio**2 * rest.variance(common)
        return float((own.each - ratio * rest.each) / np.sqrt(spread))

    def beyond(self, least: float) -> float:
        """`GroupFigure.p`: both sides of the limit count, so it is twice the smaller one."""
        if self.too_few:
            return 1.0
        below, above = ndtr(self.distance(least)), ndtr(-self.distance(1.0 / least))
        return float(min(1.0, 2.0 * min(below, above)))

    def bound(self, errors: float) -> float:
        """The ratio above which the group lies so many standard errors, by halving."""
        low, high = -_WIDEST, _WIDEST
        for _ in range(_HALVINGS):
            middle = (low + high) / 2.0
            low, high = (middle, high) if self.distance(np.exp(middle)) > errors else (low, middle)
        return float(np.exp((low + high) / 2.0))

    def figure(self, least: float, p: float, *, is_apart: bool) -> GroupFigure:
        own, rest = self.own, self.rest
        value, low, high = None, 0.0, 1.0
        if own.leads >= FEWEST_LEADS:
            value, low, high = own.figure(is_rate=self.is_rate)
        found = GroupFigure(
            trait=self.trait,
            group=self.name,
            measure=self.measure,
            leads=own.leads,
            value=value,
            low=low,
            high=high,
            rest=rest.figure(is_rate=self.is_rate)[0] if rest.leads >= FEWEST_LEADS else None,
            p=p,
            why=self.too_few,
        )
        if self.too_few:
            return found
        ratio = own.each / rest.each if rest.came else None
        ends = self.bound(_Z), self.bound(-_Z)
        least_end, most_end = (None if abs(np.log(end)) > _WIDEST - 1e-6 else end for end in ends)
        found = replace(found, ratio=ratio, ratio_low=least_end, ratio_high=most_end)
        if is_apart:
            return replace(found, verdict="apart")
        if least <= ends[0] and ends[1] <= 1.0 / least:
            return replace(found, verdict="alike")
        needed = _needed(own.leads, ratio, ends, least)
        more = f", about {needed:,} would" if needed else ": the ratio lies at the limit"
        if not ratio:
            more = ""
        why = f"{own.leads:,} leads are too few to tell{more}"
        return replace(found, needed=needed, why=why)


def _needed(leads: int, ratio: float | None, ends: tuple[float, float], least: float) -> int | None:
    """Leads with which the interval would lie on one side of the limit, to two digits.

    None for a hundred times as many as there are, or more.
    """
    if not ratio or leads == 0:
        return None
    room = abs(abs(np.log(ratio)) + np.log(least))
    half = (np.log(ends[1]) - np.log(ends[0])) / 2.0
    times = max((half / max(room, 1e-9)) ** 2, 1.0)
    if times >= _OUT_OF_REACH:
        return None
    count = leads * times
    size = 10.0 ** max(0, int(np.floor(np.log10(count))) - 1)
    return int(np.ceil(count / size) * size)
