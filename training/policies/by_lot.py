"""What is known of each offer by lot: leads that were asked beside leads that were left alone.

Where Rung draws, it draws with known chances, and leaving alone is always one of them. So every
offer is a small experiment of its own: among the draws that either of the two could have won, who
was asked and who was left alone is chance. A lead counts once, by the first of them, whatever was
done with it since (intention to treat).
"""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np

from features.arrays import Bools, Ints
from features.clock import rfc3339
from features.events.log import EventLog
from features.ladder.ladder import Ladder, Offer
from models.judging.trials.comparison import WORTH, Drawn, arm_counts, compared
from models.judging.trials.shapes import OfferByLot, OffersByLot
from models.offers.options import options_of
from training.policies.decisions import Decisions, all_draws

__all__ = ["offers_by_lot"]

_ARMS: Final = ("alone", "asked")


def offers_by_lot(
    log: EventLog, ladder: Ladder, until: int | None = None, *, worth: float | None = None
) -> OffersByLot:
    """Each offer that was drawn, beside leaving leads alone, by what was known at an instant.

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
    most = WORTH if worth is None else worth
    return {"ladder": ladder.name, "as_of": rfc3339(until), "worth": most, "offers": offers}


def _lots(draws: Decisions, ladder: Ladder, offer: Offer) -> Ints:
    """The rows in which an offer and leaving alone were both possible and one of them was drawn.

    In the order of the lots, of each lead the first.
    """
    options = options_of(ladder)
    at, alone = options.index(offer.id), options.no_ask
    possible = (draws.probability[:, at] > 0.0) & (draws.probability[:, alone] > 0.0)
    either: Bools = possible & ((draws.chosen == at) | (draws.chosen == alone))
    rows = np.flatnonzero(either & (draws.position < len(ladder.goals)))
    rows = rows[np.lexsort((draws.lead[rows], draws.as_of[rows]))]
    _, first = np.unique(draws.lead[rows], return_index=True)
    return np.asarray(rows[np.sort(first)], dtype=np.int64)


def _judged(
    draws: Decisions, ladder: Ladder, offer: Offer, rows: Ints, worth: float | None, together: int
) -> OfferByLot:
    options = options_of(ladder)
    at = options.index(offer.id)
    chance = draws.probability[rows][:, [options.no_ask, at]]
    numbers = np.array([not one.is_category for one in draws.snapshot.signals], dtype=np.bool_)
    drawn = Drawn(
        arm=(draws.chosen[rows] == at).astype(np.int64),
        share=chance / chance.sum(axis=1, keepdims=True),
        reached=draws.advanced[rows] > 0.0,
        is_mature=draws.step_is_over[rows],
        known=draws.snapshot.values[rows][:, numbers],
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
