"""Everything that was learned about offers: their effects on the next step and on value.

The value of an option is what it does to the purchase (or to the gains that the ladder names), less
what it costs. Before there are purchases to learn from, it follows from the next step: with p the
chance of the step and P that of the purchase, a change of log-odds t of the step is one of
t (1 - p) / (1 - P) of the purchase. What is learned of purchases is how they differ from that: an
offer that only farms clicks loses its place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np
from scipy.special import ndtri

from features.arrays import Bools, Floats, Ints
from features.ladder.ladder import Ladder
from models.offers.learning import OutcomeEffects, scale_of
from models.offers.options import Options, options_of
from models.offers.policy import Beliefs
from models.offers.projection import columns_of, projected
from models.scores.learners.learner import BoostedTrees
from models.scores.venn_abers import LEVEL

__all__ = ["Evidence", "Forecast", "OfferModel", "of_step"]


Evidence = Literal["randomised", "observational", "prior"]
"""Where an effect comes from: drawn at random; adjusted for what was known; believed beforehand."""

_Z: Final = float(ndtri(0.5 + LEVEL / 2.0))
_LEAST: Final = 1e-4
"""A forecast chance is never nearer to 0 or 1."""


@dataclass(frozen=True, eq=False, slots=True)
class Forecast:
    """What each option would do for some leads, a row a lead, a column an option.

    Parameters
    ----------
    uplift, low, high : what it adds to the chance of the next step under no ask, and the interval.
    """

    beliefs: Beliefs
    uplift: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, eq=False)
class OfferModel:
    """The effects of the ladder's options.

    Parameters
    ----------
    usual : shape (n_goals, n_options), how often each option was chosen for leads at each position
        in what the scores were learned from; a score is an expectation under it.
    evidence, leads : of each option, where its effect comes from and how many leads were given it.
    amount : what is expected of gains; None where the value is that of a purchase, or where
        `usual_amount`, their mean, is all that is known.
    framings : for each offer with variants, the probability of each of them.
    fields : how much knowing each trait moves a score, on average, in log-odds.
    learned : what was learned, on the catalogue of then, where that is not the ladder's of now.
    """

    ladder: Ladder
    advance: OutcomeEffects
    value: OutcomeEffects
    usual: Floats
    evidence: tuple[Evidence, ...]
    leads: tuple[int, ...]
    amount: BoostedTrees | None = None
    framings: dict[str, dict[str, float]] = field(default_factory=dict)
    fields: dict[str, float] = field(default_factory=dict)
    usual_amount: float = 1.0
    learned: OfferModel | None = field(default=None, repr=False)

    @cached_property
    def options(self) -> Options:
        """The options of the ladder, told by the attributes that were learned of."""
        return options_of(self.ladder, (self.learned or self).ladder)

    def on(self, ladder: Ladder) -> OfferModel:
        """The same on a ladder whose catalogue has changed, and nothing that scores follow from.

        What was learned of an offer stays with its id; one that is new starts from its attributes.
        """
        origin = self.learned or self
        was, options = origin.options, options_of(ladder, origin.ladder)
        framings = _framings(ladder, origin.framings)
        if options.ids == was.ids and np.array_equal(options.values, was.values):
            return replace(origin, ladder=ladder, framings=framings, learned=origin)
        columns = columns_of(options, was)
        found = [one if one is not None else -1 for one in columns]
        is_new = np.array([one is None for one in columns])
        usual = np.where(is_new, 0.0, origin.usual[:, found])
        return replace(
            origin,
            ladder=ladder,
            advance=_projected(origin.advance, was, options),
            value=_projected(origin.value, was, options),
            usual=usual,
            evidence=tuple("prior" if one is None else origin.evidence[one] for one in columns),
            leads=tuple(0 if one is None else origin.leads[one] for one in columns),
            framings=framings,
            learned=origin,
        )

    @classmethod
    def prior(cls, ladder: Ladder) -> OfferModel:
        """What is believed of a ladder's offers before any decision."""
        options = options_of(ladder)
        kind: Literal["share", "amount"] = "amount" if ladder.value.gains else "share"
        return cls(
            ladder,
            OutcomeEffects.prior(options),
            OutcomeEffects.prior(options, kind, has_offset=kind == "share"),
            usual_before_data(ladder),
            tuple("prior" for _ in options.ids),
            (0,) * len(options),
            framings=even_framings(ladder),
        )

    def forecast(
        self,
        matrix: Floats,
        advance: Floats,
        purchase: Floats,
        position: Ints,
        eligible: Bools,
        topic: Bools,
        is_active: Bools,
    ) -> Forecast:
        """What each option would do for leads with these signals and these scores.

        Parameters
        ----------
        matrix : shape (n, n_columns), as the bundle's encoding gives it.
        advance, purchase : shape (n,), the scores.
        position : shape (n,); leads that have bought have no next step to forecast.
        eligible, topic : shape (n, n_options).
        """
        told = topic.astype(np.float64)
        z = self.advance.of(matrix, advance)
        scale = scale_of(advance, "share")[:, None]
        tau = self.advance.effects.tau(told, z)
        tau_sd = self.advance.effects.deviation(told, z)
        rung = np.minimum(position, len(self.ladder.goals) - 1)
        base = advance - (self.usual[rung] * self._tau_as_usual(told, z, tau) * scale).sum(axis=1)
        base = np.clip(base, _LEAST, 1.0 - _LEAST)[:, None]
        chance, low, high = (
            np.clip(base + scale * (tau + width * tau_sd), _LEAST, 1.0 - _LEAST)
            for width in (0.0, -_Z, _Z)
        )
        gain, gain_sd, draws = self._gains(matrix, advance, purchase, told, (tau, tau_sd, z))
        beliefs = Beliefs(
            options=self.options,
            eligible=eligible,
            advance=chance,
            uplift_sd=scale * tau_sd,
            uplift_draws=lambda: scale * self.advance.effects.drawn(told, z),
            gain=gain,
            gain_sd=gain_sd,
            gain_draws=draws,
            topic=topic,
            is_active=is_active,
        )
        return Forecast(beliefs, chance - base, low - base, high - base)

    def _tau_as_usual(self, topic: Floats, z: Floats, tau: Floats) -> Floats:
        """Shape (n, n_options): the effects of the offers as they were when scores were learned.

        A score is an expectation under those: to edit an offer changes no chance without it.
        """
        if self.learned is None or self.learned.advance is self.advance:
            return tau
        there, here = self._learned_places
        told = np.zeros((len(topic), len(self.learned.options)))
        told[:, there] = topic[:, here]
        found = np.zeros_like(tau)
        found[:, here] = self.learned.advance.effects.tau(told, z)[:, there]
        return found

    @cached_property
    def _learned_places(self) -> tuple[list[int], list[int]]:
        """Of the options that were learned of and are there still: the places then, and now."""
        learned = (self.learned or self).options
        columns = enumerate(columns_of(learned, self.options))
        places = [(then, now) for then, now in columns if now is not None]
        return [then for then, _ in places], [now for _, now in places]

    def _gains(
        self,
        matrix: Floats,
        advance: Floats,
        purchase: Floats,
        topic: Floats,
        of_advance: tuple[Floats, Floats, Floats],
    ) -> tuple[Floats, Floats, Callable[[], Floats]]:
        """The net gain of each option over no ask: mean, standard deviation, and draws."""
        tau_advance, sd_advance, z_advance = of_advance
        expected = self.expected_value(matrix, purchase)
        z = self.value.of(matrix, expected)
        worth = 1.0 if self.value.kind == "amount" else self.ladder.value.purchase
        scale = worth * scale_of(expected, self.value.kind)[:, None]
        carried = self.carried(advance, purchase)
        tau = self.value.effects.tau(topic, z) + carried * tau_advance
        variance = self.value.effects.deviation(topic, z) ** 2 + (carried * sd_advance) ** 2
        cost = self.options.cost
        # Of a chance no more can be lost than there is, and no more gained than is left to one.
        least, most = np.array(-np.inf), np.array(np.inf)
        if self.value.kind == "share":
            least, most = -worth * expected[:, None], worth * (1.0 - expected[:, None])

        def draws() -> Floats:
            drawn = self.value.effects.drawn(topic, z)
            drawn = drawn + carried * self.advance.effects.drawn(topic, z_advance)
            return np.asarray(scale * drawn - cost, dtype=np.float64)

        gain = np.clip(scale * tau, least, most) - cost
        return gain, scale * np.sqrt(variance), draws

    def expected_value(self, matrix: Floats, purchase: Floats) -> Floats:
        """Shape (n,): the chance of a purchase, or the amount of gains, that is expected."""
        if self.value.kind == "share":
            return np.clip(purchase, _LEAST, 1.0 - _LEAST)
        if self.amount is None:
            return np.full(len(matrix), self.usual_amount)
        return np.maximum(self.amount.margins(matrix), _LEAST)

    def carried(self, advance: Floats, purchase: Floats) -> Floats:
        """Shape (n, 1): how much of an effect on the next step reaches the value, beforehand."""
        if self.value.kind == "amount":
            return np.zeros((len(advance), 1))
        share = (1.0 - advance) / np.maximum(1.0 - purchase, _LEAST)
        return np.clip(share, 0.0, 1.0)[:, None]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; `amount` is kept in a file of its own."""
        return {
            "advance": self.advance.as_dict(),
            "value": self.value.as_dict(),
            "usual": self.usual.tolist(),
            "evidence": list(self.evidence),
            "leads": list(self.leads),
            "framings": self.framings,
            "fields": self.fields,
            "usual_amount": self.usual_amount,
        }

    @classmethod
    def of_dict(
        cls, ladder: Ladder, held: dict[str, Any], amount: BoostedTrees | None
    ) -> OfferModel:
        """The reverse of `as_dict`; ValueError where it is of other offers than the ladder has."""
        model = cls(
            ladder,
            OutcomeEffects.of_dict(held["advance"]),
            OutcomeEffects.of_dict(held["value"]),
            np.array(held["usual"], dtype=np.float64),
            tuple(held["evidence"]),
            tuple(int(count) for count in held["leads"]),
            amount,
            held["framings"],
            held["fields"],
            float(held["usual_amount"]),
        )
        shape = len(ladder.goals), len(model.options)
        if model.usual.shape != shape or not np.isfinite(model.usual).all():
            raise ValueError("how usual each is is not told of the offers that its ladder has")
        if len(model.evidence) != shape[1] or len(model.leads) != shape[1]:
            raise ValueError("what it learned from is not told of the offers that its ladder has")
        return model


def _projected(outcome: OutcomeEffects, learned: Options, options: Options) -> OutcomeEffects:
    return replace(outcome, effects=projected(outcome.effects, learned, options))


def of_step(ladder: Ladder, position: int) -> Bools:
    """Shape (n_options,): the active asks that complete the next step, nurture and no ask."""
    options = options_of(ladder)
    there: Bools = (options.rung == position) & options.is_ask & options.is_active
    there[[options.nurture, options.no_ask]] = True
    return there


def usual_before_data(ladder: Ladder) -> Floats:
    """The bands are conversions of leads that are asked: all asks of the next step alike."""
    options = options_of(ladder)
    asks = np.array([of_step(ladder, at) & options.is_ask for at in range(len(ladder.goals))])
    share: Floats = asks / np.maximum(asks.sum(axis=1, keepdims=True), 1)
    return share


def _framings(ladder: Ladder, learned: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """What was learned of the ways to put each offer, where there are the same ways still."""
    even = even_framings(ladder)
    return {
        one: learned[one] if learned.get(one, {}).keys() == shares.keys() else shares
        for one, shares in even.items()
    }


def even_framings(ladder: Ladder) -> dict[str, dict[str, float]]:
    """Every framing of an offer alike."""
    return {
        offer.id: {framing.id: 1.0 / len(offer.framings) for framing in offer.framings}
        for offer in ladder.offers
        if offer.framings
    }
