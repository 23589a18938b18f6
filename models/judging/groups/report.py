"""What a report holds of groups, in words, and what of it keeps a gate from being passed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self, get_args

import numpy as np

from features.arrays import Ints
from features.ladder.words import in_percent
from features.signals.protected import ProtectedTrait
from models.judging.groups.figures import GroupFigure, GroupMeasure, GroupVerdict, compared_groups
from models.judging.rounding import percent

__all__ = [
    "ASKED",
    "ASKED_BY_LOG",
    "ASKED_PERSON",
    "ASKED_PERSON_BY_LOG",
    "CALIBRATION",
    "FOUND",
    "GROUPS_EXPLAINED",
    "SELECTED",
    "GroupsReport",
    "group_lines",
    "group_refusals",
    "group_rows",
    "groups_report",
]

SELECTED: Final = "selected"
FOUND: Final = "found"
CALIBRATION: Final = "calibration"
ASKED: Final = "asked"
ASKED_PERSON: Final = "asked_person"
ASKED_BY_LOG: Final = "asked_by_log"
ASKED_PERSON_BY_LOG: Final = "asked_person_by_log"

_SAYS: Final[Mapping[str, str]] = {
    SELECTED: "stand at the top of the queue",
    FOUND: "of those who advanced stood at the top of the queue",
    CALIBRATION: "mean chance less the rate that came",
    ASKED: "of decisions ask for something",
    ASKED_PERSON: "of decisions ask for something with a person",
    ASKED_BY_LOG: "of decisions of the log asked for something",
    ASKED_PERSON_BY_LOG: "of decisions of the log asked for something with a person",
}
"""Every measure, as it reads after a share."""

_VERDICTS: Final = get_args(GroupVerdict)

GROUPS_EXPLAINED: Final = """\
**Apart**: the ratio is surely beyond the limit. **Alike**: its interval is within. **Unknown**:
neither can be told yet. A ratio is that of the group to all other leads whose value is known, as
the ladder's protected traits have it; leads are counted, not rows. Of all groups that are called
apart, at most one in twenty is so by chance (Benjamini and Hochberg 1995). A difference says that
groups are treated differently; why, it does not say."""


@dataclass(frozen=True, slots=True)
class TraitKnown:
    """How many leads a protected trait is known of at some time, and of how many never."""

    trait: str
    known: int
    unknown: int


@dataclass(frozen=True, slots=True)
class GroupsReport:
    """The groups of all protected traits on all measures of a report."""

    least_ratio: float
    traits: tuple[TraitKnown, ...]
    figures: tuple[GroupFigure, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def of_dict(cls, held: Mapping[str, Any]) -> Self:
        """The reverse of `as_dict`.

        Raises
        ------
        LookupError, TypeError, ValueError : it is no such report.
        """
        traits = tuple(TraitKnown(**one) for one in held["traits"])
        figures = tuple(GroupFigure(**one) for one in held["figures"])
        return cls(float(held["least_ratio"]), traits, figures)


def groups_report(
    traits: Sequence[ProtectedTrait],
    lead: Ints,
    measured: Callable[[ProtectedTrait], Sequence[GroupMeasure]],
    least_ratio: float,
) -> GroupsReport | None:
    """Every protected trait on the measures that are made of it; None without a protected trait.

    Parameters
    ----------
    lead : shape (n,), the lead of each row of the traits.
    """
    if not traits:
        return None
    known = []
    for one in traits:
        has = len(np.unique(lead[one.group >= 0]))
        known.append(TraitKnown(one.id, has, len(np.unique(lead)) - has))
    measures = [measure for one in traits for measure in measured(one)]
    return GroupsReport(least_ratio, tuple(known), compared_groups(measures, least_ratio))


# ---------------------------------------------------------------------------------------- The gate


def group_refusals(
    held: Any, protected: Collection[str], least_ratio: float, measures: Collection[str]
) -> list[str]:
    """What a report lacks that groups are treated alike; empty where nothing speaks against it.

    What is unknown does not refuse. What was not looked at, or cannot be read, does.

    Parameters
    ----------
    held : what the report has of groups, as `GroupsReport.as_dict`; None for nothing.
    protected : the ids of the protected traits of the ladder; those in the report count too.
    measures : what must have been measured of each.
    """
    if held is None:
        return [_not_judged(trait) for trait in protected]
    try:
        return _refusals(held, protected, least_ratio, measures)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        return [f"what the report says of groups is damaged ({error!r}): evaluate it again"]


def _not_judged(trait: str) -> str:
    return (
        f"the trait {trait!r} is protected, and the report says nothing of its groups: evaluate it"
        " again"
    )


def _refusals(
    held: Mapping[str, Any], protected: Collection[str], least_ratio: float,
    measures: Collection[str],
) -> list[str]:  # fmt: skip
    known = {str(one["trait"]): int(one["known"]) for one in held["traits"]}
    told = [GroupFigure(**one) for one in held["figures"]]
    if strange := [one.verdict for one in told if one.verdict not in _VERDICTS]:
        raise ValueError(f"there is no verdict {strange[0]!r}")
    found = [_not_judged(trait) for trait in protected if trait not in known]
    if protected and float(held["least_ratio"]) != least_ratio:
        found.append(
            f"groups were held to a ratio of {held['least_ratio']:g}, the ladder says"
            f" {least_ratio:g} ([groups] least_ratio): evaluate it again"
        )
    for trait, leads in known.items():
        if not leads:
            found.append(
                f"the trait {trait!r} is protected, and of no lead is its value known: whether its"
                " groups are treated alike cannot be told"
            )
            continue
        looked_at = {one.measure for one in told if one.trait == trait}
        if missing := [one for one in measures if one not in looked_at]:
            found.append(
                f"the trait {trait!r} is protected, and the report does not say"
                f" {', '.join(missing)} of its groups: evaluate it again"
            )
    apart = [
        one
        for one in told
        if one.verdict == "apart" and one.measure in measures and not _is_mirror(one, told)
    ]
    return [*found, *(_apart(one, float(held["least_ratio"])) for one in apart)]


def _is_mirror(one: GroupFigure, told: Sequence[GroupFigure]) -> bool:
    """Whether it says of the greater of two groups what the other one says of the lesser."""
    both = [other for other in told if (other.trait, other.measure) == (one.trait, one.measure)]
    is_greater = one.ratio is None or one.ratio > 1.0
    return is_greater and len(both) == 2 and all(other.verdict == "apart" for other in both)


def _apart(one: GroupFigure, least: float) -> str:
    """A group, its figure and the limit, in a sentence."""
    if one.ratio is not None and one.ratio < 1.0:
        limit = f"at least {least:.2f} is allowed"
    else:
        limit = f"at most {1.0 / least:.2f} is allowed"
    if one.measure == CALIBRATION:
        what = (
            f"the chances lie {_signed(one.value)} off the rate that came, those of the rest"
            f" {_signed(one.rest)}; what came of them is {_times(one)} that of the rest"
        )
        return f"{one.trait} {one.group!r} is apart: {what} {_between(one)}, {limit}"
    what = f"{percent(one.value)} {_SAYS[one.measure]}, {percent(one.rest)} of the rest"
    times = f"{_times(one)} as much {_between(one)}"
    return f"{one.trait} {one.group!r} is apart: {what}; that is {times}, {limit}"


def _times(one: GroupFigure) -> str:
    return "many times" if one.ratio is None else f"{one.ratio:.2f} times"


def _between(one: GroupFigure) -> str:
    if one.ratio_high is None:
        return f"(95 % interval from {one.ratio_low or 0.0:.2f} on)"
    return f"(95 % interval {one.ratio_low or 0.0:.2f} to {one.ratio_high:.2f})"


# --------------------------------------------------------------------------------------- In words


def group_rows(report: GroupsReport) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The heads and the rows of a table."""
    heads = "trait|group|leads|what|figure|95 % interval|the rest|ratio|95 % interval|verdict"
    rows: list[tuple[str, ...]] = [
        (
            one.trait,
            one.group,
            f"{one.leads:,}",
            _SAYS[one.measure],
            _shown(one, one.value),
            f"{_shown(one, one.low)} to {_shown(one, one.high)}",
            _shown(one, one.rest),
            "–" if one.ratio is None else f"{one.ratio:.2f}",
            _interval(one),
            f"{one.verdict}: {one.why}" if one.why else one.verdict,
        )
        for one in report.figures
    ]
    return tuple(heads.split("|")), rows


def group_lines(report: GroupsReport) -> list[str]:
    """The same for a terminal: a line for each trait, and one for each figure."""
    lines = [
        f"groups, by the limit {report.least_ratio:g} to {1.0 / report.least_ratio:.2f} of the"
        " ratio to the rest:"
    ]
    for trait in report.traits:
        lines.append(
            f"  {trait.trait}: known of {trait.known:,} leads, of {trait.unknown:,} it is not"
        )
        for one in report.figures:
            if one.trait == trait.trait:
                why = f" ({one.why})" if one.why else ""
                lines.append(
                    f"    {one.group}: {_shown(one, one.value)} {_SAYS[one.measure]}, the rest"
                    f" {_shown(one, one.rest)}; ratio {_interval(one)}: {one.verdict}{why}"
                )
    return lines


def _interval(one: GroupFigure) -> str:
    if one.ratio_low is None and one.ratio_high is None:
        return "–"
    high = "∞" if one.ratio_high is None else f"{one.ratio_high:.2f}"
    return f"{one.ratio_low or 0.0:.2f} to {high}"


def _shown(one: GroupFigure, value: float | None) -> str:
    return _signed(value) if one.measure == CALIBRATION else percent(value)


def _signed(value: float | None) -> str:
    if value is None:
        return "–"
    told = in_percent(value, 1, sign="+").replace("-", "\N{MINUS SIGN}")
    return told if told.strip("+\N{MINUS SIGN}0. %") else in_percent(0.0, 1)
