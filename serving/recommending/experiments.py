"""Experiments of a service: begun, told, ended, and leads put into their arms."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final

import sqlalchemy as sa
from typing_extensions import TypedDict  # pydantic reads typing's own from Python 3.12 on

from features.clock import rfc3339
from features.errors import ExperimentConflict, OptedOut, UnknownLead
from features.events.of_lead import Row
from features.events.values import names_a_lead
from features.ladder.controls import STANDING, Experiment, ExperimentKind
from features.ladder.ladder import Ladder
from features.offers.assignments import (
    Assignment,
    assignment_event,
    assignment_of,
)
from features.offers.experiments import (
    body_of,
    check_experiment,
    check_words,
    experiment_of,
)
from features.store.events import EventStore
from features.store.identities.turns import ErasedSince
from features.store.kept.experiments import ExperimentState, KeptExperiment
from features.store.kept.reports import Reports
from features.store.privacy import Privacy
from models.judging.trials.shapes import ExperimentReport
from models.offers.policy import POLICIES, POLICIES_WITHOUT
from serving.scoring.controls import assignment_in

__all__ = [
    "ArmAnswer",
    "AssignmentAnswer",
    "ExperimentAnswer",
    "ExperimentWithReport",
    "assign",
    "end_experiment",
    "experiment_told",
    "experiments_told",
    "start_experiment",
]

REPORT = "experiment"
"""The kind of the reports of experiments."""
_TRIES: Final = 10
"""How often an arm is drawn anew where somebody is erased, or another caller was first."""


class ArmAnswer(TypedDict):
    """An arm: the share of leads that it gets, and what they get."""

    id: str
    share: float
    offers: list[str]
    policy: str


class ExperimentAnswer(TypedDict):
    """An experiment. `is_ours`: Rung puts leads into it and does what their arm says."""

    id: str
    ladder: str
    title: str
    kind: ExperimentKind
    step: str
    control: str
    arms: list[ArmAnswer]
    is_ours: bool
    state: ExperimentState
    started_at: str | None
    stopped_at: str | None
    verdict: str
    by: str


class ExperimentWithReport(ExperimentAnswer):
    """An experiment with what it has shown so far; null until it was looked at."""

    report: ExperimentReport | None


class AssignmentAnswer(TypedDict):
    """The arm of a lead. `is_new`: it was put into it now."""

    experiment: str
    lead_id: str
    arm: str
    share: float
    assigned_at: str
    is_new: bool


def start_experiment(
    store: EventStore, ladder: Ladder, experiment: Experiment, *, now: int, by: str
) -> KeptExperiment:
    """Begin an experiment.

    Raises
    ------
    ExperimentError : it cannot be done on the ladder; says all that is wrong.
    ExperimentConflict : there is one of that id, or another that runs gives the same offers out.
    """
    check_experiment(experiment, ladder, (*POLICIES, *POLICIES_WITHOUT))
    return store.experiments.start(
        ladder.name,
        experiment.id,
        body_of(experiment),
        now=now,
        by=by,
        check=partial(_check_apart, experiment),
    )


def _check_apart(experiment: Experiment, running: Sequence[KeptExperiment]) -> None:
    """ExperimentConflict where one that runs has an offer of this one."""
    offers = {offer for arm in experiment.arms for offer in arm.offers}
    for kept in running:
        other = experiment_of(kept.body)
        if other.id == experiment.id:
            continue  # that there is one of this id is told by who keeps them
        shared = offers & {offer for arm in other.arms for offer in arm.offers}
        if shared:
            raise ExperimentConflict(
                f"the experiment {other.id!r} runs and has the offer {min(shared)!r} already: an"
                " offer is in one experiment at a time"
            )


def end_experiment(
    store: EventStore,
    ladder: Ladder,
    id_: str,
    *,
    now: int,
    by: str,
    verdict: str = "",
    roll_out: str | None = None,
) -> KeptExperiment:
    """End an experiment; with `roll_out` the offers that only other arms have are paused.

    Raises
    ------
    UnknownExperiment, ExperimentConflict : there is none, it was ended, or has no such arm.
    ExperimentError : the verdict is no single line of letters.
    """
    experiment = experiment_of(store.experiments.get(ladder.name, id_).body)
    check_words(verdict, "a verdict")
    others: set[str] = set()
    if roll_out is not None:
        best = experiment.arm(roll_out)
        if best is None:
            known = ", ".join(arm.id for arm in experiment.arms)
            raise ExperimentConflict(f"{id_!r} has no arm {roll_out!r}, but {known}")
        if experiment.kind == "offer":
            others = {offer for arm in experiment.arms for offer in arm.offers}
            others -= set(best.offers)
        verdict = verdict or f"{roll_out} is rolled out"

    def pause(connection: sa.Connection) -> None:
        # One that was retired must not come back as paused.
        store.offers.pause(connection, ladder, sorted(others), now=now, by=by)

    return store.experiments.stop(
        ladder.name, id_, now=now, verdict=verdict or "stopped", then=pause
    )


def experiments_told(store: EventStore, ladder: Ladder) -> list[ExperimentAnswer]:
    """The experiments of a ladder that are not put away: the standing one first."""
    standing = ladder.controls.standing
    found = [] if standing is None else [_standing(ladder, standing)]
    kept = [one for one in store.experiments.of(ladder.name) if one.state != "archived"]
    return [*found, *map(_told, kept)]


def experiment_told(store: EventStore, ladder: Ladder, id_: str) -> ExperimentWithReport:
    """An experiment with its newest report; UnknownExperiment where there is none."""
    standing = ladder.controls.standing
    if standing is not None and id_ in (STANDING, standing.id):
        id_ = standing.id
        told = _standing(ladder, standing)
    else:
        told = _told(store.experiments.get(ladder.name, id_))
    report = Reports(store.database).newest(REPORT, ladder.name, id_)
    # It may have been ended since it was looked at.
    body: Any = None if report is None else {**report.body, "state": told["state"]}
    return {**told, "report": body}


def _standing(ladder: Ladder, standing: Experiment) -> ExperimentAnswer:
    kept = KeptExperiment(ladder.name, standing.id, body_of(standing), "running", 0, None, "", "")
    return {**_told(kept), "started_at": None, "by": "[controls] of the ladder"}


def _told(kept: KeptExperiment) -> ExperimentAnswer:
    experiment = experiment_of(kept.body)
    return {
        "id": kept.id,
        "ladder": kept.ladder,
        "title": experiment.title or kept.id,
        "kind": experiment.kind,
        "step": experiment.step,
        "control": experiment.control,
        "arms": [
            {"id": a.id, "share": a.share, "offers": list(a.offers), "policy": a.policy}
            for a in experiment.arms
        ],
        "is_ours": experiment.is_ours,
        "state": kept.state,
        "started_at": rfc3339(kept.started_at),
        "stopped_at": None if kept.stopped_at is None else rfc3339(kept.stopped_at),
        "verdict": kept.verdict,
        "by": kept.by,
    }


def assign(
    store: EventStore, privacy: Privacy, ladder: Ladder, id_: str, lead_id: str, now: int
) -> AssignmentAnswer:
    """The arm of a lead: the one that it was put into first, by any of its ids, or by lot now.

    A lead of which nothing is known yet is put into an arm as well.

    Raises
    ------
    UnknownExperiment : there is none.
    ExperimentConflict : it is over, and the lead was never put into it; or leads went on being
        erased while it was to be put there.
    OptedOut : the lead must not be profiled, and so not be tried on.
    UnknownLead : an id that no lead can have, or whose lead was erased meanwhile.
    """
    experiment, state = _known(store, ladder, id_)
    id_ = experiment.id
    if not names_a_lead(lead_id):
        raise UnknownLead(f"{lead_id!r} can be the id of no lead")
    was_there = False
    for _ in range(_TRIES):
        erased = store.identities.erased_now()
        if privacy.is_opted_out(lead_id):
            raise OptedOut.named(lead_id)
        lead, rows = store.read(lead_id)
        if was_there and not rows:
            raise UnknownLead(f"lead {lead_id!r} was erased meanwhile")
        was_there = bool(rows)
        if known := _first(rows, ladder, id_):
            return _assigned(known[1], lead, known[0], is_new=False)
        if state != "running":
            raise ExperimentConflict(
                f"the experiment {id_!r} is over: nobody is put into it any more"
            )
        told = assignment_in(experiment, ladder.name, lead)
        with suppress(ErasedSince):
            if store.append_new([assignment_event(told, lead, ladder, now)], erased=erased):
                return _assigned(told, lead, now, is_new=True)
            # Else another caller was first, and its instant counts; or the lead was erased for
            # good, and is out when it is looked at again.
    raise ExperimentConflict("leads go on being erased at the same time; ask for the arm again")


def _first(rows: Sequence[Row], ladder: Ladder, id_: str) -> tuple[int, Assignment] | None:
    """When a lead with these events was put into an arm first, and which; None if it was not."""
    known = [
        (row[1], told)
        for row in rows
        if row[0] == ladder.events.assignment
        and (told := assignment_of(row[3])) is not None
        and told.experiment == id_
    ]
    return min(known, key=lambda pair: pair[0], default=None)


def _known(store: EventStore, ladder: Ladder, id_: str) -> tuple[Experiment, str]:
    standing = ladder.controls.standing
    if standing is not None and id_ in (STANDING, standing.id):
        return standing, "running"
    kept = store.experiments.get(ladder.name, id_)
    return replace(experiment_of(kept.body), id=id_), kept.state


def _assigned(told: Assignment, lead: str, at: int, *, is_new: bool) -> AssignmentAnswer:
    return {
        "experiment": told.experiment,
        "lead_id": lead,
        "arm": told.arm,
        "share": told.share,
        "assigned_at": rfc3339(at),
        "is_new": is_new,
    }
