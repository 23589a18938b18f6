"""What offers can be learned from: decisions that chose them, and what of these reached a lead."""

from __future__ import annotations

from collections import Counter

import numpy as np

from features.events.log import EventLog
from features.ladder.ladder import Ladder
from features.ladder.words import OFFER
from features.offers.decisions import Decision, decisions_of
from models.judging.readiness import OfferReadiness
from models.offers.options import NO_ASK, options_of

__all__ = ["offers_known"]


def offers_known(log: EventLog, ladder: Ladder) -> list[OfferReadiness]:
    """A row an option of the ladder, then those that the log alone names.

    The effective size is Kish's (1965), of exposures weighed by one over what they were drawn with.

    Raises
    ------
    EventsError : an event of a decision whose record cannot be read.
    """
    made = [one for one in decisions_of(log, ladder) if _is_of_its_step(one.decision, ladder)]
    drawn = Counter(one.decision.chosen for one in made)
    weights: dict[str, list[float]] = {}
    for one in made:
        if one.exposed_at is not None:
            weights.setdefault(one.decision.chosen, []).append(1.0 / one.decision.propensity)
    extended = _extended(log, ladder)
    known = options_of(ladder).ids
    others = sorted({*drawn, *extended} - set(known))
    return [
        {
            "id": name,
            "known": name in known,
            "drawn": drawn[name],
            "exposed": len(weights.get(name, ())),
            "effective": _effective(weights.get(name, [])),
            "extended": extended[name],
        }
        for name in (*known, *others)
    ]


def _is_of_its_step(decision: Decision, ladder: Ladder) -> bool:
    """Whether it tells of the lead's next step: what experiments of others drew need not."""
    if not decision.is_of_others:
        return True
    here = {offer.id for offer in ladder.offers if offer.step == decision.step} | {NO_ASK}
    return decision.chosen in here and len(here.intersection(decision.options)) > 1


def _effective(weights: list[float]) -> float:
    if not weights:
        return 0.0
    each = np.array(weights)
    return round(float(each.sum() ** 2 / (each**2).sum()), 2)


def _extended(log: EventLog, ladder: Ladder) -> Counter[str]:
    """How often each offer was extended, by anybody."""
    name = ladder.events.offer_extended
    if name not in log.names or OFFER not in log.columns.texts:
        return Counter()
    column = log.columns.texts.index(OFFER)
    codes = log.texts[column, log.name == log.names.index(name)]
    values = log.text_values[column]
    return Counter(values[code] for code in codes if code >= 0)
