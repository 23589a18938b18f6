"""The leads of a world as they are before anybody does anything to them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from benchmarks.outcomes.ranges import Parameters
from features.arrays import Bools, Floats, Ints
from features.ladder.ladder import Ladder
from training.simulation.names import WORDS

__all__ = ["TOPICS", "People"]

TOPICS: Final = ("bottlenecks", "handovers", "costs")
_NO_INTENT: Final = -3.5
"""Of those who only look, in logarithms of hazards."""
_BUSY: Final = 6.0
"""How much more they do than others."""


class People:
    """All leads that ever come, an entry of each array a lead, in the order in which they come.

    Parameters
    ----------
    days : of the world, burn-in and after.
    rng : draws them.

    Attributes
    ----------
    born : the day on which each comes.
    intent, fit : unseen, and what the traits add; in logarithms of hazards.
    traits : what each trait is, by its id.
    busy : actions of each as a multiple of the usual.
    is_touchy : whether a call annoys it.
    patience : days until it is gone for good, on average.
    aversion : lost a doubling of effort.
    topic : index into `TOPICS`, what it is after.
    """

    def __init__(
        self, ladder: Ladder, parameters: Parameters, days: int, rng: np.random.Generator
    ) -> None:
        arrivals = rng.poisson(parameters.arrivals, days)
        self.born: Ints = np.repeat(np.arange(days), arrivals)
        count = len(self.born)
        looks: Bools = rng.random(count) < parameters.tyre_kickers
        intent = rng.normal(0.0, parameters.intent_sd, count)
        self.intent: Floats = np.where(looks, _NO_INTENT, intent)
        self.busy: Floats = np.where(looks, _BUSY, 1.0)
        self.is_touchy: Bools = rng.random(count) < parameters.touchy
        self.patience: Floats = parameters.patience * rng.lognormal(0.0, 0.5, count)
        self.aversion: Floats = parameters.aversion * rng.lognormal(0.0, 0.5, count)
        self.topic: Ints = rng.integers(0, len(TOPICS), count)
        self.traits: dict[str, npt.NDArray[Any]] = {}
        self.fit: Floats = np.zeros(count)
        share = parameters.trait_sd / np.sqrt(max(1, len(ladder.traits)))
        for trait in ladder.traits:
            self._draw(trait.id, share, rng, is_number=trait.type == "number")

    def __len__(self) -> int:
        return len(self.born)

    def _draw(self, trait: str, share: float, rng: np.random.Generator, *, is_number: bool) -> None:
        if is_number:
            size = rng.normal(0.0, 1.0, len(self))
            self.traits[trait] = np.round(np.exp(4.0 + 1.2 * size))
            self.fit += share * np.clip(size, -2.0, 2.0)
            return
        words = np.array(WORDS.get(trait, list("ABCDE")), dtype=object)
        effect = share * rng.normal(0.0, 1.0, len(words))
        code = rng.integers(0, len(words), len(self))
        self.traits[trait] = words[code]
        self.fit += effect[code]
