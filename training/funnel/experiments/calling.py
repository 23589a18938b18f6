"""What calling brings: leads that were left alone by lot beside those who were called as ever.

Each lead counts in the arm that it was put into first, whatever was done with it since (intention
to treat), from the instant at which it was put there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np

from features.arrays import Bools, Floats
from features.clock import rfc3339
from features.events.log import DAY_US, EventLog
from features.ladder.ladder import Ladder
from features.ladder.words import OFFER, things
from features.offers.assignments import CALLED, CALLING, LEFT_ALONE, Assigned, assignments_of
from features.signals.program import compile_ladder
from features.signals.snapshot import snapshot_at
from models.judging.rounding import ends_told
from models.judging.trials.arms import (
    FEWEST,
    ArmCounts,
    RateDifference,
    difference_of_rates,
    is_off_share,
)
from training.decision_points import Points
from training.labels import Outcomes, label

__all__ = ["Calling", "GoalOfCalling", "Minutes", "calling"]

_TITLES: Final = {"advancement": "went on", "purchase": "purchased"}


@dataclass(frozen=True, slots=True)
class Minutes:
    """What reps gave to the leads of an arm, by the offers that were extended to them.

    Parameters
    ----------
    total : minutes of the offers within the horizon of the purchase.
    leads : how many of the arm's leads were given any.
    """

    total: float
    leads: int


@dataclass(frozen=True, slots=True)
class GoalOfCalling:
    """One goal in both arms.

    Parameters
    ----------
    difference : called less left alone; None where there is not enough data.
    says : that in a sentence.
    """

    goal: Literal["advancement", "purchase"]
    called: ArmCounts
    left_alone: ArmCounts
    difference: RateDifference | None
    says: str


@dataclass(frozen=True, slots=True)
class Calling:
    """What the log says of calling.

    Parameters
    ----------
    since : the first assignment, in microseconds since the epoch; None without one.
    until : by what was known then.
    crossed : leads with ids in both arms; they count where they were first.
    notes : what is to be known before the figures are believed.
    """

    ladder: str
    since: int | None
    until: int
    crossed: int
    goals: tuple[GoalOfCalling, ...]
    minutes: dict[str, Minutes]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; instants as RFC 3339."""
        since = None if self.since is None else rfc3339(self.since)
        held = asdict(self) | {"since": since, "until": rfc3339(self.until)}
        for told, goal in zip(held["goals"], self.goals, strict=True):
            for arm in ("called", "left_alone"):
                counts: ArmCounts = getattr(goal, arm)
                told[arm] |= {"pending": counts.pending, "rate": counts.rate}
                del told[arm]["even"]
        return held


def calling(log: EventLog, ladder: Ladder, until: int) -> Calling:
    """What came of the leads that were worth a call, by what was known at `until`.

    `until` is the last event of the log at most (`EventLog.judged_until`).

    Raises
    ------
    EventsError : an assignment whose record cannot be read; the message names the lead.
    """
    found = sorted(assignments_of(log, ladder, CALLING, until), key=lambda one: one.lead)
    points, found = _points(log, ladder, found)
    left = np.array([one.assignment.arm == LEFT_ALONE for one in found], dtype=np.bool_)
    share = np.array([one.assignment.share for one in found], dtype=np.float64)
    advanced, purchased = label(log, ladder, points, until)
    return Calling(
        ladder=ladder.name,
        since=min((one.at for one in found), default=None),
        until=until,
        crossed=sum(one.is_crossed for one in found),
        goals=(
            _goal("advancement", advanced, left, share),
            _goal("purchase", purchased, left, share),
        ),
        minutes=_minutes(log, ladder, found, until),
        notes=_notes(found, left),
    )


def _points(
    log: EventLog, ladder: Ladder, found: Sequence[Assigned]
) -> tuple[Points, list[Assigned]]:
    """The leads at the instants at which they were put into an arm, customers left out."""
    lead = np.array([one.lead for one in found], dtype=np.int64)
    as_of = np.array([one.at for one in found], dtype=np.int64)
    names = tuple(log.leads[at] for at in lead.tolist())
    points = Points(lead, snapshot_at(log, compile_ladder(ladder), names, lead, as_of))
    has_next = points.position < len(ladder.goals)
    return points.rows(has_next), [
        one for one, has in zip(found, has_next.tolist(), strict=True) if has
    ]


def _goal(
    goal: Literal["advancement", "purchase"], outcomes: Outcomes, left: Bools, share: Floats
) -> GoalOfCalling:
    called, alone = _counts(outcomes, ~left, 1.0 - share), _counts(outcomes, left, share)
    difference = difference_of_rates(called, alone)
    return GoalOfCalling(
        goal, called, alone, difference, _sentence(goal, called, alone, difference)
    )


def _counts(outcomes: Outcomes, keep: Bools, chance: Floats) -> ArmCounts:
    """What came of an arm; `chance`, shape (n,), is how likely each lead was to come into it.

    Where a share was changed, those of a time with a large one are too many in the arm, and what
    came of leads of that time would pass for what calling does.
    """
    mature = keep & outcomes.mature
    came = outcomes.happened[mature]
    even = None
    if mature.any() and np.ptp(chance[outcomes.mature]) > 0.0:
        weight = 1.0 / chance[mature]
        worth = float(weight.sum() ** 2 / (weight**2).sum())
        even = float(np.average(came, weights=weight)), worth
    return ArmCounts(int(keep.sum()), int(mature.sum()), int(came.sum()), even)


def _sentence(goal: str, called: ArmCounts, alone: ArmCounts, found: RateDifference | None) -> str:
    if found is None:
        return (
            f"not enough data: the horizon is over for {things(called.mature, 'lead')} that could"
            f" be called and {alone.mature} that were left alone, and each takes {FEWEST}"
        )
    ends = ends_told(found.low, found.high, _points_said)
    points = (
        f"{_points_said(found.value)} percentage points ({' to '.join(ends)}, at 95 %) in the share"
        f" that {_TITLES[goal]}"
    )
    if not found.is_sure:
        return f"the data do not tell whether calling changes it: {points}"
    return f"calling makes a difference of {points}"


def _points_said(share: float) -> str:
    return f"{100 * share:+.1f}"


def _minutes(
    log: EventLog, ladder: Ladder, found: Sequence[Assigned], until: int
) -> dict[str, Minutes]:
    """What each arm was given: the minutes of what was extended to it since, within the horizon."""
    costs = {offer.id: offer.rep_minutes for offer in ladder.offers if offer.rep_minutes > 0}
    horizon = round(ladder.purchase.horizon_days * DAY_US)
    column = log.columns.texts.index(OFFER)
    words, name = log.text_values[column], ladder.events.offer_extended
    extended = log.names.index(name) if name in log.names else -1
    given: dict[str, list[float]] = {CALLED: [], LEFT_ALONE: []}
    for one in found:
        rows = slice(int(log.starts[one.lead]), int(log.starts[one.lead + 1]))
        then, known = log.occurred[rows], log.known[rows]
        is_one = (log.name[rows] == extended) & (known <= until) & (log.texts[column, rows] >= 0)
        is_one &= (then >= one.at) & (then <= one.at + horizon)
        offers = [words[code] for code in log.texts[column, rows][is_one].tolist()]
        given[one.assignment.arm].append(sum(costs.get(offer, 0.0) for offer in offers))
    return {
        arm: Minutes(float(sum(minutes)), sum(one > 0 for one in minutes))
        for arm, minutes in given.items()
    }


def _notes(found: Sequence[Assigned], left: Bools) -> tuple[str, ...]:
    if not found:
        return ("no lead was assigned yet: set [controls] none in the ladder, and wait for calls",)
    shares = [one.assignment.share for one in found]
    notes = []
    if len(set(shares)) > 1:
        notes.append(
            "the share that is left alone was changed: each lead counts by one over the chance of"
            " its arm, so that a rate need not be that of the numbers beside it"
        )
    if is_off_share(int(left.sum()), shares):
        notes.append(
            f"{int(left.sum())} of {len(found)} leads are to be left alone, and {sum(shares):.0f}"
            " would be by lot: something sorts them, so do not believe the figures"
        )
    return tuple(notes)
