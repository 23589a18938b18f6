"""What judging a bundle comes to: its figures beside those of baselines, as plain values.

They are made by `training.scores.evaluate` and written down by `training.scores.written.report`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from features.clock import rfc3339
from models.judging.groups.report import GroupsReport
from models.judging.metrics import Bin, Queue
from models.judging.served import (
    AS_SERVED,
    BETTER,
    MODEL,
    NO_BETTER,
    NOT_SURE,
    NOTHING_TO_LEARN,
    WORSE,
)
from models.scores.calibration import Basis
from training.scores.reordering import Reordering

__all__ = [
    "AS_SERVED",
    "BETTER",
    "MODEL",
    "NOTHING_TO_LEARN",
    "NOT_SURE",
    "NO_BETTER",
    "SHARES",
    "WORSE",
    "Comparison",
    "Counts",
    "Difference",
    "Evaluation",
    "GoalEvaluation",
    "Leaning",
    "Performance",
    "Realised",
    "SignalUse",
    "StepOutcomes",
    "Subgroup",
]

SHARES: Final = tuple(at / 50 for at in range(51))
"""The shares of the ranking at which the gain curves are given."""


@dataclass(frozen=True, slots=True)
class Performance:
    """One set of probabilities against what came. See `models.judging.metrics` for each figure.

    Parameters
    ----------
    n, leads : mature points and the leads they belong to.
    ece_by_chance : what perfectly calibrated probabilities like these would show.
    bins_inside : share of the reliability bins that chance explains; 0.95 is perfect.
    interval_coverage : share of the bins whose observed rate lies in the mean interval that was
        served; None for baselines, which serve none.
    queue : what working the top of the ranking each week comes to.
    """

    n: int
    leads: int
    rate: float
    mean_probability: float
    auc: float | None
    auc_error: float | None
    average_precision: float | None
    log_loss: float
    log_loss_error: float | None
    brier: float
    ece: float
    ece_by_chance: float
    design_effect: float
    lift_10: float | None
    lift_20: float | None
    found_10: float | None
    found_20: float | None
    queue: Queue
    reliability: tuple[Bin, ...]
    bins_inside: float
    interval_coverage: float | None


@dataclass(frozen=True, slots=True)
class Difference:
    """The model's figure minus another's on the same points; errors over resampled leads."""

    log_loss: float
    log_loss_error: float | None
    auc: float | None
    auc_error: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A baseline beside the model, or why there is none (`reason`)."""

    name: str
    reason: str = ""
    performance: Performance | None = None
    difference: Difference | None = None


@dataclass(frozen=True, slots=True)
class Subgroup:
    """Some of the points judged alone: a step, or leads seen or unseen in training.

    Parameters
    ----------
    note : why there are no figures; empty where there are.
    difference : against the step rates.
    """

    id: str
    title: str
    n: int
    leads: int
    note: str = ""
    performance: Performance | None = None
    difference: Difference | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """What came of the points of the period. Pending is unknown, neither lapsed nor lost.

    Parameters
    ----------
    mature : those whose horizon is over.
    decided : those that are judged: where leads were lost, all but the pending.
    decided_leads : the leads of those.
    reached_leads, missed_leads : of them, those with a judged point that reached the goal, and with
        one that did not; a lead may be both.
    """

    points: int
    leads: int
    advanced: int
    lapsed: int
    lost: int
    pending: int
    mature: int
    decided: int
    decided_leads: int
    reached_leads: int
    missed_leads: int


@dataclass(frozen=True, slots=True)
class StepOutcomes:
    """The outcomes of the points below one rung, and its rate with and without the usual mistake.

    Parameters
    ----------
    rate : advanced among decided points, with its 95 % interval; None without one.
    naive_rate : advanced among all points, as if pending were lost.
    """

    id: str
    title: str
    counts: Counts
    rate: float | None
    low: float
    high: float
    naive_rate: float | None


@dataclass(frozen=True, slots=True)
class Realised:
    """What was expected of some of the judged points, beside what came.

    Parameters
    ----------
    kind : "all" of them, those below one "step", or those of one "span" of four weeks; or all of
        them, within a "part" of the horizon.
    id : of the step; of a span its first instant, as RFC 3339; of a part such as "0.25".
    expected : the mean probability as it was served.
    came, low, high : the rate, and its 95 % interval.
    inside : whether `expected` lies in it: chance explains the difference.
    """

    kind: Literal["all", "step", "span", "part"]
    id: str
    n: int
    leads: int
    expected: float
    came: float
    low: float
    high: float
    inside: bool


Leaning = Literal["higher", "lower", "either", ""]
"""What more of a signal goes with; "" of a category, and of one that never differs."""


@dataclass(frozen=True, slots=True)
class SignalUse:
    """What a signal is to the probabilities of a goal, and how far its values have moved.

    Parameters
    ----------
    weight : the mean size of what it adds to a probability; 0.031 is 3.1 percentage points.
    share : of the weights of all signals, in [0, 1].
    known, known_before : the share of points that have a value of it, in the period and before.
    moved : the population stability index, from 0.
    moved_by_chance : what it would be on average had nothing changed.
    has_moved : whether it is worth telling, and more than chance explains.

    What there was before is None where there was none.
    """

    id: str
    weight: float
    share: float
    more_of_it: Leaning
    known: float
    known_before: float | None
    moved: float | None
    moved_by_chance: float | None
    has_moved: bool


@dataclass(frozen=True, slots=True)
class GoalEvaluation:
    """Everything about one goal.

    Parameters
    ----------
    note : why there are no figures; empty where there are.
    baselines : the step rates first.
    learned : whether the signals told leads apart beyond chance in training.
    gain : for each name, the share of successes found at each of `SHARES`.
    realised : what was expected beside what came, of all, by step and over time.
    within : the same of all within parts of the horizon; empty where the bundle knows no times.
    signals : those that the probabilities rest on, the heaviest first.
    """

    goal: Literal["advancement", "purchase"]
    counts: Counts
    evidence: Basis
    learned: bool
    steps: tuple[StepOutcomes, ...]
    note: str = ""
    verdict: str = ""
    verdict_reason: str = ""
    performance: Performance | None = None
    baselines: tuple[Comparison, ...] = ()
    by_step: tuple[Subgroup, ...] = ()
    by_lead: tuple[Subgroup, ...] = ()
    gain: tuple[tuple[str, tuple[float, ...]], ...] = ()
    realised: tuple[Realised, ...] = ()
    within: tuple[Realised, ...] = ()
    signals: tuple[SignalUse, ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A bundle judged on the points of (`start`, `until`], by what was known at `until`.

    Parameters
    ----------
    start, until : microseconds since the epoch.
    capacity : of the queue, a share of the leads each week, or a number of them if 1 or more.
    trained_until : when the bundle's knowledge ends; after `start` the figures flatter it.
    reordering : beside the champion; None where none was named.
    groups : of protected traits, by the chances of the next step as they are served; None where the
        ladder has no such trait.
    """

    ladder: str
    title: str
    version: str
    start: int
    until: int
    trained_until: int
    seed: int
    capacity: float
    advancement: GoalEvaluation
    purchase: GoalEvaluation
    reordering: Reordering | None = None
    groups: GroupsReport | None = None

    @property
    def verdict(self) -> str:
        """Whether the advancement model beats the step rates, in a few words."""
        return self.advancement.verdict

    @property
    def flatters(self) -> bool:
        """Whether the bundle was trained on part of what it is judged on."""
        return self.trained_until > self.start

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; instants as RFC 3339."""
        instants = {
            name: rfc3339(getattr(self, name)) for name in ("start", "until", "trained_until")
        }
        derived = {"verdict": self.verdict, "flatters": self.flatters, "shares": list(SHARES)}
        beside = self.reordering.as_dict() if self.reordering else None
        return asdict(self) | instants | derived | {"reordering": beside}
