"""What leads did with the offers of a step while they stood before it: where they dropped."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from features.arrays import Bools, Ints
from features.events.log import Codes, EventLog
from features.funnel.activity_rows import ActivityRows
from features.funnel.stays import Stays
from features.ladder.words import OFFER
from features.signals.fold import NONE

__all__ = ["Drops", "drops_of"]

_EXTENDED, _SEEN, _DECLINED, _BEGUN, _BEFORE = 1, 2, 4, 8, 16


@dataclass(frozen=True, eq=False, slots=True)
class Drops:
    """What happened while each stood before its step; every array has shape (n,).

    Parameters
    ----------
    offer : the first offer of the step that was extended, as its place among the ladder's offers;
        -1 without one.
    extended, seen, declined : whether an offer was.
    begun : whether it did something of the step, without completing it.
    turned : whether something spoke against it: a form left, a session cancelled, a refusal.
    returned : whether it came back to what it had done at the step before.
    """

    offer: Ints
    extended: Bools
    seen: Bools
    declined: Bools
    begun: Bools
    turned: Bools
    returned: Bools


def drops_of(log: EventLog, stays: Stays, rows: ActivityRows) -> Drops:
    """What each lead did from when it came to the step until it went on, or its time was over."""
    ladder = stays.ladder
    kinds = np.zeros((len(ladder.goals), len(log.names)), dtype=np.int64)
    roles = {
        ladder.events.offer_extended: _EXTENDED,
        ladder.events.offer_seen: _SEEN,
        ladder.events.offer_declined: _DECLINED,
    }
    for at, goal in enumerate(ladder.goals):
        before = ladder.goals[at - 1].engaged_by if at else ()
        for code, name in enumerate(log.names):
            kinds[at, code] = roles.get(name, 0)
            kinds[at, code] |= _BEGUN * (name in goal.engaged_by)
            kinds[at, code] |= _BEFORE * (name in before and name not in goal.engaged_by)
    offer_of = _offers_of_texts(log, stays)
    codes = _offer_codes(log)
    found, offer = np.zeros(len(stays), np.int64), np.full(len(stays), -1, np.int64)
    turned = np.zeros(len(stays), np.bool_)
    _gather(
        (log.starts, log.name, log.occurred, log.known),
        (rows.interest, rows.against, codes, offer_of, kinds),
        (stays.goal, stays.lead, stays.entered, _ends(stays), stays.until),
        (found, offer, turned),
    )
    return Drops(
        offer=offer,
        extended=(found & _EXTENDED) > 0,
        seen=(found & _SEEN) > 0,
        declined=(found & _DECLINED) > 0,
        begun=(found & _BEGUN) > 0,
        turned=turned,
        returned=(found & _BEFORE) > 0,
    )


def _ends(stays: Stays) -> Ints:
    """Shape (n,): until when what a lead did belongs to its stay."""
    ends = np.minimum(stays.entered + stays.horizon, stays.counted_until)
    for other in (stays.advanced, stays.left):
        ends = np.where(other != NONE, np.minimum(ends, other), ends)
    return np.asarray(ends, dtype=np.int64)


def _offer_codes(log: EventLog) -> Codes:
    if OFFER in log.columns.texts:
        return np.asarray(log.texts[log.columns.texts.index(OFFER)])
    return np.full(len(log), -1, dtype=np.int32)


def _offers_of_texts(log: EventLog, stays: Stays) -> Ints:
    """Shape (n_goals, n_texts + 1): which offer of a step each text of the log names, or -1."""
    ladder, columns = stays.ladder, log.columns.texts
    words = log.text_values[columns.index(OFFER)] if OFFER in columns else ()
    places = {offer.id: at for at, offer in enumerate(ladder.offers) if offer.role == "ask"}
    found = np.full((len(ladder.goals), len(words) + 1), -1, dtype=np.int64)
    for goal, step in enumerate(ladder.goals):
        for code, word in enumerate(words):
            place = places.get(word, -1)
            if place >= 0 and ladder.offers[place].step == step.id:
                found[goal, code] = place
    return found


@numba.njit(cache=True, nogil=True)
def _gather(
    clocks: tuple[Ints, Codes, Ints, Ints],
    what: tuple[Bools, Bools, Codes, Ints, Ints],
    whose: tuple[Ints, Ints, Ints, Ints, int],
    into: tuple[Ints, Ints, Bools],
) -> None:
    starts, name, occurred, known = clocks
    own, against, codes, offer_of, kinds = what
    goals, leads, entered, ends, until = whose
    found, offer, turned = into
    for at in range(len(leads)):
        for row in range(starts[leads[at]], starts[leads[at] + 1]):
            when = occurred[row]
            if when >= ends[at]:
                break
            if when < entered[at] or known[row] > until:
                continue
            if against[row] and when > entered[at]:
                turned[at] = True
            kind = kinds[goals[at], name[row]]
            if kind & _EXTENDED:
                named = offer_of[goals[at], codes[row]]
                if named >= 0:
                    found[at] |= _EXTENDED
                    if offer[at] < 0:
                        offer[at] = named
            elif kind & (_SEEN | _DECLINED):
                named = offer_of[goals[at], codes[row]]
                if codes[row] < 0 or named >= 0:
                    found[at] |= kind & (_SEEN | _DECLINED)
            elif own[row] and when > entered[at]:
                found[at] |= kind
