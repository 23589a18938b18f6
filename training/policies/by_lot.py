"""What is known by lot of each offer, beside leaving leads alone, and of the ways to put it.

Where Rung draws, it draws with known chances, and leaving alone is always one of them. So every
offer is a small experiment of its own: among the draws that either of the two could have won, who
was asked and who was left alone is chance. A lead counts once, by the first of them, whatever was
done with it since (intention to treat).

How an offer is put is drawn as well. So its framings are another such experiment, among those whom
it was drawn for: whatever chose the offer, chance alone chose the words.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from features.arrays import Bools, Floats, Ints
from features.clock import rfc3339
from features.events.log import EventLog
from features.ladder.ladder import Ladder, Offer
from features.offers.decisions import Decision
from models.judging.trials.comparison import WORTH, Drawn, arm_counts, compared
from models.judging.trials.shapes import FramingsByLot, OfferByLot, OffersByLot
from models.offers.options import options_of
from training.policies.decisions import Decisions, all_draws, decided_by_rung

__all__ = ["offers_by_lot"]

_ARMS: Final = ("alone", "asked")


def offers_by_lot(
    log: EventLog, ladder: Ladder, until: int | None = None, *, worth: float | None = None
) -> OffersByLot:
    """Each offer that was drawn, beside leaving leads alone, and its framings beside each other.

    By what was known at an instant.

    Parameters
    ----------
    until : microseconds since the epoch (default, and at most: the last event).
    worth : a difference of shares below which it is not worth having; by default as of experiments.

    Raises
    ------
    EventsError : a decision that cannot be read, or names an option that the ladder does not have.
    """
    until = log.judged_until(until)
    draws = all_draws(log, ladder, until)
    lots = {offer.id: _lots(draws, ladder, offer) for offer in ladder.offers}
    tried = [offer for offer in ladder.offers if len(lots[offer.id])]
    of_step = Counter(offer.step for offer in tried)
    offers = [
        _judged(draws, ladder, offer, lots[offer.id], worth, of_step[offer.step]) for offer in tried
    ]
    return {
        "ladder": ladder.name,
        "as_of": rfc3339(until),
        "worth": WORTH if worth is None else worth,
        "offers": offers,
        "framings": _framings(log, draws, ladder, until, worth),
    }


def _lots(draws: Decisions, ladder: Ladder, offer: Offer) -> Ints:
    """The rows in which an offer and leaving alone were both possible and one of them was drawn.

    In the order of the lots, of each lead the first.
    """
    options = options_of(ladder)
    at, alone = options.index(offer.id), options.no_ask
    possible = (draws.probability[:, at] > 0.0) & (draws.probability[:, alone] > 0.0)
    either: Bools = possible & ((draws.chosen == at) | (draws.chosen == alone))
    return _first_of_each_lead(draws, either & (draws.position < len(ladder.goals)))


def _first_of_each_lead(draws: Decisions, among: Bools) -> Ints:
    """Rows, in the order of the lots."""
    rows = np.flatnonzero(among)
    rows = rows[np.lexsort((draws.lead[rows], draws.as_of[rows]))]
    _, first = np.unique(draws.lead[rows], return_index=True)
    return np.asarray(rows[np.sort(first)], dtype=np.int64)


def _numbers(draws: Decisions, rows: Ints) -> Floats:
    """Shape (n, d): what was known of each lead before the lot, in numbers."""
    numbers = np.array([not one.is_category for one in draws.snapshot.signals], dtype=np.bool_)
    known: Floats = draws.snapshot.values[rows][:, numbers]
    return known


def _judged(
    draws: Decisions, ladder: Ladder, offer: Offer, rows: Ints, worth: float | None, together: int
) -> OfferByLot:
    options = options_of(ladder)
    at = options.index(offer.id)
    chance = draws.probability[rows][:, [options.no_ask, at]]
    drawn = Drawn(
        arm=(draws.chosen[rows] == at).astype(np.int64),
        share=chance / chance.sum(axis=1, keepdims=True),
        reached=draws.advanced[rows] > 0.0,
        is_mature=draws.step_is_over[rows],
        known=_numbers(draws, rows),
    )
    alone, asked = arm_counts(drawn, _ARMS)
    (found,) = compared(drawn, _ARMS, 0, worth, together=together)
    step = ladder.goals[int(options.rung[at])]
    return {
        "offer": offer.id,
        "step": offer.step,
        "horizon_days": float(step.horizon_days),
        "since": rfc3339(int(draws.as_of[rows].min())),
        "asked": asked,
        "alone": alone,
        "leads": found["leads"],
        "effect": found["effect"],
        "verdict": found["verdict"],
        "worth": found["worth"],
        "more": found["more"],
    }


# ------------------------------------------------------------------------------------ how it is put


def _framings(
    log: EventLog, draws: Decisions, ladder: Ladder, until: int, worth: float | None
) -> list[FramingsByLot]:
    """The ways to put each offer, where several were drawn."""
    several = [offer for offer in ladder.offers if len(offer.framings) > 1]
    if not several:
        return []
    made = decided_by_rung(log.known_by(until), ladder)
    chances = [_chances(one.decision) for one in made]
    lots = {offer.id: _worded(draws, chances, ladder, offer) for offer in several}
    tried = [offer for offer in several if len(lots[offer.id].drawn)]
    of_step = Counter(offer.step for offer in tried)
    return [_beside(ladder, one, lots[one.id], worth, of_step[one.step]) for one in tried]


def _chances(decision: Decision) -> dict[str, float]:
    """How likely each way to put it was; empty where nothing was left to chance."""
    if not decision.framing or decision.framing_probability >= 1.0:
        return {}
    return {decision.framing: decision.framing_probability, **dict(decision.other_framings)}


@dataclass(frozen=True, eq=False, slots=True)
class _Worded:
    """The lots of an offer's framings, in their order; `share` may be 0 for some of a row."""

    drawn: Drawn
    since: int


def _worded(
    draws: Decisions, chances: list[dict[str, float]], ladder: Ladder, offer: Offer
) -> _Worded:
    """Of each lead the first draw of an offer that put it one of its framings of now by lot."""
    ids = [framing.id for framing in offer.framings]
    share = np.zeros((len(draws), len(ids)))
    chosen = draws.chosen == options_of(ladder).index(offer.id)
    for row in np.flatnonzero(chosen & np.isin(draws.framing, ids)).tolist():
        told = chances[row]
        if len(told) == 1 and len(ids) == 2:
            told = dict.fromkeys(ids, 1.0 - draws.framing_chance[row]) | told
        share[row] = [told.get(one, 0.0) for one in ids]
    rows = _first_of_each_lead(
        draws, ((share > 0.0).sum(axis=1) > 1) & (draws.position < len(ladder.goals))
    )
    arms = [ids.index(draws.framing[row]) for row in rows.tolist()]
    drawn = Drawn(
        arm=np.array(arms, dtype=np.int64),
        share=share[rows],
        reached=draws.advanced[rows] > 0.0,
        is_mature=draws.step_is_over[rows],
        known=_numbers(draws, rows),
    )
    return _Worded(drawn, int(draws.as_of[rows].min(initial=np.iinfo(np.int64).max)))


def _beside(
    ladder: Ladder, offer: Offer, lots: _Worded, worth: float | None, together: int
) -> FramingsByLot:
    """Each way beside the first of the ladder, among those who could have been put either."""
    ids, options = [framing.id for framing in offer.framings], options_of(ladder)
    comparisons = []
    for at in range(1, len(ids)):
        either = np.isin(lots.drawn.arm, (0, at)) & (lots.drawn.share[:, [0, at]] > 0.0).all(axis=1)
        pair = lots.drawn.rows(either)
        pair = replace(pair, arm=(pair.arm == at).astype(np.int64), share=pair.share[:, [0, at]])
        comparisons += compared(
            pair, (ids[0], ids[at]), 0, worth, together=together * (len(ids) - 1)
        )
    return {
        "offer": offer.id,
        "step": offer.step,
        "horizon_days": float(
            ladder.goals[int(options.rung[options.index(offer.id)])].horizon_days
        ),
        "since": rfc3339(lots.since),
        "control": ids[0],
        "arms": arm_counts(lots.drawn, ids),
        "comparisons": comparisons,
    }
