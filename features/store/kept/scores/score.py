"""The latest score of a lead, which the queue is made of, and what is asked of the one before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Final, NamedTuple

__all__ = [
    "FIELDS",
    "OUT_OF_QUEUE",
    "STEADY",
    "Former",
    "StoredScore",
    "score_of",
    "steady_of",
    "values_of",
]

OUT_OF_QUEUE: Final = -1.0
"""The priority of leads that are scored but not queued."""


@dataclass(frozen=True, slots=True)
class StoredScore:
    """The latest score of a lead, as the queue shows it.

    Parameters
    ----------
    as_of, scored_at, last_active : microseconds since the epoch; `as_of` is what was known,
        `scored_at` when it was computed.
    step : the id of the next step; `position` counts the rungs completed.
    p_advance, low, high, p_purchase : probabilities in [0, 1]; None where data are insufficient.
    priority : the queue's order, the highest first.
    percentile : share of the queued leads before the same step whose `p_advance` is no higher,
        when it was scored, in [0, 1].
    reasons : JSON text.
    bundle : fingerprint of what scored.
    band : low, medium or high; None for a lead that is not queued.
    waiting_since : when the lead asked something that was not answered yet.
    asked_at : when the last question of such a lead became known.
    cause : why it is another score than the one before: events, time, model or recalibration.
    p_week_ago : of the same step, a week before `as_of`, as this model sees it; None where the step
        was another one, nothing was known, or it was not looked for.
    tab : whose work the lead is; None for a lead that is not queued.
    offer_id, gain, rep_minutes : what is suggested, what it is believed to add to the value of
        leaving alone, and what it costs a rep.
    traits : JSON text, an object: what is known of those that the ladder names.
    account_id : the company that it belonged to; None for none.
    source : its trait of that name; None where it has none, or the ladder knows no such trait.
    """

    lead_id: str
    ladder: str
    as_of: int
    step: str
    position: int
    p_advance: float | None
    low: float | None
    high: float | None
    p_purchase: float | None
    priority: float
    percentile: float | None
    reasons: str
    bundle: str
    scored_at: int
    last_active: int | None
    band: str | None = None
    waiting_since: int | None = None
    cause: str = "events"
    p_week_ago: float | None = None
    tab: str | None = None
    offer_id: str | None = None
    gain: float | None = None
    rep_minutes: float | None = None
    traits: str = "{}"
    account_id: str | None = None
    source: str | None = None
    asked_at: int | None = None


FIELDS: Final = tuple(field.name for field in fields(StoredScore))
values_of: Final = attrgetter(*FIELDS)


def score_of(row: Mapping[Any, Any]) -> StoredScore:
    """A score from the columns of its row, and others beside."""
    return StoredScore(*(row[name] for name in FIELDS))


class Former(NamedTuple):
    """What the stored score of a lead was."""

    as_of: int
    step: str
    position: int
    band: str | None
    bundle: str
    p_advance: float | None = None
    cause: str = "events"
    last_active: int | None = None
    waiting_since: int | None = None
    account_id: str | None = None
    source: str | None = None


STEADY: Final = ("position", "last_active", "waiting_since", "account_id", "source")
"""Columns that mostly stay as they are when time passes. A database writes each index of a column
that is set, also to what it was: where these are all the same they are not set."""
steady_of: Final = attrgetter(*STEADY)
