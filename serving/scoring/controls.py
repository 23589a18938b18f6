"""Leads that are put into arms by lot, so that the difference it makes to them is known.

A lead is put into an arm once, and that is an event of it before anything is drawn for it, or shown
of it: when it becomes worth a call, or comes to stand before the step of an experiment. From then
on its own history says so, and `models.offers.eligibility` keeps to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from features.events.of_lead import Row
from features.ladder.controls import Experiment
from features.ladder.ladder import Ladder, Offer
from features.offers.assignments import (
    CALLED,
    CALLING,
    LEFT_ALONE,
    Assignment,
    assignment_event,
    row_of,
)
from features.offers.history import OfferHistory, history_of
from features.store.identities.turns import Erased
from models.judging.trials.assignment import arm_of, is_drawn
from serving.scoring.scorer import Scorer
from serving.scoring.suggestion import suggestion_for

__all__ = ["assignment_in", "takes_a_person", "with_assignment"]


def takes_a_person(offer: Offer) -> bool:
    """Whether a person has to put an offer to a lead, or comes with it."""
    return offer.rep_minutes > 0 or offer.effort.human


def assignment_in(experiment: Experiment, ladder: str, lead_id: str) -> Assignment:
    """The arm of an experiment that a lead is drawn into, who was in none so far."""
    arm = arm_of(experiment, ladder, lead_id)
    return Assignment(experiment.id, arm.id, arm.share)


def with_assignment(
    scorer: Scorer, lead_id: str, rows: list[Row], as_of: int, erased: Erased
) -> list[Row]:
    """The events of a lead, with the arms that it is put into now: of experiments, and of calling.

    Parameters
    ----------
    lead_id : what the lead is called, see `Scorer.read`.
    erased : as it was before its events were read.

    Raises
    ------
    ErasedSince : a lead was erased since, and it may be this one; nothing is kept.
    """
    ladder = scorer.model.bundle.ladder
    if not (ladder.experiments or ladder.controls.none):
        return rows
    history = history_of(rows, ladder, as_of)
    found = list(_due(ladder, history, lead_id))
    rows = _kept(scorer, lead_id, rows, found, as_of, erased)
    share = ladder.controls.none
    if not share or history.calling is not None:
        return rows
    if not _is_worth_a_call(scorer, lead_id, rows, as_of):
        return rows
    arm = LEFT_ALONE if is_drawn(f"{ladder.name}/{CALLING}", lead_id, share) else CALLED
    return _kept(scorer, lead_id, rows, [Assignment(CALLING, arm, share)], as_of, erased)


def _due(ladder: Ladder, history: OfferHistory, lead_id: str) -> Iterator[Assignment]:
    """What a lead is to be put into by where it stands."""
    done = [at for at, goal in enumerate(ladder.goals) if goal.id in history.completed]
    position = max(done, default=-1) + 1
    if position == len(ladder.goals) or history.is_lost:
        return
    for experiment in ladder.experiments:
        is_here = experiment.step in ("", ladder.goals[position].id)
        if experiment.is_ours and is_here and experiment.id not in history.arms:
            yield assignment_in(experiment, ladder.name, lead_id)


def _kept(
    scorer: Scorer,
    lead_id: str,
    rows: list[Row],
    found: Sequence[Assignment],
    as_of: int,
    erased: Erased,
) -> list[Row]:
    """The events of a lead, with assignments that are stored now."""
    if not found:
        return rows
    ladder = scorer.model.bundle.ladder
    events = [assignment_event(one, lead_id, ladder, as_of) for one in found]
    for event in events:  # each by itself: another process may have stored one of them already
        scorer.store.append_new([event], erased=erased)
    return [*rows, *map(row_of, events)]


def _is_worth_a_call(scorer: Scorer, lead_id: str, rows: Sequence[Row], as_of: int) -> bool:
    """Whether what is suggested is to ask something in person: help with what is agreed is not."""
    advice = suggestion_for(scorer.model, lead_id, rows, as_of, scorer.limited(as_of))
    offer = advice.offer
    return offer is not None and offer.role == "ask" and takes_a_person(offer)
