"""Learning from decisions: the effects of the ladder's offers, from randomised ones where it can.

At each step the decisions that Rung drew are used alone as soon as there are enough of them;
before, what others did is adjusted for what was known of the leads, and said to be observational.
Experiments of others are lots as well: the offers that one compared with leaving leads alone are
learned from by lot alone, and the other offers of the step as before.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from features.arrays import Bools, Floats
from features.events.log import EventLog
from features.ladder.ladder import Ladder
from models.offers.learning import Tried, expected_of, learn_effects
from models.offers.offer_model import Evidence, OfferModel, usual_before_data
from models.offers.options import options_of
from models.scores.encoding import Encoding
from training.policies.decisions import (
    Decisions,
    asked_by_others,
    certain_choices,
    drawn_decisions,
    lots_of_others,
    observed_decisions,
)
from training.policies.propensities import comparable, propensities

__all__ = [
    "DROPPED",
    "OfferCounts",
    "learn_offers",
    "tried_of",
]


_ENOUGH_DRAWN: Final = 50
"""Leads with drawn decisions at a step from which on nothing else is used there."""
_LEAST_LEADS: Final = 100
"""Leads that were given an option, below which its effect is called a prior."""
_USUAL_LEADS: Final = 4.0
_FRAMING_EXPLORATION: Final = 0.2
_FRAMING_DRAWS: Final = 4000


DROPPED: Final = {
    "certain": "decisions with one option alone, as for leads that a person works with",
    "drawn_after_purchase": "decisions drawn for leads that had bought",
    "few_drawn": f"decisions drawn at steps where fewer than {_ENOUGH_DRAWN} leads had one",
    "lot_of_other_step": (
        "decisions of experiments of others where the lead's next step was not that of the offers"
    ),
    "few_lots": (
        "decisions of experiments of others at steps where too few leads had one, or nobody was"
        " left alone"
    ),
    "unknown_offer": "offers by others that the ladder does not have",
    "other_step": "offers by others that were not for the lead's next step",
    "drawn_there": "offers by others at steps where enough decisions were drawn of them",
    "others_pending": "offers by others whose windows are not over",
    "incomparable": (
        "offers by others that nothing can be compared with: leads in that situation were always"
        " asked, or never"
    ),
}
"""Why a decision is not learned from, for people."""


@dataclass(frozen=True, slots=True)
class OfferCounts:
    """What the effects were learned from: decisions, by where their propensities come from.

    Parameters
    ----------
    pending : drawn decisions whose window for the next step is not over.
    value_pending : those of the others whose window for the value is not over: the next step is
        learned from them, what they came to is not.
    dropped : how many others were not learned from, by reason, a key of `DROPPED`.
    unseen : drawn decisions that never reached their leads.
    lots : of the drawn decisions, those that experiments of others drew.
    """

    drawn: int
    observed: int
    pending: int
    value_pending: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    unseen: int = 0
    lots: int = 0


def learn_offers(
    log: EventLog, ladder: Ladder, encoding: Encoding, until: int, seed: int = 7
) -> tuple[OfferModel, OfferCounts]:
    """The offer model from what was known by `until`; the prior where there is nothing to learn."""
    drawn = drawn_decisions(log, ladder, until)
    dropped = {"certain": certain_choices(log, ladder, until)}
    has_bought = drawn.position >= len(ladder.goals)
    dropped["drawn_after_purchase"] = int(has_bought.sum())
    drawn = drawn.rows(~has_bought)
    lots, dropped["lot_of_other_step"] = lots_of_others(log, ladder, until)
    pending = int((~drawn.step_is_over).sum()) + int((~lots.step_is_over).sum())
    drawn, lots = drawn.rows(drawn.step_is_over), lots.rows(lots.step_is_over)
    is_drawn = np.array([_is_enough(drawn, at) for at in range(len(ladder.goals))])
    dropped["few_drawn"] = int((~is_drawn[drawn.position]).sum())
    drawn = drawn.rows(is_drawn[drawn.position])
    by_lot = _by_lot(ladder, lots, is_drawn)
    is_used = ((lots.probability == 0.0) | by_lot[lots.position]).all(axis=1)
    dropped["few_lots"] = int((~is_used).sum())
    lots = lots.rows(is_used)
    observed, of_others = _observed(log, ladder, until, seed, by_lot, drawn)
    by_others = tried_of(observed, encoding)
    by_others.probability[:] = propensities(by_others, seed)
    are_comparable = comparable(by_others)
    is_ask = observed.chosen != options_of(ladder).no_ask
    dropped |= of_others | {"incomparable": int((is_ask & ~are_comparable).sum())}
    by_others, observed = by_others.rows(are_comparable), observed.rows(are_comparable)
    parts = (drawn, lots, observed)
    is_over = np.concatenate([part.is_over for part in parts])
    counts = OfferCounts(
        drawn=len(drawn) + len(lots),
        observed=len(observed),
        pending=pending,
        value_pending=int((~is_over).sum()),
        dropped={reason: count for reason, count in dropped.items() if count},
        unseen=int((~drawn.is_shown).sum()) + int((~lots.is_shown).sum()),
        lots=len(lots),
    )
    if not counts.drawn and not counts.observed:
        return OfferModel.prior(ladder), counts
    tried = _joined([tried_of(drawn, encoding), tried_of(lots, encoding), by_others])
    tried = replace(tried, is_lot=np.arange(len(tried)) < counts.drawn)
    advanced = np.concatenate([part.advanced for part in parts])
    value = np.concatenate([part.value for part in parts])
    given = np.concatenate([part.is_shown for part in parts])
    evidence, leads = _evidence(ladder, tried.rows(given), by_lot)
    model = replace(
        _learned(ladder, tried, advanced, (value, is_over), seed),
        usual=_usual(ladder, tried, given),
        evidence=evidence,
        leads=leads,
        framings=_framings(ladder, drawn, seed),
    )
    return model, counts


def _is_enough(drawn: Decisions, position: int) -> bool:
    """Whether enough leads were reached at a position by what was drawn."""
    return (
        len(np.unique(drawn.lead[drawn.is_shown & (drawn.position == position)])) >= _ENOUGH_DRAWN
    )


def _by_lot(ladder: Ladder, lots: Decisions, is_drawn: Bools) -> Bools:
    """Shape (n_goals, n_options): where an option is learned from by lot alone.

    All are where Rung drew enough; elsewhere those that enough leads of experiments could have got,
    or have been left alone.
    """
    by_lot = np.repeat(is_drawn[:, None], lots.probability.shape[1], axis=1)
    no_ask = options_of(ladder).no_ask
    beside = lots.rows(lots.probability[:, no_ask] > 0.0)
    for at, option in np.argwhere(~by_lot):
        by_lot[at, option] = _is_enough(beside.rows(beside.probability[:, option] > 0.0), int(at))
    return by_lot


def _observed(
    log: EventLog, ladder: Ladder, until: int, seed: int, by_lot: Bools, drawn: Decisions
) -> tuple[Decisions, dict[str, int]]:
    """What others did where too little was drawn, and how many of their offers are left out."""
    extended, named = asked_by_others(log, ladder, until)
    unknown = {"unknown_offer": extended - named}
    if by_lot.all():
        return drawn.rows(np.zeros(len(drawn), dtype=np.bool_)), unknown | {"drawn_there": named}
    observed = observed_decisions(log, ladder, until, seed)
    no_ask = options_of(ladder).no_ask
    is_ask = observed.chosen != no_ask
    there = by_lot[observed.position]
    # Who was not asked is compared with those who got the offers that no lot tells of.
    left = ~there.all(axis=1) & ~(is_ask & there[np.arange(len(observed)), observed.chosen])
    observed.probability[there & (np.arange(there.shape[1]) != no_ask)] = 0.0
    return observed.rows(observed.step_is_over & left), unknown | {
        "other_step": named - int(is_ask.sum()),
        "drawn_there": int((is_ask & ~left).sum()),
        "others_pending": int((is_ask & left & ~observed.step_is_over).sum()),
    }


def _learned(
    ladder: Ladder, tried: Tried, advanced: Floats, values: tuple[Floats, Bools], seed: int
) -> OfferModel:
    """The effects on the next step, then those on value beyond what the step brings.

    Parameters
    ----------
    values : shape (n,) each, what decisions came to, and whether that is known yet: the window of
        the value may be much longer than that of a step, which is not to wait for it.
    """
    options, prior = options_of(ladder), OfferModel.prior(ladder)
    advance, chance = learn_effects(options, tried, advanced, "share", seed=seed)
    kind, (value, is_known) = prior.value.kind, values
    if not is_known.any():
        return replace(prior, advance=advance)
    # What the step brought is told by what an offer did then, whatever it does now.
    z = advance.of(tried.matrix, chance.mean)
    tau = advance.effects.tau_at(tried.as_of, tried.topic, z)[is_known]
    tried, value, chances = tried.rows(is_known), value[is_known], chance.mean[is_known]
    if kind == "share":
        expected = expected_of(tried, value, kind, seed)
        offset = prior.carried(chances, expected.mean) * tau
        effects, _ = learn_effects(
            options, tried, value, kind, offset=offset, expected=expected, seed=seed
        )
        return replace(prior, advance=advance, value=effects)
    effects, expected = learn_effects(options, tried, value, kind, seed=seed)
    return replace(
        prior,
        advance=advance,
        value=effects,
        amount=expected.learner,
        usual_amount=max(float(value.mean()), 1e-6),
    )


def tried_of(decisions: Decisions, encoding: Encoding) -> Tried:
    """Decisions as the estimators see them."""
    return Tried(
        matrix=encoding.matrix(decisions.snapshot),
        columns=encoding.columns,
        category_columns=encoding.category_columns,
        fit_columns=[at for at, signal in enumerate(decisions.snapshot.signals) if signal.is_fit],
        position=decisions.position,
        lead=decisions.lead,
        chosen=decisions.chosen,
        probability=decisions.probability.copy(),
        topic=decisions.topic.astype(np.float64),
        reach=np.tile(decisions.reach, (len(decisions), 1)),
        as_of=decisions.as_of,
        is_lot=np.full(len(decisions), True),
    )


def _joined(parts: list[Tried]) -> Tried:
    first = parts[0]
    return Tried(
        np.concatenate([part.matrix for part in parts]),
        first.columns,
        first.category_columns,
        first.fit_columns,
        np.concatenate([part.position for part in parts]),
        np.concatenate([part.lead for part in parts]),
        np.concatenate([part.chosen for part in parts]),
        np.concatenate([part.probability for part in parts]),
        np.concatenate([part.topic for part in parts]),
        np.concatenate([part.reach for part in parts]),
        np.concatenate([part.as_of for part in parts]),
        np.concatenate([part.is_lot for part in parts]),
    )


def _usual(ladder: Ladder, tried: Tried, given: Bools) -> Floats:
    """Shape (n_goals, n_options): how often each option was given at each position.

    What did not reach its lead is no ask.
    """
    chosen = np.where(given, tried.chosen, options_of(ladder).no_ask)
    usual = usual_before_data(ladder) * _USUAL_LEADS
    usual[:, -1] += _USUAL_LEADS * (usual.sum(axis=1) == 0)
    np.add.at(usual, (tried.position, chosen), 1.0)
    return np.asarray(usual / usual.sum(axis=1, keepdims=True), dtype=np.float64)


def _evidence(
    ladder: Ladder, tried: Tried, by_lot: Bools
) -> tuple[tuple[Evidence, ...], tuple[int, ...]]:
    """Of each option, where its effect comes from, and how many leads were given it."""
    options = options_of(ladder)
    evidence: list[Evidence] = []
    leads = []
    for option in range(len(options)):
        given = tried.chosen == option
        count = len(np.unique(tried.lead[given]))
        leads.append(count)
        if count < _LEAST_LEADS:
            evidence.append("prior")
        elif by_lot[tried.position[given], option].mean() > 0.5:
            evidence.append("randomised")
        else:
            evidence.append("observational")
    return tuple(evidence), tuple(leads)


def _framings(ladder: Ladder, drawn: Decisions, seed: int) -> dict[str, dict[str, float]]:
    """For each offer with variants: each as often as it is likely the best, and now and then."""
    options = options_of(ladder)
    rows: dict[tuple[str, str], list[int]] = defaultdict(list)
    for at, framing in enumerate(drawn.framing):
        if framing:
            rows[options.ids[drawn.chosen[at]], framing].append(at)
    shares = {}
    for offer in ladder.offers:
        if offer.framings:
            parameters = [_beta(drawn, rows[offer.id, one.id]) for one in offer.framings]
            best = _best_of(parameters, seed)
            shares[offer.id] = {
                one.id: float(share) for one, share in zip(offer.framings, best, strict=True)
            }
    return shares


def _beta(drawn: Decisions, rows: list[int]) -> list[float]:
    """What is known of the rate after a framing, as the parameters of a Beta distribution.

    Each decision counts by one over the chance of its framing, and all as so many as they are
    worth: what is used more since a bundle likes it would else be praised for the time since.
    """
    if not rows:
        return [1.0, 1.0]
    weight = 1.0 / drawn.framing_chance[rows]
    worth = weight.sum() ** 2 / (weight**2).sum()
    rate = float(np.average(drawn.advanced[rows], weights=weight))
    return [1.0 + rate * worth, 1.0 + (1.0 - rate) * worth]


def _best_of(parameters: list[list[float]], seed: int) -> Floats:
    """The chance of each Beta rate to be the largest, with an even share of exploration."""
    rng = np.random.default_rng(seed)
    drawn = np.stack([rng.beta(a, b, _FRAMING_DRAWS) for a, b in parameters])
    best = np.bincount(drawn.argmax(axis=0), minlength=len(parameters)) / _FRAMING_DRAWS
    return (1.0 - _FRAMING_EXPLORATION) * best + _FRAMING_EXPLORATION / len(parameters)
