"""What came of an experiment, from the log alone: who was put where, and who reached what since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import numpy as np

from features.arrays import Bools, Floats, Ints
from features.clock import rfc3339
from features.events.log import DAY_US, EventLog, Times
from features.ladder.controls import Arm, Experiment
from features.ladder.ladder import Ladder
from features.offers.assignments import CALLING, Assigned, assigned_experiments, assignments_of
from features.signals.fold import NONE
from features.signals.linked_log import link
from features.signals.program import compile_ladder
from features.signals.snapshot import snapshot_at
from models.judging.trials.comparison import Drawn, arm_counts, compared
from models.judging.trials.sample_ratio import sample_ratio
from models.judging.trials.shapes import (
    ArmOfExperiment,
    ExperimentReport,
    GoalOfExperiment,
    SampleRatioCheck,
)
from models.judging.trials.wording import headline, sentence_of_ratio
from training.funnel.experiments.afterwards import afterwards

__all__ = ["experiments_in", "judge_experiment"]

_SUM_WITHIN: Final = 1e-6


def judge_experiment(
    log: EventLog,
    ladder: Ladder,
    experiment: Experiment,
    until: int | None = None,
    *,
    state: str = "running",
    worth: float | None = None,
) -> ExperimentReport:
    """Compare the arms of an experiment by what was known at an instant.

    Parameters
    ----------
    until : microseconds since the epoch (default, and at most: the last event).
    state : of the experiment, as it is told.
    worth : a difference of shares below which it is not worth having; by default a fifth of what
        the control reaches, and at most 0.02 (`models.judging.trials.comparison`).

    Raises
    ------
    EventsError : an assignment whose record cannot be read; the message names the lead.
    """
    until = log.judged_until(until)
    log = log.known_by(until)
    found = [
        one
        for one in assignments_of(log, ladder, experiment.id, until)
        if experiment.arm(one.assignment.arm) is not None
    ]
    found.sort(key=lambda one: (one.at, log.leads[one.lead]))
    put = _Put.of(log, ladder, experiment, found, until)
    goals = [_goal(put, ladder, at, until, worth) for at in _order(ladder)]
    report: ExperimentReport = {
        "ladder": ladder.name,
        "id": experiment.id,
        "title": experiment.title or experiment.id,
        "kind": experiment.kind,
        "step": experiment.step,
        "state": state,
        "as_of": rfc3339(until),
        "since": rfc3339(int(put.at.min())) if len(put.at) else None,
        "leads": len(put.at),
        "arms": _arms(experiment, put.arm, found),
        "sample_ratio": _sample_ratio(put, experiment),
        "goals": goals,
        "afterwards": afterwards(log, ladder, put.lead, put.at, put.arm, put.arms, until),
        "says": "",
        "notes": _notes(goals, experiment, found),
    }
    report["says"] = headline(report)
    return report


def experiments_in(log: EventLog, ladder: Ladder, until: int) -> list[Experiment]:
    """The experiments that a log tells of, as far as it does: their arms with their shares.

    The first arm by name is the control. Of arms that nobody was put into nothing is known: a last
    one, "nobody", has what is left of the shares.
    """
    found = []
    for name, shares in assigned_experiments(log, ladder, until).items():
        if name == CALLING:
            continue
        arms = [Arm(arm, share) for arm, share in sorted(shares.items())]
        rest = 1.0 - sum(arm.share for arm in arms)
        if rest > _SUM_WITHIN:
            arms.append(Arm("nobody" if "nobody" not in shares else "none of these", rest))
        found.append(Experiment(name, "policy", tuple(arms), control=arms[0].id))
    return found


@dataclass(frozen=True, eq=False, slots=True)
class _Put:
    """The leads of an experiment, n of them in the order of the lots."""

    log: EventLog
    arms: tuple[str, ...]
    control: int
    lead: Ints
    at: Times
    arm: Ints
    share: Floats
    position: Ints
    known: Floats
    delays: Ints
    """Shape (n_goals,): how long late news of each is waited for, in microseconds."""

    @classmethod
    def of(
        cls,
        log: EventLog,
        ladder: Ladder,
        experiment: Experiment,
        found: Sequence[Assigned],
        until: int,
    ) -> _Put:
        arms = tuple(arm.id for arm in experiment.arms)
        lead = np.array([one.lead for one in found], dtype=np.int64)
        at = np.array([one.at for one in found], dtype=np.int64)
        names = tuple(log.leads[one] for one in lead.tolist())
        known = snapshot_at(log, compile_ladder(ladder), names, lead, at)
        numbers = [not signal.is_category for signal in known.signals]
        shares = np.array([arm.share for arm in experiment.arms])
        return cls(
            log=log,
            arms=arms,
            control=arms.index(experiment.control),
            lead=lead,
            at=at,
            arm=np.array([arms.index(one.assignment.arm) for one in found], dtype=np.int64),
            share=np.tile(shares / shares.sum(), (len(found), 1)),
            position=known.position,
            known=known.values[:, np.array(numbers, dtype=np.bool_)],
            delays=link(log, compile_ladder(ladder)).arrival_delays(until),
        )


def _order(ladder: Ladder) -> list[int]:
    """The purchase, then the steps."""
    last = len(ladder.goals) - 1
    return [last, *range(last)]


def _goal(put: _Put, ladder: Ladder, at: int, until: int, worth: float | None) -> GoalOfExperiment:
    """One goal, for the leads that had not reached it, or one above, when they were put."""
    goal = ladder.goals[at]
    stands: Bools = put.position <= at
    lead, then = put.lead[stands], put.at[stands]
    linked = link(put.log, compile_ladder(ladder))
    wanted = np.full(len(lead), at, dtype=np.int64)
    reached = linked.next_completions(lead, then, wanted, until).advanced
    horizon = _horizons(ladder, at)[put.position[stands]]
    over = then + horizon + put.delays[at] <= until
    drawn = Drawn(
        arm=put.arm[stands],
        share=put.share[stands],
        reached=(reached != NONE) & (reached <= then + horizon),
        is_mature=over,
        known=put.known[stands],
    )
    return {
        "id": goal.id,
        "title": goal.title,
        "horizon_days": float(horizon.max() / DAY_US) if len(lead) else goal.horizon_days,
        "arms": arm_counts(drawn, put.arms),
        "comparisons": compared(drawn, put.arms, put.control, worth),
    }


def _horizons(ladder: Ladder, at: int) -> Ints:
    """By position, within how many microseconds a goal is to be reached.

    The purchase has its own; a step has those of the steps on the way to it.
    """
    days = [goal.horizon_days for goal in ladder.goals]
    if at == len(days) - 1:
        return np.full(at + 1, round(days[at] * DAY_US), dtype=np.int64)
    way = list(accumulate(reversed(days[: at + 1])))[::-1]
    return np.round(np.array(way) * DAY_US).astype(np.int64)


def _arms(experiment: Experiment, arm: Ints, found: Sequence[Assigned]) -> list[ArmOfExperiment]:
    crossed = np.array([one.is_crossed for one in found], dtype=np.bool_)
    return [
        {
            "id": one.id,
            "share": one.share,
            "is_control": one.id == experiment.control,
            "leads": int((arm == at).sum()),
            "crossed": int((crossed & (arm == at)).sum()),
        }
        for at, one in enumerate(experiment.arms)
    ]


def _sample_ratio(put: _Put, experiment: Experiment) -> SampleRatioCheck:
    if not len(put.arm):
        return {"p": 1.0, "alarm": False, "says": "Nobody was put into an arm yet."}
    found = sample_ratio(put.arm, put.share)
    got = np.bincount(put.arm, minlength=len(put.arms)) / len(put.arm)
    told = ", ".join(
        f"{100 * share:.1f} % in {arm.id} where {100 * arm.share:.1f} % were meant"
        for share, arm in zip(got.tolist(), experiment.arms, strict=True)
    )
    says = f"the arms are not what was drawn ({told}): something sorts the leads."
    fine = "The arms have the leads that the lot gives them."
    is_off = found.alarm is not None
    return {"p": float(found.p[-1]), "alarm": is_off, "says": says if is_off else fine}


def _notes(
    goals: Sequence[GoalOfExperiment], experiment: Experiment, found: Sequence[Assigned]
) -> list[str]:
    said = [
        sentence_of_ratio(one["arm"], experiment.control, one["ratio"])
        for one in goals[0]["comparisons"]
        if one["leads"]
    ]
    empty = [arm.id for arm in experiment.arms if all(o.assignment.arm != arm.id for o in found)]
    if found and empty:
        said.append(f"nobody is in {', '.join(empty)} yet")
    crossed = sum(one.is_crossed for one in found)
    if crossed:
        said.append(f"{crossed:,} with ids in two arms; a lead counts where it was put first")
    return said
