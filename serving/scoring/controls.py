"""Leads that are worth a call, and are left alone by lot, so that the effect of calling is known.

A lead is put into an arm once, when it becomes worth a call, and that is an event of it before
anybody sees it in the queue or anything is drawn for it. From then on its own history says so:
`models.offers.eligibility` keeps asks from a control until what came of it is known.
"""

from __future__ import annotations

from collections.abc import Sequence

from features.events.of_lead import Row
from features.ladder.ladder import Offer
from features.offers.assignments import (
    CALLED,
    CALLING,
    LEFT_ALONE,
    Assignment,
    assignment_event,
    row_of,
)
from features.offers.history import history_of
from models.judging.assignment import is_drawn
from serving.scoring.scorer import Scorer
from serving.scoring.suggestion import suggestion_for

__all__ = ["takes_a_person", "with_assignment"]


def takes_a_person(offer: Offer) -> bool:
    """Whether a person has to put an offer to a lead, or comes with it."""
    return offer.rep_minutes > 0 or offer.effort.human


def with_assignment(scorer: Scorer, lead_id: str, rows: list[Row], as_of: int) -> list[Row]:
    """The events of a lead, with the arm that it is put into now if it is first worth a call.

    Parameters
    ----------
    lead_id : what the lead is called, see `Scorer.read`.
    """
    model = scorer.model
    ladder = model.bundle.ladder
    share = ladder.controls.none
    if not share or history_of(rows, ladder, as_of).calling is not None:
        return rows
    if not _is_worth_a_call(scorer, lead_id, rows, as_of):
        return rows
    arm = LEFT_ALONE if is_drawn(f"{ladder.name}/{CALLING}", lead_id, share) else CALLED
    event = assignment_event(Assignment(CALLING, arm, share), lead_id, ladder, as_of)
    scorer.store.append_new([event])
    return [*rows, row_of(event)]


def _is_worth_a_call(scorer: Scorer, lead_id: str, rows: Sequence[Row], as_of: int) -> bool:
    """Whether what is suggested is to ask something in person: help with what is agreed is not."""
    advice = suggestion_for(scorer.model, lead_id, rows, as_of, scorer.limited(as_of))
    offer = advice.offer
    return offer is not None and offer.role == "ask" and takes_a_person(offer)
