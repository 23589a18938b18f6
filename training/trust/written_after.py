"""Traits that are filled in because of the outcome, as their instants or their values tell."""

from __future__ import annotations

from typing import Final

import numpy as np

from features.arrays import Bools, Floats, Ints
from features.events.log import DAY_US, EventLog
from features.ladder.ladder import Ladder, Trait
from features.ladder.words import in_percent
from features.signals.linked_log import link
from features.signals.program import compile_ladder
from models.judging.intervals import wilson
from models.judging.rounding import rounded
from training.decision_points import Points
from training.labels import Outcomes
from training.trust.suspicion import Suspicion

__all__ = ["only_of_successes", "written_after"]

_FEWEST: Final = 30
"""Leads that bought and have the trait, below which nothing is said of it."""
_MOSTLY: Final = 0.5
_TIMES: Final = 3.0
"""How much more often than for others a trait has to come after the purchase."""
_NONE: Final = np.iinfo(np.int64).max
_SURE_RATE: Final = 0.95
"""The rate from which a value is one that successes alone have."""
_FEWEST_OF_VALUE: Final = 20
_SHARE_OF_SUCCESSES: Final = 0.25
"""The share of the successes that such values have to hold: a rare sign may well be sure."""
_ORDINARY: Final = 0.75
"""The rate of all leads above which nearly sure values are no news."""
_NAMED: Final = 3
"""Values that a sentence names."""


def written_after(log: EventLog, ladder: Ladder) -> list[Suspicion]:
    """The traits that become known at or after the purchase, far more often than without one.

    A lead that did not buy has its purchase, for the comparison, as long after its first event as
    one that did. Instants are those at which a trait is said to have been written, also where it is
    said to have been known before.
    """
    clock = log.occurred if log.ahead is None else log.occurred + log.ahead
    bought = _first(log, clock, link(log, compile_ladder(ladder)).meets(len(ladder.steps)))
    buyers = bought != _NONE
    if buyers.sum() < _FEWEST or buyers.all():
        return []
    began = _first(log, clock, np.ones(len(log), dtype=np.bool_))
    delay = np.sort(bought[buyers] - began[buyers])
    instead = np.random.default_rng(7).integers(0, len(delay), len(bought))
    ends = np.where(buyers, bought, began + delay[instead])
    is_traits = _named(log, ladder.events.traits)
    found = []
    for trait in ladder.traits:
        first = _first(log, clock, is_traits & _held(log, trait))
        if one := _late(trait, first, ends, buyers):
            found.append(one)
    return found


def _late(trait: Trait, first: Ints, ends: Ints, buyers: Bools) -> Suspicion | None:
    has = first != _NONE
    if (has & buyers).sum() < _FEWEST:
        return None
    after = has & (first >= ends)
    share = float(after[buyers & has].mean())
    theirs, others = float(after[buyers].mean()), float(after[~buyers].mean())
    many, more = int(buyers.sum()), int((~buyers).sum())
    error = float(np.sqrt(theirs * (1 - theirs) / many + others * (1 - others) / more))
    if share < _MOSTLY or theirs < _TIMES * others or theirs - others < 5.0 * error:
        return None
    days = float(np.median((first - ends)[after & buyers])) / DAY_US
    return Suspicion(
        f"trait.{trait.id}",
        "written after",
        f"the trait trait.{trait.id} is written at or after the purchase for {in_percent(share)} of"
        f" the leads that bought and have it (half of them {rounded(days, 3)} days after or more),"
        f" and at a like age for {in_percent(others, 1)} of the others: it is filled in because of"
        " the purchase. Import it with the instant at which it was written, or leave it out of the"
        " ladder",
        figures={"after": round(share, 4), "of_others": round(others, 4)},
    )


def only_of_successes(points: Points, outcomes: Outcomes, ladder: Ladder) -> list[Suspicion]:
    """The traits with values, or a presence, that hardly a lead has but those that buy."""
    last = _last_mature(points, outcomes)
    happened = outcomes.happened[last]
    if happened.sum() < _FEWEST or happened.mean() > _ORDINARY:
        return []
    found = []
    some = points.rows(last)
    ids = [signal.id for signal in some.snapshot.signals]
    for trait in ladder.traits:
        at = ids.index(f"trait.{trait.id}")
        values = some.snapshot.values[:, at]
        words = some.snapshot.categories.get(f"trait.{trait.id}")
        if one := _sure_values(trait.id, values, words, happened):
            found.append(one)
    return found


def _sure_values(
    trait: str, values: Floats, words: tuple[str, ...] | None, happened: Floats
) -> Suspicion | None:
    known = ~np.isnan(values)
    code = np.zeros(len(values), dtype=np.int64)
    if words is not None:
        code[known] = values[known].astype(np.int64)
    many, reached = np.bincount(code[known]), np.bincount(code[known], happened[known])
    low = wilson(reached.astype(np.float64), many.astype(np.float64))[0]
    rate = reached / np.maximum(many, 1)
    sure = (many >= _FEWEST_OF_VALUE) & (rate >= _SURE_RATE) & (low >= _SURE_RATE - 0.1)
    share = float(reached[sure].sum() / happened.sum())
    if share < _SHARE_OF_SUCCESSES:
        return None
    of_them = float(reached[sure].sum() / many[sure].sum())
    order = [at for at in np.argsort(-reached) if sure[at]]
    named = ", ".join(repr(words[at]) for at in order[:_NAMED]) if words is not None else "a value"
    more = f" and {len(order) - _NAMED} more" if len(order) > _NAMED else ""
    return Suspicion(
        f"trait.{trait}",
        "written after",
        f"of the leads whose trait.{trait} is {named}{more} {in_percent(of_them, 1)} bought, of all"
        f" {in_percent(happened.mean(), 1)}, and {in_percent(share)} of those that bought have it:"
        " values that only successes have are filled in once the outcome is known. Import the value"
        " that was known at the time, or leave the trait out of the ladder",
        figures={"rate": round(of_them, 4), "share_of_successes": round(share, 4)},
    )


def _last_mature(points: Points, outcomes: Outcomes) -> Bools:
    """Shape (n,), the last mature point of each lead."""
    rows = np.flatnonzero(outcomes.mature)
    last = np.zeros(len(points), dtype=np.bool_)
    if len(rows):
        lead = points.lead[rows]
        last[rows[np.append(lead[1:] != lead[:-1], True)]] = True
    return last


def _first(log: EventLog, clock: Ints, rows: Bools) -> Ints:
    """Shape (n_leads,): when each lead's first event of some happened; `_NONE` without one."""
    first = np.full(len(log.leads), _NONE)
    np.minimum.at(first, log.lead_of_rows()[rows], clock[rows])
    return first


def _named(log: EventLog, name: str) -> Bools:
    if name not in log.names:
        return np.zeros(len(log), dtype=np.bool_)
    named: Bools = log.name == log.names.index(name)
    return named


def _held(log: EventLog, trait: Trait) -> Bools:
    """Shape (n_events,): whether an event says something of the trait."""
    if trait.type == "number":
        said: Bools = ~np.isnan(log.numbers[log.columns.numbers.index(trait.id)])
        return said
    told: Bools = log.texts[log.columns.texts.index(trait.id)] >= 0
    return told
