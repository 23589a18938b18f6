"""Open Bandit, the small data: clicks on fashion items that a policy and pure chance chose.

Two policies ran side by side in three campaigns: chance, and Bernoulli Thompson sampling (BTS).
The log of chance judges BTS, whose own click rate is the truth; a log of BTS cannot judge chance.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from benchmarks.public_data import read_csv
from features.arrays import Floats, Ints
from models.judging.off_policy import Logged, PolicyValue, off_policy
from training.policies.evaluate import Assessment, assess
from training.policies.gate import one_look_refusals
from training.policies.predicted_values import predicted_values

__all__ = ["CAMPAIGNS", "Campaign", "campaign"]


CAMPAIGNS: Final = ("all", "men", "women")
_BOOTSTRAPS: Final = 30
_POSITIONS: Final = 3


@dataclass(frozen=True, eq=False, slots=True)
class Campaign:
    """How well the log of chance told the click rate of BTS, and what the log of BTS tells.

    Parameters
    ----------
    truth : the click rate of BTS, on its own log.
    forward : BTS as the whole log of chance judges it.
    errors : estimator -> relative errors of the bootstraps of that log.
    chance : the click rate of chance, on its own log.
    backward : chance as the log of BTS judges it.
    refused : what keeps it from being told so.
    """

    name: str
    items: int
    truth: float
    forward: PolicyValue
    errors: dict[str, Floats]
    chance: float
    backward: Assessment
    refused: tuple[str, ...]


@dataclass(frozen=True, eq=False, slots=True)
class _Impressions:
    """A log of one policy, a row an impression; nobody is known to come twice."""

    matrix: Floats
    position: Ints
    logged: Logged

    @classmethod
    def read(cls, policy: str, name: str) -> _Impressions:
        """Of the chances only that of the item shown is logged: the others share the rest."""
        table = read_csv(f"obd_{policy}_{name}.csv.gz")
        item = table["item_id"].to_numpy(dtype=np.int64)
        chance = table["propensity_score"].to_numpy(dtype=np.float64)
        items = int(item.max()) + 1
        probability = np.tile(((1.0 - chance) / (items - 1))[:, None], (1, items))
        probability[np.arange(len(item)), item] = chance
        clicks = table["click"].to_numpy(dtype=np.float64)
        return cls(
            _signals(table),
            table["position"].to_numpy(dtype=np.int64) - 1,
            Logged(probability, item, clicks, np.arange(len(item))),
        )

    @property
    def rate(self) -> float:
        """Clicks an impression."""
        return float(self.logged.value.mean())

    def drawn_again(self, seed: int) -> _Impressions:
        """A bootstrap; copies of an impression stay in one fold."""
        n = len(self.logged)
        rows = np.random.default_rng(seed).integers(0, n, n)
        return _Impressions(self.matrix[rows], self.position[rows], self.logged.rows(rows))


def _signals(table: pd.DataFrame) -> Floats:
    """The position, who the user is (texts as codes) and what the user likes."""
    known = table.filter(regex="^(position|user)").copy()
    for column in known.select_dtypes(exclude="number"):
        known[column] = pd.Categorical(known[column]).codes
    return known.to_numpy(dtype=np.float64)


def campaign(name: str) -> Campaign:
    """One campaign: judged both ways."""
    chance, bts = _Impressions.read("random", name), _Impressions.read("bts", name)
    shown = _shown(bts, chance.logged.probability.shape[1])
    told = [_told(chance.drawn_again(seed), shown) for seed in range(_BOOTSTRAPS)]
    backward = _backward(bts)
    return Campaign(
        name=name,
        items=shown.shape[1],
        truth=bts.rate,
        forward=_forward(chance, shown)[0],
        errors={
            estimator: np.array([abs(one[estimator] - bts.rate) / bts.rate for one in told])
            for estimator in told[0]
        },
        chance=chance.rate,
        backward=backward,
        refused=one_look_refusals(_plain(backward)),
    )


def _shown(bts: _Impressions, items: int) -> Floats:
    """Shape (positions, items): how often BTS shows each item where, from every other impression.

    The chances that BTS had for the items that it did not show are not in the data.
    """
    counts = np.zeros((_POSITIONS, items))
    np.add.at(counts, (bts.position[::2], bts.logged.chosen[::2]), 1.0)
    share: Floats = counts / counts.sum(axis=1, keepdims=True)
    return share


def _forward(chance: _Impressions, shown: Floats) -> tuple[PolicyValue, float]:
    """BTS by IPS, SNIPS and DR, and by the model of clicks alone."""
    target = shown[chance.position]
    predicted = predicted_values(chance.matrix, chance.logged, binary=True)
    value = off_policy(chance.logged, target, predicted)
    return value, float((target * predicted).sum(axis=1).mean())


def _told(chance: _Impressions, shown: Floats) -> dict[str, float]:
    value, by_model = _forward(chance, shown)
    return {
        "IPS": value.ips.value,
        "SNIPS": value.snips.value,
        "DR": value.dr.value,
        "model alone (DM)": by_model,
    }


def _backward(bts: _Impressions) -> Assessment:
    """Pure chance, judged by what BTS showed, beside BTS itself.

    What is foreseen is that of the impression, whatever is shown: with it DR gives BTS its own
    click rate, although the chances of the items that were not shown are unknown.
    """
    logged = bts.logged
    even = np.full(logged.probability.shape, 1.0 / logged.probability.shape[1])
    of_items = predicted_values(bts.matrix, logged, binary=True)
    predicted = np.broadcast_to(of_items.mean(axis=1, keepdims=True), of_items.shape)
    return assess(logged, even, logged.probability, predicted, {})


def _plain(assessment: Assessment) -> dict[str, Any]:
    return asdict(replace(assessment, segments={}))
