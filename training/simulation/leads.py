"""The leads of a simulated world: what nobody sees of them, their traits, what they came to."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from features.arrays import Floats
from features.ladder.ladder import Ladder
from training.simulation.config import SimulationConfig
from training.simulation.names import WORDS

__all__ = ["Leads"]


class Leads:
    """All leads of a simulation, an entry of each array a lead, by number.

    Parameters
    ----------
    rng : draws the leads.

    Attributes
    ----------
    intent, aversion : unseen, in log-odds; aversion a doubling of effort.
    fit : what the traits add to the log-odds; 0 until they are drawn.
    unseen : offers extended to the lead that it did not see.
    spoiled : log-odds that a trap took from later steps.
    value : what the lead came to: its purchase, less what offers to it cost.
    """

    def __init__(self, ladder: Ladder, config: SimulationConfig, rng: np.random.Generator) -> None:
        self.ladder, self.config, self.rng = ladder, config, rng
        self.number = np.arange(config.leads)
        self.intent = rng.normal(0, config.intent_sd, config.leads)
        self.aversion = config.aversion * rng.lognormal(0, 0.5, config.leads)
        self.fit = np.zeros(config.leads)
        self.traits: dict[str, npt.NDArray[Any]] = {}
        self.unseen = np.zeros(config.leads)
        self.spoiled = np.zeros(config.leads)
        self.value = np.zeros(config.leads)

    def draw_traits(self, planted: np.random.Generator) -> None:
        """A value of every trait for every lead; `planted` draws what each adds to the log-odds."""
        count = len(self.number)
        share = self.config.trait_sd / max(1.0, np.sqrt(len(self.ladder.traits)))
        for trait in self.ladder.traits:
            if trait.type == "number":
                size = self.rng.normal(0, 1, count)
                self.traits[trait.id] = np.round(np.exp(4.0 + 1.2 * size))
                self.fit += share * np.clip(size, -2, 2)
            else:
                words = np.array(
                    WORDS.get(trait.id, [f"{trait.id} {n}" for n in "ABCDE"]), dtype=object
                )
                effect = share * planted.normal(0, 1, len(words))
                code = self.rng.integers(0, len(words), count)
                self.traits[trait.id] = words[code]
                self.fit += effect[code]

    def luck(self, rung: int, *of: int) -> Floats:
        """Shape (n_leads,): a number in [0, 1) for each lead, the same whatever is done to it."""
        return np.random.default_rng((self.config.seed, 1 + rung, *of)).random(self.config.leads)
