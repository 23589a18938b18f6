"""What a policy would have been worth, told from the decisions of a log that it never served.

drawn decisions of a later period -> what the policy would have chosen -> value, gain, segments
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from features.arrays import Floats
from features.clock import rfc3339, said_at, said_from
from features.errors import NotEnoughData
from features.events.log import EventLog
from features.ladder.ladder import Ladder
from models.bundle import Bundle
from models.judging.groups.report import GroupsReport
from models.judging.off_policy import (
    Logged,
    PolicyGain,
    PolicyValue,
    by_segment,
    gain,
    is_same_policy,
    off_policy,
)
from models.offers.policy import POLICIES
from models.scores.encoding import FEWEST_OF_TEXT
from training.policies.by_group import groups_of_policy
from training.policies.choices import shares_of
from training.policies.decisions import Decisions, drawn_decisions
from training.policies.offers import tried_of
from training.policies.predicted_values import predicted_values
from training.policies.watch import WatchedGain, Watching, watched_gain, watching

__all__ = ["LOGGED", "Assessment", "PolicyEvaluation", "assess", "compare", "evaluate_policy"]

Strings = npt.NDArray[np.str_]

LOGGED: Final = "logged"
"""Names the policy that took the decisions: what the log itself was worth."""
_LEAST_IN_SEGMENT: Final = 100
"""Decisions below which a segment of a trait is not looked at; a step is always."""
_MOST_WORDS: Final = 6


@dataclass(frozen=True, slots=True)
class Assessment:
    """A policy beside another on the same decisions, in the unit of their values.

    Parameters
    ----------
    weight_share : the share of all weight that the heaviest decision has.
    segments : the gain in each; steps as "step: ...", traits as "industry: ...".
    """

    value: PolicyValue
    baseline: PolicyValue
    gain: PolicyGain
    weight_share: float
    segments: dict[str, PolicyGain]


@dataclass(frozen=True, slots=True)
class PolicyEvaluation:
    """An assessment with what it is about.

    Parameters
    ----------
    name, against : the policies; `against` is "logged" for the one that took the decisions.
    start, trained_until, until : RFC 3339; decisions after `start` whose windows were over by
        `until` were judged.
    flatters : whether the bundle was trained on what it is judged on.
    pending : decisions whose windows are not over.
    watch : the gain by an interval that holds at all looks together; None where no lead's decisions
        are over. The gate asks it.
    currency : of the ladder; all values and gains but `advance` are in it.
    advance : the gain in the rate of the next step, beside that in value.
    shares : how often each option is chosen, by the policy and by the log.
    groups : of protected traits; None where the ladder has no such trait.
    """

    name: str
    against: str
    bundle: str
    ladder: str
    start: str
    trained_until: str
    until: str
    flatters: bool
    pending: int
    assessment: Assessment
    watch: WatchedGain | None
    advance: PolicyGain
    shares: dict[str, tuple[float, float]]
    currency: str
    groups: GroupsReport | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def evaluate_policy(
    bundle: Bundle,
    log: EventLog,
    name: str = "learned",
    *,
    against: str = LOGGED,
    start: int | None = None,
    until: int,
    progress: Callable[[str], None] = lambda _: None,
) -> PolicyEvaluation:
    """Judge a policy on decisions after `start` (default: the end of the bundle's training).

    Nothing after the last event of the log is judged, whatever `until` says.

    Raises
    ------
    NotEnoughData : there are no such decisions whose windows are over, or all came to the same.
    PolicyError : there is no policy of that name.
    """
    trained_until = int(bundle.manifest["until"])
    start = trained_until if start is None else start
    until = log.judged_until(until)
    judged, pending, watch = _judged(bundle.ladder, log, start, until)
    progress(f"{len(judged):,} decisions of {len(np.unique(judged.lead)):,} leads")
    rows = _Foreseen.of(bundle, judged)
    target = shares_of(bundle, judged, name)
    baseline = rows.value.probability
    if against != LOGGED:
        baseline = shares_of(bundle, judged, against)
    if is_same_policy(target, baseline):
        target = baseline
    return PolicyEvaluation(
        name=name,
        against=against,
        bundle=bundle.version,
        ladder=bundle.ladder.name,
        start=rfc3339(start),
        trained_until=rfc3339(trained_until),
        until=rfc3339(until),
        flatters=start < trained_until,
        pending=pending,
        assessment=assess(
            rows.value, target, baseline, rows.predicted_value, _segments(bundle.ladder, judged)
        ),
        watch=rows.watched(watch, target, baseline),
        advance=gain(rows.advance, target, baseline, rows.predicted_advance),
        shares={
            option: (float(target[:, at].mean()), float((judged.chosen == at).mean()))
            for at, option in enumerate(bundle.offers.options.ids)
        },
        currency=bundle.ladder.value.currency,
        groups=groups_of_policy(log, bundle.ladder, judged, target),
    )


def compare(
    bundle: Bundle,
    log: EventLog,
    *,
    against: str = LOGGED,
    start: int | None = None,
    until: int,
    names: tuple[str, ...] = tuple(POLICIES),
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Assessment]:
    """Every policy on the same decisions, each beside one other; raises as `evaluate_policy`."""
    trained_until = int(bundle.manifest["until"])
    start = trained_until if start is None else start
    judged, _, _ = _judged(bundle.ladder, log, start, log.judged_until(until))
    rows = _Foreseen.of(bundle, judged)
    baseline = rows.value.probability
    if against != LOGGED:
        baseline = shares_of(bundle, judged, against)
    found = {}
    for name in names:
        progress(name)
        target = shares_of(bundle, judged, name)
        found[name] = assess(rows.value, target, baseline, rows.predicted_value, {})
    return found


def assess(
    logged: Logged,
    target: Floats,
    baseline: Floats,
    predicted: Floats,
    segments: dict[str, Strings],
) -> Assessment:
    """A policy beside another on logged decisions.

    Parameters
    ----------
    segments : what the segments are called -> shape (n,), the segment of each decision, "" for
        none.
    """
    value = off_policy(logged, target, predicted)
    weight = target[np.arange(len(logged)), logged.chosen] / logged.propensity
    gains: dict[str, PolicyGain] = {}
    for kind, labels in segments.items():
        some = labels != ""
        found = by_segment(
            logged.rows(some), target[some], baseline[some], predicted[some], labels[some]
        )
        gains |= {f"{kind}: {label}": one for label, one in found.items()}
    return Assessment(
        value=value,
        baseline=off_policy(logged, baseline, predicted),
        gain=gain(logged, target, baseline, predicted),
        weight_share=float(weight.max() / weight.sum()),
        segments=gains,
    )


# --------------------------------------------------------------------------------- what is judged


@dataclass(frozen=True, eq=False, slots=True)
class _Foreseen:
    """The judged decisions with both of their outcomes, and what was foreseen of each.

    Parameters
    ----------
    raw : with values of which no costs were taken off, in units of `worth`.
    cost, paid : what each option costs, and what each decision did.
    """

    matrix: Floats
    raw: Logged
    worth: float
    cost: Floats
    paid: Floats
    is_share: bool
    value: Logged
    advance: Logged
    predicted_value: Floats
    predicted_advance: Floats

    @classmethod
    def of(cls, bundle: Bundle, judged: Decisions) -> _Foreseen:
        """The value is net: what came in the window, less what the chosen option cost.

        What did not reach its lead cost nothing.
        """
        ladder, cost = bundle.ladder, bundle.offers.options.cost
        matrix = tried_of(judged, bundle.encoding).matrix
        advance = Logged(judged.probability, judged.chosen, judged.advanced, judged.lead)
        raw = Logged(judged.probability, judged.chosen, judged.value, judged.lead)
        is_share = not ladder.value.gains
        if (judged.value == judged.value[0]).all():  # costs alone must not carry a policy
            raise NotEnoughData(
                f"all {len(judged):,} decisions came to {judged.value[0]:g}, costs not taken off:"
                " nothing to compare yet"
            )
        worth = ladder.value.purchase if is_share else 1.0
        foreseen = predicted_values(matrix, raw, binary=is_share)
        paid = cost[judged.chosen] * judged.is_shown
        net = worth * judged.value - paid
        return cls(
            matrix=matrix,
            raw=raw,
            worth=worth,
            cost=cost,
            paid=paid,
            is_share=is_share,
            value=replace(raw, value=net),
            advance=advance,
            predicted_value=worth * foreseen - cost * judged.reach,
            predicted_advance=predicted_values(matrix, advance, binary=_is_binary(advance.value)),
        )

    def watched(self, watch: Watching, target: Floats, baseline: Floats) -> WatchedGain | None:
        """The gain as the gate may look at it each day."""
        return watched_gain(
            self.raw,
            self.matrix,
            watch,
            (target, baseline),
            worth=self.worth,
            cost=self.cost,
            paid=self.paid,
            binary=self.is_share,
        )


def _is_binary(value: Floats) -> bool:
    """Whether no outcome was reported as a share."""
    return bool(np.isin(value, (0.0, 1.0)).all())


def _judged(
    ladder: Ladder, log: EventLog, start: int, until: int
) -> tuple[Decisions, int, Watching]:
    """The decisions to judge on, how many are pending, and what of them a sequence counts."""
    decisions = drawn_decisions(log, ladder, until)
    decisions = decisions.rows(decisions.position < len(ladder.goals))
    watch = watching(ladder, decisions, start, until)
    decisions = decisions.rows(decisions.as_of > start)
    if not decisions.is_over.any():
        once = "the window of one is over" if len(decisions) else "the service has drawn some"
        raise NotEnoughData(
            f"no drawn decision after {said_from(start)} whose window was over by {said_at(until)}"
            f" ({len(decisions):,} pending); a policy can be judged once {once}"
        )
    over = decisions.is_over
    return decisions.rows(over), int((~over).sum()), watch.rows(over)


def _segments(ladder: Ladder, judged: Decisions) -> dict[str, Strings]:
    """The next step of each decision, and the more frequent words of every category trait."""
    names = np.array([goal.id for goal in ladder.goals])
    segments: dict[str, Strings] = {"step": names[judged.position]}
    for trait in ladder.traits:
        words = judged.snapshot.categories.get(f"trait.{trait.id}")
        if words is None:
            continue
        at = [signal.id for signal in judged.snapshot.signals].index(f"trait.{trait.id}")
        codes = np.nan_to_num(judged.snapshot.values[:, at], nan=-1.0).astype(np.int64)
        labels = np.array([*words, ""])[codes]
        told = labels != ""
        found, word, counts = np.unique(labels[told], return_inverse=True, return_counts=True)
        pairs = np.unique(np.stack([word, judged.lead[told]]), axis=1)
        leads = np.bincount(pairs[0], minlength=len(found))
        enough = (counts >= _LEAST_IN_SEGMENT) & (leads >= FEWEST_OF_TEXT)
        most = found[enough][np.argsort(-counts[enough], kind="stable")][:_MOST_WORDS]
        kind = f"trait {trait.id}" if trait.id in segments else trait.id
        segments[kind] = np.where(np.isin(labels, most), labels, "")
    return segments
